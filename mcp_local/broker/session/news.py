"""Waiting for something to become true, woken whenever there is news."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class News:
    """Wakes all who wait. For one event loop."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def tell(self) -> None:
        """Wake everybody, so that they look whether what they wait for holds."""
        self._next.set()
        self._next = asyncio.Event()

    async def until(self, done: Callable[[], object], *, seconds: float) -> None:
        """Wait until ``done()``, at most so many seconds; returns at once when it holds."""
        deadline = time.monotonic() + seconds
        while not done() and (left := deadline - time.monotonic()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._next.wait(), left)
