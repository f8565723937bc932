"""The command line of a ``.cmd`` or ``.bat`` file on Windows, which ``cmd.exe`` reads (M25).

Windows hands such files to ``cmd.exe``, whose quoting is not that of programs: an argument can
break out of its quotes and become a command. So every argument is quoted, and what means something
to ``cmd.exe`` within quotes is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mcp_local.guard.relay.command import NoProgram

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import PureWindowsPath

_ENDINGS: Final = frozenset({".bat", ".cmd"})
_MEANINGFUL: Final = frozenset('"%!\r\n\0')
"""The end of the quotes, variables (``!`` where delayed expansion is on), the end of the line."""


def is_batch(program: PureWindowsPath) -> bool:
    """Whether ``cmd.exe`` would read the program."""
    return program.suffix.lower().rstrip(". ") in _ENDINGS


def batch_line(shell: str, program: PureWindowsPath, arguments: Sequence[str]) -> str:
    """Return the command line that runs a batch file; ``shell`` is the path of ``cmd.exe``.

    ``/d`` keeps the registry's AutoRun commands out, ``/v:off`` delayed expansion; with ``/s`` the
    outermost quotes are dropped and all others stay.

    Raises:
        NoProgram: an argument holds what ``cmd.exe`` would take for its own.
    """
    for word in (str(program), *arguments):
        if found := _MEANINGFUL.intersection(word):
            marks = " ".join(sorted(map(ascii, found)))
            raise NoProgram(
                f"{program.name} is a batch file, to which {marks} can't be handed safely. "
                "Name the program that it starts (node.exe, python.exe) instead."
            )
    words = " ".join(map(_quoted, (str(program), *arguments)))
    return f'"{shell}" /d /v:off /s /c "{words}"'


def _quoted(word: str) -> str:
    """Quote a word; backslashes before a quote are doubled, as programs read them."""
    trailing = word[len(word.rstrip("\\")) :]
    return f'"{word}{trailing}"'
