"""Starts a wrapped server again when it ended by itself, ever later, and not for ever (M19)."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final, final

from mcp_local.guard.upstream import UpstreamGone

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mcp_local.guard.relay.child import Child
    from mcp_local.guard.relay.tail import Logs

DELAYS: Final = (0.0, 0.5, 1.0, 2.0)
"""Seconds before each start that follows an end; one end more opens the circuit."""
HEALTHY: Final = 60.0
"""Seconds of life after which an end counts as the first again."""


@final
class Backoff:
    """When to start again: ever later, and not at all after so many short lives in a row."""

    def __init__(self, delays: Sequence[float] = DELAYS) -> None:
        self._delays = delays
        self._ends = 0

    def after(self, lived: float) -> float | None:
        """Return how long to wait after a life of ``lived`` seconds; ``None``: give up."""
        self._ends = 1 if lived >= HEALTHY else self._ends + 1
        return self._delays[self._ends - 1] if self._ends <= len(self._delays) else None


@final
class Supervised:
    """A wrapped server with several lives: a :class:`~mcp_local.guard.upstream.Restartable`."""

    def __init__(
        self, make: Callable[[], Child], log: Logs, *, delays: Sequence[float] = DELAYS
    ) -> None:
        self._make = make
        self._log = log
        self._backoff = Backoff(delays)
        self._lives = len(delays) + 1
        self._stopped = threading.Event()
        self._changing = threading.Lock()
        self._born = time.monotonic()
        self._given_up = ""
        self._child = make()

    def start(self) -> None:
        """Start the server; returns at once."""
        self._born = time.monotonic()
        self._child.start()

    def send(self, message: bytes) -> None:
        """Hand over one message.

        Raises:
            UpstreamGone: the server has ended; it may be about to be started again.
        """
        if self._given_up:
            raise UpstreamGone(self._given_up)
        self._child.send(message)

    def receive(self) -> bytes | None:
        """Wait for the server's next message; ``None`` once this life has ended."""
        return self._child.receive()

    def revive(self) -> bool:
        """Wait as long as is due, then start the server anew; False: it stays as it is.

        Called by the thread that receives, after :meth:`receive` returned ``None``. The new server
        knows nothing of what was said to the old one.
        """
        wait = self._backoff.after(time.monotonic() - self._born)
        if self._stopped.is_set() or self._child.hopeless:
            return False
        if wait is None:
            self._given_up = f"{self._child.ended} It did so {self._lives} times in a row."
            self._log.event("server_given_up", level="error", why=self._given_up)
            return False
        if self._stopped.wait(wait):
            return False
        with self._changing:
            if self._stopped.is_set():
                return False
            self._child = self._make()
            self.start()
        return True

    @property
    def ended(self) -> str:
        """Why there is nothing more, in a sentence for people; empty while there may be."""
        return self._given_up or self._child.ended

    @property
    def lost(self) -> bool:
        """Whether it was given up, or could never be started."""
        return bool(self._given_up) or self._child.hopeless

    @property
    def remedy(self) -> str:
        """What helps where it could not be started; empty where that isn't known."""
        return self._child.remedy

    @property
    def last_lines(self) -> tuple[str, ...]:
        """The last lines of the server's standard error; may hold secrets of its own."""
        return self._child.last_lines

    def stop(self) -> None:
        """End the server and all that it started, within 2 s, for good."""
        self._stopped.set()
        with self._changing:
            child = self._child
        child.stop()
