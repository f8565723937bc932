"""Shows a device code on the screen of this machine, where there is one.

A server has no terminal to show it in, and its client may not bring it to the person. The page is
served on loopback while the code is waited for; its address holds a secret and goes to the browser
alone.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import threading
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from mcp_local.broker.loopback.http import Refused
from mcp_local.broker.loopback.peer import is_same_user
from mcp_local.broker.loopback.server import Service
from mcp_local.broker.loopback.sockets import open_loopback
from mcp_local.broker.screen.browser import Opening, available
from mcp_local.errors import SignInFailed

if TYPE_CHECKING:
    import socket
    from asyncio import StreamWriter
    from collections.abc import Callable, Generator, Mapping

    from mcp_local.broker.loopback.http import Request, Response

_PORT_TRIES = 20
_LOOK = 0.25
"""Seconds between two looks at whether the code is still waited for."""


@contextmanager
def on_screen(
    page: Callable[[], Response], environ: Mapping[str, str], *, limit: float
) -> Generator[None]:
    """Show what ``page`` makes while the block runs, ``limit`` seconds at most.

    Where no browser can be opened, or no port is free, the block runs all the same.
    """
    sockets = _sockets(environ)
    if not sockets:
        yield
        return
    reception, over = _Reception(page, sockets[0].getsockname()[1]), threading.Event()
    serve = partial(_serve, reception, sockets, limit, over)
    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="mcp-local code page")
    thread.start()
    opening = Opening(reception.url, environ)
    try:
        yield
    finally:
        opening.let_go()
        over.set()
        thread.join()
        for each in sockets:
            each.close()


class _Reception:
    """Decides what each request is answered with."""

    def __init__(self, page: Callable[[], Response], port: int) -> None:
        self._page = page
        self._host = f"localhost:{port}"
        self._path = f"/code/{secrets.token_urlsafe(24)}"

    @property
    def url(self) -> str:
        """Return the page's address."""
        return f"http://{self._host}{self._path}"

    async def judge(self, request: Request, peer: StreamWriter) -> Response:
        """Return the page.

        Raises:
            Refused: it isn't asked for by this person's browser, or not by its address.
        """
        if request.headers.get("host", "").lower() != self._host:  # O7, DNS rebinding
            raise Refused(HTTPStatus.MISDIRECTED_REQUEST, "This address belongs to another host.")
        if request.target != self._path or request.method != "GET":
            raise Refused(HTTPStatus.NOT_FOUND, "There is nothing at this address.")
        if not is_same_user(peer):
            raise Refused(HTTPStatus.FORBIDDEN, "This page is for another user.")
        return await asyncio.to_thread(self._page)


async def _serve(
    reception: _Reception, sockets: list[socket.socket], limit: float, over: threading.Event
) -> None:
    serving = asyncio.ensure_future(Service(reception.judge).run(sockets, limit))
    while not over.is_set() and not serving.done():  # noqa: ASYNC110 - set in another thread
        await asyncio.sleep(_LOOK)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


def _sockets(environ: Mapping[str, str]) -> list[socket.socket]:
    try:
        return open_loopback(itertools.repeat(0, _PORT_TRIES)) if available(environ) else []
    except SignInFailed:
        return []
