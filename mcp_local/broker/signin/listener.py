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
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mcp_local.broker.signin import pages
from mcp_local.broker.signin.loopback_http import (
    HEAD_LIMIT,
    Refused,
    Response,
    read_request,
)
from mcp_local.broker.signin.loopback_sockets import open_loopback
from mcp_local.broker.signin.reception import Reception

if TYPE_CHECKING:
    import socket
    from asyncio import StreamReader, StreamWriter
    from collections.abc import Callable, Mapping

_CONNECTIONS = 64
"""So many may be sending a request; one more ends the oldest (O3)."""
_REQUEST_TIME = 10.0
"""Seconds for a request to arrive (O3)."""
_LINGER = 2.0
"""Seconds for the peer to take its answer before the connection is closed."""
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
        exchange = _Exchange(reception, redeem, started)
        await exchange.run(self._sockets, limit)

    def close(self) -> None:
        """Free the port."""
        for each in self._sockets:
            each.close()


class _Exchange:
    """The connections of one :meth:`Listener.receive`."""

    def __init__(
        self,
        reception: Reception,
        redeem: Callable[[Mapping[str, str]], Response],
        started: Callable[[str], None],
    ) -> None:
        self._reception = reception
        self._redeem = redeem
        self._started = started
        self._answered = asyncio.Event()
        self._delivered = asyncio.Event()
        self._closing = False
        self._peers: dict[StreamWriter, None] = {}
        """Open connections, oldest first, but for the one with the authentic answer."""

    async def run(self, sockets: list[socket.socket], limit: float) -> None:
        async with asyncio.TaskGroup() as tasks:

            def connected(reader: StreamReader, writer: StreamWriter) -> None:
                if self._closing:  # accepted at the last moment
                    writer.transport.abort()
                else:
                    tasks.create_task(self._serve(reader, writer))

            servers = [
                await asyncio.start_server(connected, sock=each, limit=HEAD_LIMIT)
                for each in sockets
            ]
            try:
                await self._wait(limit)
            finally:
                self._closing = True
                for server in servers:
                    server.close()
                for writer in self._peers:
                    writer.transport.abort()
        if not self._answered.is_set():
            raise TimeoutError

    async def _wait(self, limit: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(limit):
                await self._answered.wait()
        if self._answered.is_set():
            await self._delivered.wait()

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._peers[writer] = None
        if len(self._peers) > _CONNECTIONS:
            next(iter(self._peers)).transport.abort()
        with suppress(EOFError, OSError):  # the peer is gone (TimeoutError is an OSError)
            outcome = await self._judge(reader)
            if isinstance(outcome, Response):
                await _deliver(reader, writer, outcome)
            else:
                await self._finish(reader, writer, outcome)
        self._peers.pop(writer, None)
        writer.close()

    async def _judge(self, reader: StreamReader) -> Response | Mapping[str, str]:
        try:
            async with asyncio.timeout(_REQUEST_TIME):
                request = await read_request(reader)
            outcome = self._reception.judge(request)
        except Refused as refusal:
            return pages.refused(refusal.status, refusal.reason)
        if isinstance(outcome, Response):
            await asyncio.to_thread(self._started, request.target)
        return outcome

    async def _finish(
        self, reader: StreamReader, writer: StreamWriter, form: Mapping[str, str]
    ) -> None:
        del self._peers[writer]
        self._answered.set()
        try:
            await _deliver(reader, writer, await asyncio.to_thread(self._redeem, form))
        finally:
            self._delivered.set()


async def _deliver(reader: StreamReader, writer: StreamWriter, response: Response) -> None:
    """Send the answer and let the peer close first, so that a reset can't swallow the page."""
    async with asyncio.timeout(_LINGER):
        writer.write(response.encode())
        await writer.drain()
        writer.write_eof()
        while await reader.read(HEAD_LIMIT):
            pass
