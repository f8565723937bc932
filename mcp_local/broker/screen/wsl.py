"""The browser of the Windows around a Linux that runs in it (WSL): the person sits there.

Windows hands what its browser sends to ``localhost`` on to the Linux, so that the answer of a
sign-in finds its way back.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

KERNEL: Final = Path("/proc/version")
_OPEN: Final = "Start-Process ([Console]::In.ReadLine())"
"""Takes the address over a pipe, as arguments can be read by every user of the machine."""


def in_wsl(kernel: Path = KERNEL) -> bool:
    """Tell whether this is such a Linux, by what its kernel says of itself."""
    try:
        return "microsoft" in kernel.read_text(encoding="utf-8", errors="replace").lower()
    except OSError:
        return False


def windows_opener(environ: Mapping[str, str], kernel: Path = KERNEL) -> list[str]:
    """Return the command that opens what it reads in a browser of Windows; empty: there is none.

    A terminal over SSH has none: whoever sits there doesn't see this machine's screen.
    """
    if environ.get("SSH_CONNECTION") or not in_wsl(kernel):
        return []
    shell = shutil.which("powershell.exe", path=environ.get("PATH", ""))
    if shell is None or not Path(shell).is_absolute():
        return []
    return [shell, "-NoProfile", "-NonInteractive", "-Command", _OPEN]
