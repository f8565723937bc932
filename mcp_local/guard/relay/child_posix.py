"""A wrapped server on POSIX systems, under its keeper, once it was started."""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, final

from mcp_local.guard.relay import keeper_posix as keeper

if TYPE_CHECKING:
    from mcp_local.guard.relay.launch_posix import Started

_PATIENCE: Final = 0.5
"""Seconds beyond its own limits for a keeper to end; then it is killed."""
_WHOLE: Final = ("logging", "concurrent.futures.thread", "ctypes")
"""The first two have a lock that they give back after a fork."""


def prepare() -> None:
    """Import whole what a fork calls, and what the keeper uses: other threads may be importing.

    A module that is half imported by then hears of the end of a fork whose beginning it missed,
    which the interpreter complains of; and its lock is one that nobody gives back in the keeper.
    The first start, which has no other threads, does without this and is quicker for it.
    """
    for module in _WHOLE:
        __import__(module)


@final
class Running:
    """Its three streams, and its end."""

    def __init__(self, started: Started) -> None:
        self.stdin, self.stdout, self.stderr = started.stdin, started.stdout, started.stderr
        self._life = started.life
        self._status = started.status
        self._keeper = started.keeper
        self._told = b""
        self._gone = False
        self._closed = set[int]()
        self._closing = threading.Lock()

    def exit_code(self, wait: float) -> int | None:
        """Return its exit code, negative for a signal, once it ended; waits ``wait`` seconds.

        Raises:
            OSError: it could not be started.
        """
        for word, number in self._report(b"exit", wait):
            if word == b"failed":
                raise OSError(number, os.strerror(number))
            if word == b"exit":
                return number
        return None

    def pid(self, wait: float) -> int | None:
        """Return its process id; waits ``wait`` seconds."""
        return next((number for word, number in self._report(b"pid", wait) if word == b"pid"), None)

    def end(self) -> None:
        """Begin to end it and all that it started; its standard input is to be closed before."""
        self._close(self._life)

    def close_stdin(self) -> None:
        """Tell it that nothing more will come; nobody may be writing."""
        self._close(self.stdin)

    def _close(self, descriptor: int) -> None:
        """Close a descriptor of ours, once: its number may be another's the next moment."""
        with self._closing:
            if descriptor not in self._closed:
                self._closed.add(descriptor)
                os.close(descriptor)

    def wait_gone(self) -> None:
        """Wait until nothing of it is left."""
        limit = keeper.EOF_GRACE + keeper.TERM_GRACE + _PATIENCE
        if not self._gone and not self._reaped(limit):
            with suppress(ProcessLookupError):
                os.kill(self._keeper, signal.SIGKILL)
            self._reaped(_PATIENCE)
        self._gone = True
        self._close(self._status)

    def _reaped(self, wait: float) -> bool:
        deadline = time.monotonic() + wait
        while True:
            try:
                if os.waitpid(self._keeper, os.WNOHANG)[0]:
                    return True
            except ChildProcessError:
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.005)

    def _report(self, word: bytes, wait: float) -> list[tuple[bytes, int]]:
        """Return what the keeper told; waits for ``word``, or for the end of what it tells."""
        waiting = select.poll()
        waiting.register(self._status, select.POLLIN)
        deadline = time.monotonic() + wait
        while word not in self._told and not self._gone:
            left = max(0.0, deadline - time.monotonic())
            if not waiting.poll(left * 1000):
                break
            told = os.read(self._status, 512)
            if not told:
                break
            self._told += told
        lines = (line.split() for line in self._told.split(b"\n"))
        return [(line[0], int(line[1])) for line in lines if line]
