"""A proxy for tests, with real sockets."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator


class Proxy:
    """A CONNECT proxy that counts. It refuses whoever lacks its password.

    With ``target`` (host, port) every tunnel ends there, whatever host was asked for.
    """

    def __init__(self, password: str = "", target: tuple[str, int] | None = None) -> None:
        self.connects: list[bytes] = []
        self._password = password
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"

    @contextmanager
    def running(self) -> Generator[Proxy]:
        """Serve until the block ends, each connection in a thread of its own."""
        thread = threading.Thread(target=self._serve)
        thread.start()
        try:
            yield self
        finally:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            thread.join()

    def _serve(self) -> None:
        threads: list[threading.Thread] = []
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                break
            threads.append(threading.Thread(target=self._tunnel, args=(client,)))
            threads[-1].start()
        for thread in threads:
            thread.join()

    def _tunnel(self, client: socket.socket) -> None:
        with client:
            head = client.recv(4096)
            self.connects.append(head)
            if self._password.encode() not in head:
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
                return
            host, _, port = head.split()[1].decode().partition(":")
            with socket.create_connection(self._target or (host, int(port))) as server:
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                back = threading.Thread(target=_pump, args=(server, client))
                back.start()
                _pump(client, server)
                with suppress(OSError):  # the client is gone: nothing waits for the server
                    server.shutdown(socket.SHUT_RDWR)
                back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return
