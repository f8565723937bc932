"""The two servers of the emulator, on loopback, in one thread."""

from __future__ import annotations

import asyncio
import errno
import socket
import sys
import threading
from typing import TYPE_CHECKING

import uvicorn

from mcp_local.emulator.middleware import LOOPBACK_NAMES
from mcp_local.errors import UsageError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    from starlette.types import ASGIApp

_TRIES = 20


def check_loopback(host: str) -> None:
    """Refuse any address but this machine's own (SECURITY.md, O18).

    Raises:
        UsageError: ``host`` isn't loopback.
    """
    if host not in LOOPBACK_NAMES:
        raise UsageError(
            f"the emulator can't listen on {host}: it signs anybody in, and stays on loopback",
            hint="Leave the address out, or use localhost.",
        )


def loopback_sockets(port: int) -> list[socket.socket]:
    """Return listening sockets on 127.0.0.1 and, where there is IPv6, ::1, on one port.

    Port 0 takes a free one.

    Raises:
        UsageError: the port is in use, or not for this program.
    """
    why = "no port is free on loopback"
    for _ in range(_TRIES if port == 0 else 1):
        try:
            return _both_families(port)
        except PermissionError as error:
            why = f"port {port} can't be had: {error.strerror}"
        except OSError:
            why = f"port {port} is in use" if port else why
    raise UsageError(why, hint="Choose another with --port, or leave it out.")


def _both_families(port: int) -> list[socket.socket]:
    first = _bound(socket.AF_INET, "127.0.0.1", port)
    try:
        second = _bound(socket.AF_INET6, "::1", first.getsockname()[1])
    except _NoIpv6:
        return [first]
    except OSError:
        first.close()
        raise
    return [first, second]


class _NoIpv6(Exception):
    """The machine has no IPv6 loopback."""


def _bound(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    try:
        # asyncio sets TCP_NODELAY only where the protocol is named; without it each answer waits.
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except OSError as error:
        raise _NoIpv6 from error
    try:
        if sys.platform != "win32":
            # Lets an emulator start again on its port at once; on Windows it would let others in.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((address, port))
        bound.listen()
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRNOTAVAIL:
            raise _NoIpv6 from error
        raise
    return bound


class _Server(uvicorn.Server):
    """A server without grace: an emulator has nothing to finish when it is told to stop."""

    def __init__(self, app: ASGIApp, tls: ssl.SSLContext | None) -> None:
        config = uvicorn.Config(
            app,
            ssl_context_factory=(lambda _config, _default: tls) if tls else None,
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
        )
        super().__init__(config)
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Stop serving; call it on the event loop."""
        self._stop.set()

    async def main_loop(self) -> None:
        await self._stop.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for one in sockets or []:
            one.close()
        connections, tasks = self.server_state.connections, list(self.server_state.tasks)
        for connection in list(connections):
            connection.transport.abort()
        while connections:  # noqa: ASYNC110 - uvicorn has no event for it; it takes a few turns
            await asyncio.sleep(0)
        # What still waits (a fault's delay, say) has nobody to answer any more.
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class ServerThread:
    """Serves over TLS and in plain text, from one event loop in a thread of its own."""

    def __init__(self, tls: ssl.SSLContext, secure: ASGIApp, plain: ASGIApp) -> None:
        self._tls = tls
        self._apps = (secure, plain)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._servers: list[_Server] = []
        self._thread: threading.Thread | None = None

    def start(self, secure: Sequence[socket.socket], plain: Sequence[socket.socket]) -> None:
        """Serve on these sockets; returns at once, for they are listening already."""
        ready = threading.Event()
        sockets = (list(secure), list(plain))
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(sockets, ready)),
            name="mcp-local-emulator",
            daemon=True,
        )
        self._thread.start()
        ready.wait()

    async def _serve(
        self, sockets: tuple[list[socket.socket], list[socket.socket]], ready: threading.Event
    ) -> None:
        self._loop = asyncio.get_running_loop()
        secure, plain = self._apps
        self._servers = [_Server(secure, self._tls), _Server(plain, None)]
        ready.set()
        await asyncio.gather(
            *(server.serve(own) for server, own in zip(self._servers, sockets, strict=True))
        )

    def stop(self) -> None:
        """Close everything and wait for the thread; connections under way are broken off."""
        if self._thread is None or self._loop is None:
            return
        for server in self._servers:
            self._loop.call_soon_threadsafe(server.stop)
        self._thread.join()
        self._thread = self._loop = None
