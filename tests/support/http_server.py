"""A FastMCP server behind HTTP, in a thread of the test: what a remote server is to the bridge."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import uvicorn
from fastmcp import Context, FastMCP
from fastmcp.server.auth import RemoteAuthProvider
from fastmcp.server.auth.providers.azure import AzureJWTVerifier
from pydantic import AnyHttpUrl

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, MutableMapping

    from mcp_local.emulator import Emulator
    from mcp_local.emulator.directory import Api

    App = Callable[
        [MutableMapping[str, Any], Callable[..., Awaitable[Any]], Callable[..., Awaitable[Any]]],
        Awaitable[None],
    ]


@dataclass
class Served:
    """The running server."""

    url: str
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    """Of every request so far."""
    refuse: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    """Status and ``WWW-Authenticate`` of the next answers, in place of the server's own."""

    @property
    def tokens(self) -> list[str]:
        """The distinct tokens that came, in order."""
        came = (each.get("authorization", "") for each in self.headers)
        return list(dict.fromkeys(token.removeprefix("Bearer ") for token in came if token))


@dataclass
class Named:
    """What the person is asked for, as the client of the tests answers it."""

    name: str


def make_server() -> FastMCP[Any]:
    """Return a server with a few tools."""
    server: FastMCP[Any] = FastMCP("remote")

    @server.tool(annotations={"readOnlyHint": True})
    def echo(text: str) -> str:
        """Return the text."""
        return text

    @server.tool
    def large(size: int) -> str:
        """Return so many characters."""
        return "x" * size

    @server.tool
    async def ask(context: Context) -> str:
        """Ask the person for a name."""
        answer = await context.elicit("Your name?", response_type=Named)
        return answer.data.name if answer.action == "accept" else "nobody"

    @server.resource("note://one")
    def note() -> str:
        """Return a note."""
        return "a note"

    return server


def protected_by(emulator: Emulator, api: Api, *scopes: str) -> RemoteAuthProvider:
    """Return FastMCP's own verifier of Entra's tokens, with the emulator as issuer."""
    authority = emulator.authority.removeprefix("https://").rpartition("/")[0]
    return RemoteAuthProvider(
        token_verifier=AzureJWTVerifier(
            client_id=api.api_id,
            tenant_id=emulator.tenant_id,
            required_scopes=list(scopes) or ["access_as_user"],
            identifier_uri=api.identifier_uri,
            base_authority=authority,
        ),
        authorization_servers=[AnyHttpUrl(emulator.authority)],
        base_url="http://127.0.0.1",
    )


@contextmanager
def serving(server: FastMCP[Any], *, transport: str = "http", port: int = 0) -> Generator[Served]:
    """Serve on loopback until the block ends; ``transport`` is ``http`` or ``sse``."""
    listener = socket.create_server(("127.0.0.1", port))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    path = "/mcp" if transport == "http" else "/sse"
    served = Served(f"{address}{path}")
    app = server.http_app(path=path, transport=transport)  # pyright: ignore[reportArgumentType]
    config = uvicorn.Config(
        _watched(app, served),
        log_level="error",
        lifespan="on",
        timeout_graceful_shutdown=1,
        ws="none",
    )
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        running.should_exit = True
        thread.join(10)
        listener.close()


def _watched(app: Any, served: Served) -> App:
    async def watch(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            headers = {name.decode(): value.decode() for name, value in scope["headers"]}
            served.headers.append(headers)
            if served.refuse and scope["method"] == "POST":
                status, challenge = served.refuse.pop(0)
                start = [(b"www-authenticate", challenge.encode())] if challenge else []
                await send({"type": "http.response.start", "status": status, "headers": start})
                await send({"type": "http.response.body", "body": b"no"})
                return
        await app(scope, receive, send)

    return watch
