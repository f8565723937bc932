"""The loopback listener that receives the authority's answer from the browser.

MSAL's own is held up by one idle connection and checks neither Host nor path (SECURITY.md); this
one takes exactly one form with the right ``state``, answers everything else with 4xx, and goes on
waiting. State, PKCE and nonce authenticate the answer; ``Origin`` can't, since the cloud's page
posts with ``Origin: null`` (O7).
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mcp_local.broker.loopback.http import Response
from mcp_local.broker.loopback.server import Service
from mcp_local.broker.loopback.sockets import open_loopback
from mcp_local.broker.signin.reception import Reception

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mcp_local.broker.loopback.http import Request

_PORT_TRIES = 20


class Listener:
    """A port of our own on the loopback addresses, for one sign-in."""

    def __init__(self, port: int = 0) -> None:
        """Listen on ``port``, or on any free one when it is 0.

        Raises:
            SignInFailed: the port is taken.
        """
        ports = [port] if port else itertools.repeat(0, _PORT_TRIES)
        self._sockets = open_loopback(ports)
        self._port = int(self._sockets[0].getsockname()[1])
        self._starts: set[str] = set()

    @property
    def redirect_uri(self) -> str:
        """Return the address that the authority sends the browser to."""
        return f"http://localhost:{self._port}"

    def start_url(self) -> str:
        """Make an address that sends a browser to the authority, once.

        It may be shown: unlike the authority's address it holds no ``state``.
        """
        path = f"/start/{secrets.token_urlsafe(16)}"
        self._starts.add(path)
        return self.redirect_uri + path

    async def receive(
        self,
        auth_uri: str,
        redeem: Callable[[Mapping[str, str]], Response],
        *,
        limit: float,
        started: Callable[[str], None],
    ) -> None:
        """Serve until one authentic answer was redeemed and the browser has its page.

        ``redeem`` turns the form into the page; it runs in a thread. ``started`` is told, in a
        thread, of each start address that was used up. ``limit`` is in seconds; an answer that
        came within it is redeemed however long that takes.

        Raises:
            TimeoutError: no authentic answer came in time.
        """
        reception = Reception(urlsplit(self.redirect_uri).netloc, auth_uri, self._starts)

        async def judge(request: Request, _peer: object) -> Response | Callable[[], Response]:
            outcome = reception.judge(request)
            if isinstance(outcome, Response):
                await asyncio.to_thread(started, request.target)
                return outcome
            return lambda: redeem(outcome)

        await Service(judge).run(self._sockets, limit)

    def close(self) -> None:
        """Free the port."""
        for each in self._sockets:
            each.close()
