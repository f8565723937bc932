"""When a server has its token renewed: one renewal at a time, and a pause after each."""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mcp_local.broker.session.errands import Errands
    from mcp_local.broker.session.news import News
    from mcp_local.broker.session.view import View

_PATIENCE = 5.0
"""Seconds that requests wait for a renewal (DESIGN.md 9), and the pause after one."""
FORCED_PATIENCE = 40.0
"""Seconds that a person waits for the renewal they asked for; clients give up after 60."""


class Renewing:
    """The renewals of one server. For one event loop."""

    def __init__(
        self, view: View, errands: Errands, news: News, look: Callable[[], Awaitable[None]]
    ) -> None:
        self._view = view
        self._errands = errands
        self._news = news
        self._look = look
        self._task: asyncio.Task[None] | None = None
        self._ended = -math.inf

    @property
    def under_way(self) -> bool:
        """Whether the token is being renewed."""
        return self._task is not None

    async def if_due(self) -> None:
        """Have the token renewed when it is due; wait until that is over."""
        if self._view.renewal_due():
            await self._begin(force=False)

    async def for_request(self) -> None:
        """Have the token renewed when it is due; wait, for a while, unless it is still valid."""
        rested = time.monotonic() - self._ended >= _PATIENCE  # the last may have failed mutely
        if self._view.renewal_due() and rested:
            self._begin(force=False)
        await self._news.until(lambda: self._view.valid() or not self._task, seconds=_PATIENCE)

    async def for_person(self) -> None:
        """Have a new token fetched now, whatever is there; wait for it."""
        await self._news.until(lambda: not self._task, seconds=_PATIENCE)
        self._begin(force=True)
        await self._news.until(lambda: not self._task, seconds=FORCED_PATIENCE)

    async def close(self) -> None:
        """Give up a renewal under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _begin(self, *, force: bool) -> asyncio.Task[None]:
        """Begin a renewal, unless one is under way."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._renew(force=force))
        return self._task

    async def _renew(self, *, force: bool) -> None:
        async def needed() -> bool:
            await self._look()
            return force or self._view.renewal_due()

        try:
            await self._errands.renew(force=force, needed=needed)
            await self._look()
        finally:
            self._task, self._ended = None, time.monotonic()
            self._news.tell()
