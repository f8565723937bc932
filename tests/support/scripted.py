"""An HTTP server on loopback that does what a test says with each request."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Generator

HELLO: Mapping[str, object] = {
    "protocolVersion": "2025-11-25",
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "scripted", "version": "1"},
}


@dataclass(frozen=True)
class Came:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]
    """By their names in lower case."""
    body: bytes

    @property
    def message(self) -> dict[str, Any]:
        """The JSON-RPC message in it."""
        return json.loads(self.body) if self.body else {}


class Exchange:
    """One request and the means to answer it."""

    def __init__(self, handler: BaseHTTPRequestHandler, came: Came) -> None:
        self.came = came
        self._handler = handler

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer at once; a name's ``_`` is a ``-``."""
        self._handler.send_response(status)
        for name, value in headers.items():
            self._handler.send_header(name.replace("_", "-"), value)
        self._handler.send_header("Content-Length", str(len(body)))
        if self._handler.close_connection:
            self._handler.send_header("Connection", "close")
        self._handler.end_headers()
        self._handler.wfile.write(body)

    def result(self, result: object, **headers: str) -> None:
        """Answer the message with a result."""
        answer = {"jsonrpc": "2.0", "id": self.came.message["id"], "result": result}
        body = json.dumps(answer).encode()
        self.answer(200, body, Content_Type="application/json", **headers)

    def hang_up(self) -> None:
        """Close the connection after the answer, which says so if it is still to be given."""
        self._handler.close_connection = True

    def begin_events(self, **headers: str) -> None:
        """Begin a stream of events, which ends with the connection."""
        self._handler.send_response(200)
        self._handler.send_header("Content-Type", "text/event-stream")
        for name, value in headers.items():
            self._handler.send_header(name.replace("_", "-"), value)
        self._handler.send_header("Connection", "close")
        self._handler.end_headers()

    def event(self, data: object, **fields: str) -> None:
        """Send one event."""
        text = data if isinstance(data, str) else json.dumps(data)
        lines = [f"{name}: {value}" for name, value in fields.items()]
        self.write("\n".join([*lines, f"data: {text}", "", ""]).encode())

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._handler.wfile.write(data)
        self._handler.wfile.flush()


Script = Callable[[Exchange], object]


@dataclass
class Scripted:
    """The running server."""

    url: str
    script: Script
    """Called with each request, in a thread of its own."""
    came: list[Came] = field(default_factory=list[Came])

    def of(self, method: str) -> list[Came]:
        """Return the requests whose message has this method."""
        return [each for each in self.came if each.message.get("method") == method]


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    scripted: Scripted
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        came = Came(self.command, self.path, headers, body)
        scripted = cast("_Server", self.server).scripted
        scripted.came.append(came)
        scripted.script(Exchange(self, came))

    do_GET = do_DELETE = do_POST  # noqa: N815 - the names that http.server looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Say nothing on stderr."""


@contextmanager
def scripted(script: Script, port: int = 0) -> Generator[Scripted]:
    """Run a server on loopback."""
    server = _Server(("127.0.0.1", port), _Handler)
    server.scripted = Scripted(f"http://127.0.0.1:{server.server_address[1]}/mcp", script)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.scripted
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def well_behaved(exchange: Exchange) -> None:
    """Be a small MCP server of the handshake era: ``echo`` returns what it got."""
    message = exchange.came.message
    match message.get("method"):
        case "initialize":
            exchange.result(HELLO, Mcp_Session_Id="a-session")
        case None if exchange.came.method == "GET":
            exchange.answer(405)
        case _ if "id" not in message or exchange.came.method == "DELETE":
            exchange.answer(202)
        case _:
            exchange.result({"echo": message.get("params")})
