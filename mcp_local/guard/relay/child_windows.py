"""How Windows starts a wrapped server: in a job that ends with us, with pipes."""

from __future__ import annotations

import msvcrt
import os
import subprocess
import sys
import threading
import time
from pathlib import PureWindowsPath
from typing import IO, TYPE_CHECKING, Final, final

from mcp_local.guard.relay.batch import batch_line, is_batch

if sys.platform == "win32":  # the type checker knows it on no other system
    from mcp_local.guard.relay.job_windows import Job

assert sys.platform == "win32"  # noqa: S101 - tells the type checker which system this is for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

EOF_GRACE: Final = 1.3
"""Seconds for a server to end after its standard input was closed; there is no gentler signal."""
_KILLING: Final = 0.5
_SUSPENDED: Final = 0x4  # CREATE_SUSPENDED
_FLAGS: Final = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP | _SUSPENDED


@final
class Running:
    """A server that was started: its three streams, and its end."""

    def __init__(self, popen: subprocess.Popen[bytes], job: Job) -> None:
        self._popen = popen
        self._job = job
        self.stdin, self.stdout, self.stderr = map(
            _descriptor, (popen.stdin, popen.stdout, popen.stderr)
        )
        self._stdin_open = True
        self._closing = threading.Lock()
        self._ending: threading.Thread | None = None

    def exit_code(self, wait: float) -> int | None:
        """Return its exit code once it ended; waits ``wait`` seconds."""
        try:
            return self._popen.wait(wait)
        except subprocess.TimeoutExpired:
            return None

    def pid(self, wait: float) -> int:
        """Return its process id."""
        del wait
        return self._popen.pid

    def close_stdin(self) -> None:
        """Tell it that nothing more will come; nobody may be writing."""
        with self._closing:
            if self._stdin_open:
                self._stdin_open = False
                os.close(self.stdin)

    def end(self) -> None:
        """Begin to end it and all that it started; its standard input is to be closed before."""
        with self._closing:
            if self._ending is None:
                self._ending = threading.Thread(target=self._end, name="mcp-local end of server")
                self._ending.daemon = True
                self._ending.start()

    def wait_gone(self) -> None:
        """Wait until nothing of it is left."""
        self.end()
        if self._ending is not None:
            self._ending.join(EOF_GRACE + 2 * _KILLING)

    def _end(self) -> None:
        if self._popen.poll() is None:
            self._wait_empty(EOF_GRACE)
        self._job.kill()
        self._wait_empty(_KILLING)
        self._popen.wait()
        self._job.close()

    def _wait_empty(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self._job.active() and time.monotonic() < deadline:
            time.sleep(0.01)


def start(
    program: Path, arguments: Sequence[str], environ: Mapping[str, str], folder: Path
) -> Running:
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
    return Running(popen, job)


def _shell(environ: Mapping[str, str]) -> str:
    """Return the path of ``cmd.exe``: the system's own, whatever COMSPEC says."""
    roots = [value for name, value in environ.items() if name.upper() == "SYSTEMROOT"]
    return str(PureWindowsPath(*roots[:1] or ["C:\\Windows"], "System32", "cmd.exe"))


def _descriptor(stream: IO[bytes] | None) -> int:
    """Return a descriptor of our own for a pipe, without the object around it."""
    assert stream is not None  # noqa: S101 - each of the three is a pipe
    with stream:
        descriptor = os.dup(stream.fileno())
    msvcrt.setmode(descriptor, os.O_BINARY)
    return descriptor
