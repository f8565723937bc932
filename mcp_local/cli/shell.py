"""Commands as people can paste them into the shell of their system."""

from __future__ import annotations

import re
import shlex
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_PLAIN: Final = r"[\w./:\\=+-]+"
_SPECIAL: Final = r"[$`%\"\u201c-\u201e]"
"""What means something within double quotes: to PowerShell, or to ``cmd``."""
_QUOTE: Final = r"['\u2018-\u201b]"


def shell_line(words: Iterable[str]) -> str:
    """Return the words as one line, quoted where they need it: a path may have spaces in it."""
    return " ".join(map(_QUOTES.get(sys.platform, shlex.quote), words))


def set_line(name: str, value: str) -> str:
    """Return the line that sets a variable for what is started next; PowerShell's on Windows."""
    if sys.platform == "win32":
        return f"$env:{name} = {_literal(value)}"
    return f"export {name}={shlex.quote(value)}"


def _on_windows(word: str) -> str:
    """Return one word, as ``cmd`` and PowerShell both take it where there is such a way."""
    if re.fullmatch(_PLAIN, word):
        return word
    if re.search(_SPECIAL, word):
        return _literal(word)
    end = word[len(word.rstrip("\\")) :]  # before a quote they count double
    return f'"{word}{end}"'


def _literal(text: str) -> str:
    """Return a text as PowerShell takes it as it is; to it curly quotes are quotes."""
    return "'" + re.sub(_QUOTE, r"\g<0>\g<0>", text) + "'"


_QUOTES: Final = {"win32": _on_windows}
