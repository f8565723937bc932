"""How long the first lists wait for a sign-in under way (DESIGN.md 9)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mcp_local.guard.clients import known

if TYPE_CHECKING:
    from collections.abc import Callable


class Hold:
    """One deadline a process, shared by all lists, so that waits never add up."""

    def __init__(
        self, seconds: float | None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        """As set; ``None`` decides by the client that lists first."""
        self._clock = clock
        self._deadline: float | None = None

    def left(self, client: str) -> float:
        """Return how many seconds a list asked for by ``client`` may wait now.

        The first call sets the deadline.
        """
        if self._deadline is None:
            seconds = known(client).hold if self._seconds is None else self._seconds
            self._deadline = self._clock() + seconds
        return max(0.0, self._deadline - self._clock())
