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
