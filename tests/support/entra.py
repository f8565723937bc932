"""One machine and the emulated authority: what a test of the broker works with, nothing faked."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qsl

from mcp_local.broker.acquire import Broker
from mcp_local.broker.authority.flows import Wishes
from mcp_local.broker.authority.http import Timeouts
from mcp_local.broker.storage.store import open_store
from mcp_local.emulator import Emulator, Options
from mcp_local.emulator.visitor import Mood, visit
from mcp_local.settings import load

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from mcp_local.broker.authority.flows import BrowserFlow
    from mcp_local.broker.storage.store import Store
    from mcp_local.emulator import Directory
    from mcp_local.identity.model import VerifiedToken
    from mcp_local.settings import Settings

TOKEN = "*/token"
"""Path of the token endpoint, for faults and the request log."""
QUICK = Timeouts(connect=1.0, read=0.5, total=1.0)


class Clock:
    """The time, as the test wants it, for authority and broker alike."""

    def __init__(self) -> None:
        self.offset = 0.0
        """Seconds; may be negative."""

    def __call__(self) -> float:
        """Return seconds since the epoch."""
        return time.time() + self.offset


class Receiver(HTTPServer):
    """Takes one form at the redirect URI, as the listener does."""

    form: dict[str, str]

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Form)
        self.redirect_uri = f"http://localhost:{self.server_address[1]}"


class _Form(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        cast("Receiver", self.server).form = dict(parse_qsl(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Say nothing on stderr."""


class Machine:
    """A person's machine whose authority is an emulator."""

    def __init__(self, emulator: Emulator, home: Path, clock: Clock) -> None:
        self.emulator = emulator
        self.clock = clock
        self.environ = emulator.environment() | {
            "MCP_LOCAL_HOME": str(home),
            "MCP_LOCAL_CONFIG": str(home / "config.toml"),
            "MCP_LOCAL_CACHE_KEY": "file",
        }

    def settings(self) -> Settings:
        """Load the settings as every process does."""
        return load({}, self.environ)

    def store(self) -> Store:
        """Open the store as every process does."""
        return open_store(self.settings(), self.environ)

    @contextmanager
    def broker(self, store: Store | None = None, timeouts: Timeouts = QUICK) -> Generator[Broker]:
        """Make a broker as a new process would."""
        with Broker(
            self.settings(), store or self.store(), self.clock, timeouts=timeouts
        ) as broker:
            yield broker

    def sign_in(self, user: str = "reader", *, claims: str = "") -> VerifiedToken:
        """Let somebody sign in with the browser, to the very end."""
        with self.broker() as broker:
            flow, form = self.answer(broker, user, claims=claims)
            return broker.complete(broker.entra.finish_browser(flow, form))

    def answer(
        self, broker: Broker, user: str, *, mood: Mood = Mood.WILLING, claims: str = ""
    ) -> tuple[BrowserFlow, dict[str, str]]:
        """Let somebody go through the pages; return the flow and the form that came back."""
        with Receiver() as receiver:
            flow = broker.entra.begin_browser(receiver.redirect_uri, Wishes(claims=claims))
            thread = threading.Thread(target=receiver.handle_request)
            thread.start()
            visit(flow.auth_uri, user, mood=mood)
            thread.join()
        return flow, receiver.form

    def token_requests(self, grant_type: str = "refresh_token") -> int:
        """Count what the token endpoint was asked."""
        return len(self.emulator.requests.matching(TOKEN, grant_type=grant_type))


@contextmanager
def machine(
    home: Path, directory: Directory | None = None, **options: object
) -> Generator[Machine]:
    """Run an emulator and a machine that uses it; ``options`` are those of the emulator."""
    clock = Clock()
    values = {"clock": clock} | options
    with Emulator(directory, options=Options(**values)) as emulator:  # pyright: ignore[reportArgumentType]
        yield Machine(emulator, home, clock)
