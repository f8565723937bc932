"""Our programs in processes of their own, which cost little: forks, where those are safe (Linux).

A test of how the program itself starts takes the real one: :data:`tests.support.chat.PROGRAM`,
:data:`tests.support.relayed.PYTHON`.
"""

from __future__ import annotations

import functools
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Warm:
    """The process that is forked, and the folder with its socket and launchers."""

    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def socket(self) -> str:
        """Where it is asked for forks."""
        return str(self.folder / "socket")

    def add(self, name: str, *words: str) -> None:
        """Write a launcher: what Python runs with these words, and more."""
        line = [sys.executable, "-IS", str(_HERE / "launching.py"), self.socket, sys.executable]
        file = self.folder / name
        file.write_text(f'#!/bin/sh\nexec {shlex.join([*line, *words])} "$@"\n', encoding="utf-8")
        file.chmod(0o700)

    def end(self) -> None:
        """End it with all its forks."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()
        shutil.rmtree(self.folder)


@functools.cache
def warm() -> Warm | None:
    """Return the warm process of this worker, where there can be one; starts it, once."""
    if not _is_possible():
        return None
    folder = Path(tempfile.mkdtemp(prefix="warm-"))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket"))
        listener.listen(64)
        number = listener.fileno()
        line = [sys.executable, "-P", str(_HERE / "forking.py"), str(number)]
        process = subprocess.Popen(
            line, stdin=subprocess.PIPE, pass_fds=[number], start_new_session=True
        )
    here = Warm(process, folder)
    here.add("python")
    here.add("mcp-local", "-P", "-m", "mcp_local")
    return here


def _is_possible() -> bool:
    if sys.platform != "linux" or "PYTEST_VERSION" not in os.environ:
        return False  # outside of pytest it is a benchmark, which measures the real program
    with suppress(OSError):  # forbidden in some sandboxes
        os.close(os.pidfd_open(os.getpid()))
        return True
    return False


def cool() -> None:
    """End the warm process of this worker, if there is one."""
    if warm.cache_info().currsize and (here := warm()) is not None:
        here.end()
    warm.cache_clear()


def python() -> str:
    """Return a Python that has imported what our programs do."""
    here = warm()
    return sys.executable if here is None else str(here.folder / "python")


def program() -> str:
    """Return an ``mcp-local`` that has imported what it needs."""
    here = warm()
    beside = Path(sys.executable).parent if here is None else here.folder
    return str(beside / "mcp-local")


def ours(*words: str) -> Sequence[str]:
    """Return the command ``mcp-local WORDS…``."""
    return [program(), *words]
