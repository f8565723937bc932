"""Ends the process within a second of being asked to, whatever still blocks in it (M20, M21)."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Final, Self

from mcp_local.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable

GRACE: Final = 0.7
"""Seconds for the server to end by itself."""
_LOOK: Final = 1000
"""Milliseconds between two looks at whether the parent lives, where nobody tells its end."""
_CLIENT_GONE: Final = 0
_PARENT_GONE: Final = 255
_SIGNALS: Final = ("SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK")


class EndOfProcess:
    """Waits in a thread of its own for the client's end, a signal, or the parent's death.

    Everything that asks writes one byte to a pipe: that is safe in a signal handler, and works
    while the main thread is stuck in C code, because Python writes a signal's number there itself.
    """

    def __init__(self) -> None:
        self.asked = False
        self.code = ExitCode.OK
        self._stop: Callable[[], object] | None = None
        self._last: Callable[[], None] | None = None
        self._read, self._write = os.pipe()
        self._parent = os.getppid()

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._watch_signals()
        threading.Thread(target=self._wait, name="mcp-local end", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the thread running: it must see to what outlives the server."""

    def client_gone(self) -> None:
        """Let the server end by itself, but not for longer than the grace."""
        self._ask(_CLIENT_GONE)

    def when_asked(self, stop: Callable[[], object]) -> None:
        """Call ``stop`` from another thread on a signal or the parent's death."""
        self._stop = stop
        if self.asked:
            stop()

    def at_last(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` just before the process is ended by force."""
        self._last = callback

    def _ask(self, why: int) -> None:
        os.write(self._write, bytes([why]))

    def _watch_signals(self) -> None:
        for name in _SIGNALS:
            number = getattr(signal, name, None)
            if number is not None:
                signal.signal(number, lambda number, _frame: self._ask(number))
        if sys.platform != "win32":  # there asyncio takes the one wake-up descriptor for itself
            os.set_blocking(self._write, False)
            signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)

    def _wait(self) -> None:
        why = self._next()
        self.asked = True
        self.code = ExitCode.INTERRUPTED if why == signal.SIGINT else ExitCode.OK
        if why != _CLIENT_GONE and self._stop is not None:
            self._stop()
        time.sleep(GRACE)
        if self._last is not None:
            self._last()
        os._exit(self.code)

    def _next(self) -> int:
        """Return why the process is to end."""
        if sys.platform == "win32":
            return os.read(self._read, 1)[0]
        asked = select.poll()
        asked.register(self._read, select.POLLIN)
        ends = end_of(self._parent)
        if ends is not None:
            asked.register(ends, select.POLLIN)
        while os.getppid() == self._parent:
            if self._read in dict(asked.poll(_LOOK if ends is None else None)):
                return os.read(self._read, 1)[0]
        return _PARENT_GONE


def end_of(pid: int) -> int | None:
    """Return a descriptor that tells the end of a process, where there is such a thing (Linux).

    Without one somebody has to look, and each look wakes an idle process up.
    """
    try:
        return os.pidfd_open(pid) if sys.platform == "linux" else None
    except OSError:  # forbidden in some sandboxes; unknown to old kernels
        return None
