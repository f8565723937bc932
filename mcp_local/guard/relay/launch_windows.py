"""How Windows starts a wrapped server: in a job that ends with us, with pipes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import PureWindowsPath
from typing import TYPE_CHECKING, Final, final

from mcp_local.guard.relay.batch import batch_line, is_batch

if sys.platform == "win32":  # the type checker knows it on no other system
    from mcp_local.guard.relay.job_windows import Job

assert sys.platform == "win32"  # noqa: S101 - tells the type checker which system this is for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mcp_local.guard.relay.command import PathLike

_SUSPENDED: Final = 0x4  # CREATE_SUSPENDED
_FLAGS: Final = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP | _SUSPENDED


@final
class Started:
    """A server that was started, and the job that it runs in."""

    __slots__ = ("job", "popen")

    def __init__(self, popen: subprocess.Popen[bytes], job: Job) -> None:
        self.popen = popen
        self.job = job


def start(
    program: str, arguments: Sequence[str], environ: Mapping[str, str], folder: PathLike
) -> Started:
    """Start a program; of our handles it gets three new pipes and nothing else.

    Raises:
        NoProgram: it is a batch file, and an argument can't be handed to it safely.
        OSError: it can't be run.
    """
    path = PureWindowsPath(program)
    line: str | list[str] = [str(path), *arguments]
    executable = str(path)
    if is_batch(path):
        executable = _shell(environ)
        line = batch_line(executable, path, arguments)
    job = Job()
    popen = subprocess.Popen(  # noqa: S603 - what the person's settings or command line name
        line,
        executable=executable,
        env=dict(environ),
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        creationflags=_FLAGS,
    )
    try:
        job.take(int(popen._handle))  # noqa: SLF001  # pyright: ignore[reportPrivateUsage, reportUnknownMemberType, reportUnknownArgumentType, reportAttributeAccessIssue] - no other way to it
    except OSError:
        popen.kill()
        job.close()
        raise
    return Started(popen, job)


def _shell(environ: Mapping[str, str]) -> str:
    """Return the path of ``cmd.exe``: the system's own, whatever COMSPEC says."""
    roots = [value for name, value in environ.items() if name.upper() == "SYSTEMROOT"]
    return str(PureWindowsPath(*roots[:1] or ["C:\\Windows"], "System32", "cmd.exe"))
