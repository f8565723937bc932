"""A remote server as the relay sees it, for tests of the bridge alone."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mcp_local.guard.bridge.credential import FixedHeaders
from mcp_local.guard.bridge.remote import Remote
from mcp_local.network import Connections
from mcp_local.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from pathlib import Path

    from mcp_local.guard.bridge.credential import Credential

MODERN = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
PATIENCE = 15.0


@dataclass
class Noted:
    """A log in memory."""

    lines: list[tuple[str, Mapping[str, object]]] = field(
        default_factory=list["tuple[str, Mapping[str, object]]"]
    )

    def event(self, name: str, *, level: str = "info", **fields: object) -> None:
        """Note one line."""
        self.lines.append((name, {"level": level, **fields}))


class Bridge:
    """A :class:`Remote`, and a client that speaks through it."""

    def __init__(self, remote: Remote, log: Noted) -> None:
        self.remote = remote
        self.log = log
        self.heard: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._next = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while (message := self.remote.receive()) is not None:
            assert b"\n" not in message
            assert message.startswith(b"{")
            with self._changed:
                self.heard.append(json.loads(message))
                self._changed.notify_all()

    @contextmanager
    def reading_nothing(self) -> Generator[None]:
        """Read nothing more than one message meanwhile."""
        with self._changed:
            yield

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message."""
        self.remote.send(json.dumps(message).encode())

    def post(self, method: str, params: Mapping[str, Any] | None = None, **more: Any) -> Any:
        """Send a request; return its id."""
        self._next += 1
        ident = more.pop("id", self._next)
        self.send({"jsonrpc": "2.0", "id": ident, "method": method, "params": dict(params or {})})
        return ident

    def modern(self, method: str, params: Mapping[str, Any] | None = None, **more: Any) -> Any:
        """Send a stateless request; return its id."""
        return self.post(method, {**(params or {}), "_meta": MODERN}, **more)

    def tell(self, method: str, params: Mapping[str, Any] | None = None) -> None:
        """Send a notification."""
        self.send({"jsonrpc": "2.0", "method": method, "params": dict(params or {})})

    def wait(self, wanted: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Return the first message that is wanted, as soon as it came."""
        deadline = time.monotonic() + PATIENCE
        with self._changed:
            while True:
                for message in self.heard:
                    if wanted(message):
                        return message
                left = deadline - time.monotonic()
                assert left > 0, self.heard
                self._changed.wait(left)

    def answer(self, ident: Any) -> dict[str, Any]:
        """Return the answer to a request."""
        return self.wait(lambda message: message.get("id") == ident and "method" not in message)

    def ask(self, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send a request and return the answer."""
        return self.answer(self.post(method, params))

    def open(self) -> dict[str, Any]:
        """Begin as a client of the handshake era does."""
        hello = {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        }
        answer = self.ask("initialize", hello)
        self.tell("notifications/initialized")
        return answer

    def finish(self) -> None:
        """Stop, and see that nothing is left to come."""
        self.remote.stop()
        self._reader.join(PATIENCE)
        assert not self._reader.is_alive()


def error_of(answer: Mapping[str, Any]) -> str:
    """Return what an error says."""
    return answer["error"]["message"]


@contextmanager
def bridge(
    url: str,
    credential: Credential | None = None,
    *,
    home: Path,
    ca_file: str = "",
    whose: Callable[[], object] = lambda: None,
) -> Generator[Bridge]:
    """Make a bridge to ``url``; its person may subscribe to all but ``theirs://…``."""
    settings = Settings(home=home, config_file=home / "config.toml", ca_file=ca_file)
    log = Noted()
    remote = Remote(
        url,
        connections=Connections(settings, at_once=64),
        credential=credential or FixedHeaders({}, "it wants a token"),
        log=log,
        whose=whose,
    )
    remote.resume_only(lambda uri: not uri.startswith("theirs://"))
    remote.start()
    here = Bridge(remote, log)
    try:
        yield here
    finally:
        here.finish()
