"""Pages of sign-ins that the client is asked to open outside of its calls (handshake era)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from mcp_local.broker.state import Wanted

    Invite = Callable[[Wanted | None], Awaitable[object]]

_HELLO = 2.0
"""Seconds in which a client says who it is, else it isn't asked at the start."""


class InClient:
    """Asks the client, if it has said that it can be asked. For one event loop.

    ``BROWSER`` names what is to open pages: where it is set, nobody else is asked to.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._browser_is_named = bool(environ.get("BROWSER"))
        self._client: asyncio.Future[Invite | None] | None = None
        self._asking: asyncio.Future[object] | None = None

    def comes(self, client: asyncio.Future[Invite | None] | None) -> None:
        """Take note of what will say how the client is asked; ``None``: it never is."""
        self._client = client

    async def greeted(self) -> None:
        """Wait a moment until the client has said what it can."""
        if self._client is not None and not self._browser_is_named:
            await asyncio.wait([self._client], timeout=_HELLO)

    def ask(self, wanted: Wanted | None = None) -> asyncio.Future[object] | None:
        """Begin a sign-in that the client opens; ``None``: it can't be asked."""
        known = self._client is not None and self._client.done()
        if self._client is None or not known or self._browser_is_named:
            return None
        invite = self._client.result()
        if invite is None:
            return None
        self._asking = asyncio.ensure_future(invite(wanted))
        return self._asking

    async def close(self) -> None:
        """Stop asking; a sign-in under way goes on."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
