"""Commands as people can paste them into the shell of their system."""

from __future__ import annotations

import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def shell_line(words: Iterable[str]) -> str:
    """Return the words as one line, quoted where they need it: a path may have spaces in it."""
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


def set_line(name: str, value: str) -> str:
    """Return the line that sets a variable for what is started next; PowerShell's on Windows."""
    if sys.platform == "win32":
        quoted = value.replace("'", "''")
        return f"$env:{name} = '{quoted}'"
    return f"export {name}={shlex.quote(value)}"
