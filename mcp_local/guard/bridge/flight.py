"""Requests under way that any thread may break off: connections that tell whom they carry."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, final

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping


@final
class Flight:
    """One request under way."""

    def __init__(self) -> None:
        self.broken = False
        """Whether it was broken off."""
        self._connection: HTTPConnection | None = None

    @contextmanager
    def boarding(self) -> Generator[None]:
        """Take note of the connection that this thread sends a request on."""
        _current.flight = self
        try:
            yield
        finally:
            _current.flight = None

    def rides(self, connection: HTTPConnection) -> None:
        """Note the connection that carries it."""
        self._connection = connection
        if self.broken:
            self.abort()

    def abort(self) -> None:
        """Break it off: whoever reads from it sees the end."""
        self.broken = True
        connection = self._connection
        sock = connection.sock if connection is not None else None
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def hurry(self, seconds: float) -> None:
        """Wait no longer than this for each byte from now on."""
        sock = self._connection.sock if self._connection is not None else None
        if sock is not None:
            sock.settimeout(seconds)

    def lands(self) -> None:
        """Forget the connection, which may carry another request now."""
        self._connection = None


class _Current(threading.local):
    flight: Flight | None = None


_current = _Current()


def _board(connection: HTTPConnection) -> None:
    if _current.flight is not None:
        _current.flight.rides(connection)


class _Plain(HTTPConnection):
    def putheader(self, header: str, *values: str) -> None:
        _board(self)
        super().putheader(header, *values)


class _Secure(HTTPSConnection):
    def putheader(self, header: str, *values: str) -> None:
        _board(self)
        super().putheader(header, *values)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain  # pyright: ignore[reportAssignmentType] - urllib3's own is no closer


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure  # pyright: ignore[reportAssignmentType] - as above


POOLS: Final[Mapping[str, type[HTTPConnectionPool]]] = {"http": _PlainPool, "https": _SecurePool}
"""For ``PoolManager.pool_classes_by_scheme``."""
