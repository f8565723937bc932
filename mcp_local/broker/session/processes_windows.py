"""How Windows starts a process that outlives us."""

from __future__ import annotations

import msvcrt
import os
import subprocess
import sys
from typing import TYPE_CHECKING

assert sys.platform == "win32"  # noqa: S101 - tells the type checker which system this is for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_FLAGS = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP


def spawn(
    command: Sequence[str], environ: Mapping[str, str], *, stdin: int, pipe: int | None
) -> subprocess.Popen[bytes]:
    """Start the command outside the client's job; of our handles it gets ``pipe`` only.

    Clients end a server with its job. Where the job forbids to leave it, the process is started
    inside: should it die with us, its lock is free and the state says *interrupted*.
    """
    startup = subprocess.STARTUPINFO()
    if pipe is not None:
        os.set_inheritable(pipe, True)  # noqa: FBT003 - positional only
        startup.lpAttributeList = {"handle_list": [name_of(pipe)]}

    def start(flags: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command,
            env=environ,
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            creationflags=flags,
            startupinfo=startup,
        )

    try:
        return start(_FLAGS | subprocess.CREATE_BREAKAWAY_FROM_JOB)
    except PermissionError:
        return start(_FLAGS)


def name_of(pipe: int) -> int:
    """Return the number under which the started process finds the pipe: its handle."""
    return msvcrt.get_osfhandle(pipe)


def adopt(number: int) -> int:
    """Return a descriptor for an inherited handle; our own children don't inherit it again."""
    os.set_handle_inheritable(number, False)  # noqa: FBT003 - positional only
    return msvcrt.open_osfhandle(number, os.O_WRONLY | os.O_BINARY)
