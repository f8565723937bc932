"""What a server says on its standard error: the last lines kept, all of it logged within bounds."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Final, Protocol, final

if TYPE_CHECKING:
    from collections.abc import Callable

_KEPT: Final = 20
"""Lines."""
_LONG: Final = 2048
"""Bytes of one line; the rest of it is left out."""
_BURST: Final = 200
"""Lines that are logged at once …"""
_A_SECOND: Final = 10.0
"""… and a second from then on."""


class Logs(Protocol):
    """Where events go; :class:`mcp_local.log.Log` is one."""

    def event(self, name: str, *, level: str = "info", **fields: object) -> None:
        """Write one line."""
        ...


@final
class Quota:
    """So many lines at once, and so many a second; what is too much is counted."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left = float(_BURST)
        self._seen = clock()
        self._dropped = 0

    def take(self) -> int | None:
        """Return how many were dropped since the last one that was let through; ``None``: drop."""
        now = self._clock()
        self._left = min(float(_BURST), self._left + (now - self._seen) * _A_SECOND)
        self._seen = now
        if self._left < 1.0:
            self._dropped += 1
            return None
        self._left -= 1.0
        dropped, self._dropped = self._dropped, 0
        return dropped


@final
class Tail:
    """The last lines of a stream, and a log of all of them."""

    def __init__(self, log: Logs, event: str) -> None:
        self._log = log
        self._event = event
        self._quota = Quota()
        self._lines: deque[str] = deque(maxlen=_KEPT)
        self._begun = b""

    @property
    def lines(self) -> tuple[str, ...]:
        """The last lines, oldest first."""
        return tuple(self._lines)

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the stream."""
        *lines, rest = (self._begun + chunk).split(b"\n")
        for line in lines:
            self.add(line)
        self._begun = rest[:_LONG]

    def close(self) -> None:
        """Take what has no line feed for a line."""
        self.add(self._begun)
        self._begun = b""

    def add(self, line: bytes) -> None:
        """Take one line."""
        from mcp_local.guard.clean import clean  # noqa: PLC0415 - start-up: quiet ones need none

        text = clean(line[:_LONG].decode("utf-8", "replace").strip())
        if not text:
            return
        self._lines.append(text)
        dropped = self._quota.take()
        if dropped is None:
            return
        if dropped:
            self._log.event(self._event, left_out=dropped)
        self._log.event(self._event, line=text)
