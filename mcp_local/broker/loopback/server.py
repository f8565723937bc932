"""Serves requests on loopback sockets until the one that was waited for is answered.

Idle, slow and hostile peers hold nothing up (SECURITY.md O3, O4): each request has ten seconds, so
many connections are open at most, and everything unasked for gets a 4xx.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias, final

from mcp_local.broker.loopback.http import HEAD_LIMIT, Refused, Response, read_request
from mcp_local.broker.loopback.page import nothing_here

if TYPE_CHECKING:
    import socket
    from asyncio import StreamReader, StreamWriter
    from collections.abc import Awaitable, Callable, Sequence

    from mcp_local.broker.loopback.http import Request

    Last: TypeAlias = Callable[[], Response]
    """Makes the page that ends it all; runs in a thread, once."""
    Judge: TypeAlias = Callable[[Request, StreamWriter], Awaitable[Response | Last]]
    """Says what a request is answered with; raises Refused for a 4xx that changes nothing."""

_CONNECTIONS = 64
"""So many may be sending a request; one more ends the oldest (O3)."""
_REQUEST_TIME = 10.0
"""Seconds for a request to arrive (O3)."""
_LINGER = 2.0
"""Seconds for the peer to take its answer before the connection is closed."""


@final
class Service:
    """The connections of one wait for one answer."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._answered = asyncio.Event()
        self._delivered = asyncio.Event()
        self._closing = False
        self._peers: dict[StreamWriter, None] = {}
        """Open connections, oldest first, but for the one with the authentic answer."""

    async def run(self, sockets: Sequence[socket.socket], limit: float) -> None:
        """Serve until the last page is delivered.

        ``limit`` is in seconds; an answer that came within it is served however long that takes.

        Raises:
            TimeoutError: no authentic answer came in time.
        """
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
            outcome = await self._outcome(reader, writer)
            if isinstance(outcome, Response):
                await _deliver(reader, writer, outcome)
            else:
                await self._finish(reader, writer, outcome)
        self._peers.pop(writer, None)
        writer.close()

    async def _outcome(self, reader: StreamReader, writer: StreamWriter) -> Response | Last:
        try:
            async with asyncio.timeout(_REQUEST_TIME):
                request = await read_request(reader)
            return await self._judge(request, writer)
        except Refused as refusal:
            return nothing_here(refusal.status, refusal.reason)

    async def _finish(self, reader: StreamReader, writer: StreamWriter, last: Last) -> None:
        del self._peers[writer]
        self._answered.set()
        try:
            await _deliver(reader, writer, await asyncio.to_thread(last))
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
