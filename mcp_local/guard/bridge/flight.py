"""Requests under way that any thread may break off: connections that tell whom they carry."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, final

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from urllib3.response import HTTPResponse

_boarding: Final = threading.Lock()
"""A connection is used by one request after the other: never break off somebody else's."""


@final
class Flight:
    """One request under way."""

    def __init__(self, whose: object = None) -> None:
        self.whose = whose
        """Who was signed in when it was judged; ``None``: whoever is."""
        self.broken = False
        """Whether it was broken off."""
        self.unwanted = False
        """Whether the client has cancelled it; the server may still answer, or not."""
        self.sent = threading.Event()
        """Set once it is on its way: what is said about it must not overtake it."""
        self._connection: _Plain | _Secure | None = None

    @contextmanager
    def boarding(self) -> Generator[None]:
        """Take note of the connection that this thread sends a request on."""
        _current.flight = self
        try:
            yield
        finally:
            _current.flight = None

    def rides(self, connection: _Plain | _Secure) -> None:
        """Note the connection that carries it."""
        self._connection = connection

    def abort(self) -> None:
        """Break it off: whoever reads from it sees the end."""
        self.broken = True
        self._on_socket(lambda sock: sock.shutdown(socket.SHUT_RDWR))

    def withdraw(self) -> bool:
        """Break it off unless it is on its way; tell whether that came in time."""
        with _boarding:
            if self._connection is None:
                self.broken = True
            return self.broken

    def hurry(self, seconds: float) -> None:
        """Wait no longer than this for each byte from now on."""
        self._on_socket(lambda sock: sock.settimeout(seconds))

    def _on_socket(self, do: Callable[[socket.socket], None]) -> None:
        with _boarding:
            connection = self._connection
            if connection is None or connection.carries is not self or connection.line is None:
                return
            with suppress(OSError):  # it is closed already
                do(connection.line)


class _Current(threading.local):
    flight: Flight | None = None


_current = _Current()


def _board(connection: _Plain | _Secure) -> None:
    flight = _current.flight
    if flight is not None and connection.carries is not flight:
        with _boarding:
            if flight.broken:
                raise ConnectionAbortedError  # nothing of it has been sent
            connection.carries = flight
            flight.rides(connection)


class _Plain(HTTPConnection):
    carries: Flight | None = None
    line: socket.socket | None = None
    """The socket, also once the connection has handed it over to the answer."""

    def connect(self) -> None:
        super().connect()
        self.line = self.sock

    def endheaders(self, message_body: Any = None, *, encode_chunked: bool = False) -> None:
        _board(self)
        super().endheaders(message_body, encode_chunked=encode_chunked)

    def getresponse(self) -> HTTPResponse:
        if self.carries is not None:
            self.carries.sent.set()
        return super().getresponse()


class _Secure(_Plain, HTTPSConnection):
    """The same over TLS."""


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain  # pyright: ignore[reportAssignmentType] - urllib3's own is no closer


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure  # pyright: ignore[reportAssignmentType] - as above


POOLS: Final[Mapping[str, type[HTTPConnectionPool]]] = {"http": _PlainPool, "https": _SecurePool}
"""For ``PoolManager.pool_classes_by_scheme``."""
