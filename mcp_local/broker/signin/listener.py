"""The loopback listener that receives the authority's answer from the browser.

MSAL's own is held up by one idle connection and checks neither Host nor path (SECURITY.md); this
one takes exactly one form with the right ``state``, answers everything else with 4xx, and goes on
waiting. State, PKCE and nonce authenticate the answer; ``Origin`` can't, since the cloud's page
posts with ``Origin: null`` (O7).
"""

from __future__ import annotations

import asyncio
import hmac
import itertools
import secrets
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, parse_qsl, urlsplit

from mcp_local.broker.signin import pages
from mcp_local.broker.signin.loopback_http import (
    HEAD_LIMIT,
    Refused,
    Request,
    Response,
    read_request,
)
from mcp_local.broker.signin.loopback_sockets import open_loopback

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
_FORM = "application/x-www-form-urlencoded"
_FIELDS = 20
"""The authority sends at most half a dozen."""


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
        desk = Desk(urlsplit(self.redirect_uri).netloc, auth_uri, self._starts)
        exchange = _Exchange(desk, redeem, started)
        await exchange.run(self._sockets, limit)

    def close(self) -> None:
        """Free the port."""
        for each in self._sockets:
            each.close()


class Desk:
    """Decides what a request is answered with; no I/O."""

    def __init__(self, host: str, auth_uri: str, starts: set[str]) -> None:
        self._host = host
        self._auth_uri = auth_uri
        self._state = parse_qs(urlsplit(auth_uri).query)["state"][0].encode()
        self._starts = starts
        self._answered = False

    def judge(self, request: Request) -> Response | Mapping[str, str]:
        """Return the redirect of a start address, or the form of the one authentic answer.

        Raises:
            Refused: anything else; the sign-in goes on.
        """
        if request.headers.get("host", "").lower() != self._host:  # O7, DNS rebinding
            raise Refused(HTTPStatus.MISDIRECTED_REQUEST, "This address belongs to another host.")
        path, _, _ = request.target.partition("?")
        if path.startswith("/start/"):
            return self._start(request)
        if path != "/":  # O7
            raise Refused(HTTPStatus.NOT_FOUND, "There is nothing at this address.")
        if request.method == "GET":  # O2: a code in an address ends up in histories and logs
            raise Refused(
                HTTPStatus.BAD_REQUEST, "The answer of the sign-in page must come as a form."
            )
        if request.method != "POST":  # O7
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "This can't be done here.")
        return self._answer(request)

    def _start(self, request: Request) -> Response:
        if request.method != "GET":
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "This can't be done here.")
        if request.target not in self._starts or self._answered:
            raise Refused(
                HTTPStatus.GONE,
                "This link was used already, or its sign-in is over. "
                "Ask for the sign-in again to get a new link.",
            )
        self._starts.remove(request.target)
        return Response(HTTPStatus.FOUND, headers=(*pages.HEADERS, ("Location", self._auth_uri)))

    def _answer(self, request: Request) -> Mapping[str, str]:
        if self._answered:  # O9
            raise Refused(HTTPStatus.CONFLICT, "This sign-in has had its answer.")
        form = _parse_form(request)
        state = form.get("state", "").encode()
        if not hmac.compare_digest(state, self._state):  # O1
            raise Refused(HTTPStatus.BAD_REQUEST, "This answer belongs to another sign-in.")
        if not form.keys() & {"code", "error"}:
            raise Refused(HTTPStatus.BAD_REQUEST, "This is not the answer of a sign-in page.")
        self._answered = True
        return form


def _parse_form(request: Request) -> Mapping[str, str]:
    """Return the fields, each of which occurs once (O1: no doubled ``state``)."""
    content_type, _, _ = request.headers.get("content-type", "").partition(";")
    if content_type.strip().lower() != _FORM:
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "A form is expected here.")
    try:
        fields = parse_qsl(
            request.body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_FIELDS,
        )
    except ValueError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, "The form can't be read.") from error
    form = dict(fields)
    if len(form) != len(fields):
        raise Refused(HTTPStatus.BAD_REQUEST, "The form has a field twice.")
    return form


class _Exchange:
    """The connections of one :meth:`Listener.receive`."""

    def __init__(
        self,
        desk: Desk,
        redeem: Callable[[Mapping[str, str]], Response],
        started: Callable[[str], None],
    ) -> None:
        self._desk = desk
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
            outcome = self._desk.judge(request)
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
