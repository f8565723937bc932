"""How POSIX systems start a wrapped server: under a keeper, with pipes."""

from __future__ import annotations

import os
import select
import signal
import threading
import time
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Final, final

from mcp_local.guard.relay import keeper_posix as keeper

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

_PATIENCE: Final = 0.5
"""Seconds beyond its own limits for a keeper to end; then it is killed."""


@final
class Running:
    """A server that was started: its three streams, and its end."""

    def __init__(self, streams: tuple[int, int, int], life: int, status: int, pid: int) -> None:
        self.stdin, self.stdout, self.stderr = streams
        self._life = life
        self._status = status
        self._keeper = pid
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


def start(
    program: Path, arguments: Sequence[str], environ: Mapping[str, str], folder: Path
) -> Running:
    """Start a program; of our descriptors it gets three new pipes and nothing else.

    That it can't be run is told by :meth:`Running.exit_code`.

    Raises:
        OSError: the system has no room for another process.
    """
    _occupy_standard_descriptors()
    pipes: list[tuple[int, int]] = []
    try:
        pipes += (os.pipe() for _ in range(5))
        pid = _fork()
    except OSError:
        _close(descriptor for pipe in pipes for descriptor in pipe)
        raise
    (stdin, to_it), (from_it, stdout), (errors, stderr), (its_life, life), (told, status) = pipes
    if pid == 0:
        words = (str(program), *arguments)
        streams = (stdin, stdout, stderr)
        keeper.keep(keeper.Order(words[0], words, environ, str(folder), streams, its_life, status))
    _close((stdin, stdout, stderr, its_life, status))
    return Running((to_it, from_it, errors), life, told, pid)


def _fork() -> int:
    with warnings.catch_warnings():
        # Python warns of forks beside threads; the keeper takes no lock that one could hold.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _occupy_standard_descriptors() -> None:
    """Open what is closed of 0, 1 and 2, so that no pipe gets one of these numbers."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:  # noqa: PLR2004 - the standard ones
        pass
    os.close(descriptor)


def _close(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
