"""How a client starts this program: an absolute command that is still there tomorrow."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mcp_local.errors import TargetError
from mcp_local.origin import install_hint, requirement

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME: Final = "mcp-local"
_PASSING: Final = re.compile(r"(?:archive|builds|environments)-v\d+")
"""Folders of uv's cache, which it may empty at any time."""
_WARM: Final = "import mcp_local.guard.hosted, mcp_local.wiring"
"""Loads what a first start loads, so that it is on the disk, compiled."""
_PATIENCE: Final = 300.0
"""Seconds that a download may take."""


@dataclass(frozen=True, slots=True)
class Program:
    """A command line that starts this program."""

    line: tuple[str, ...]
    python: tuple[str, ...]
    """The interpreter of the same environment."""

    def warm(self) -> None:
        """Load everything once, so that the first start stays inside a client's limit.

        Raises:
            TargetError: the command line doesn't work.
        """
        try:
            done = subprocess.run(  # noqa: S603 - our own, absolute
                [*self.python, "-c", _WARM],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_PATIENCE,
                check=False,
                encoding="utf-8",
                errors="replace",
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _broken(self.line, type(error).__name__) from None
        if done.returncode:
            raise _broken(self.line, (done.stderr.strip().splitlines() or ["no word why"])[-1])


def _broken(line: tuple[str, ...], why: str) -> TargetError:
    return TargetError(
        f"A client could not start `{' '.join(line)}`: {why}.",
        hint=install_hint(),
    )


def find_program(environ: Mapping[str, str]) -> Program:
    """Return how to start this program from elsewhere: its own script, or ``uvx`` with its version.

    Raises:
        TargetError: there is no way that lasts.
    """
    own = Path(sys.executable).parent / (f"{_NAME}.exe" if sys.platform == "win32" else _NAME)
    if own.is_file() and not _passing(own):
        return Program((str(own),), (sys.executable,))
    found = shutil.which(_NAME, path=environ.get("PATH"))
    if found and Path(found).is_absolute() and not _passing(Path(found).resolve()):
        return Program((found,), (_python_beside(Path(found)),))
    uv = environ.get("UV") or shutil.which("uv", path=environ.get("PATH"))
    if uv and Path(uv).is_absolute():
        spec = requirement()
        if spec == _NAME:
            spec = f"{_NAME}=={version(_NAME)}"
        run = (uv, "tool", "run", "--from", spec)
        return Program((*run, _NAME), (*run, "python"))
    raise TargetError(
        "There is no command that starts mcp-local and stays.",
        hint=install_hint(),
    )


def _passing(path: Path) -> bool:
    """Whether a program lies where uv keeps what it may throw away."""
    return any(_PASSING.fullmatch(part) for part in path.parts)


def _python_beside(script: Path) -> str:
    """Return the interpreter of a script's environment."""
    name = "python.exe" if sys.platform == "win32" else "python"
    beside = script.resolve().parent / name
    return str(beside) if beside.is_file() else sys.executable
