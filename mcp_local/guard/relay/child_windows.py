"""A wrapped server on Windows, in its job, once it was started."""

from __future__ import annotations

import msvcrt
import os
import subprocess
import sys
import threading
import time
from typing import IO, TYPE_CHECKING, Final, final

assert sys.platform == "win32"  # noqa: S101 - tells the type checker which system this is for

if TYPE_CHECKING:
    from mcp_local.guard.relay.launch_windows import Started

EOF_GRACE: Final = 1.3
"""Seconds for a server to end after its standard input was closed; there is no gentler signal."""
_KILLING: Final = 0.5


def prepare() -> None:
    """Nothing: here a start is no fork."""


@final
class Running:
    """Its three streams, and its end."""

    def __init__(self, started: Started) -> None:
        self._popen = popen = started.popen
        self._job = started.job
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


def _descriptor(stream: IO[bytes] | None) -> int:
    """Return a descriptor of our own for a pipe, without the object around it."""
    assert stream is not None  # noqa: S101 - each of the three is a pipe
    with stream:
        descriptor = os.dup(stream.fileno())
    msvcrt.setmode(descriptor, os.O_BINARY)
    return descriptor
