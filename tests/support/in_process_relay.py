"""The relay in this process: a server that the test plays, a client that the test is."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self

from mcp_local.guard.relay.client_side import ClientSide
from mcp_local.guard.relay.loop import guard
from mcp_local.guard.relay.parts import RelayParts
from mcp_local.guard.relay.relay import Relay
from mcp_local.guard.relay.rules import Rules
from mcp_local.guard.relay.server_side import ServerSide
from mcp_local.guard.stdio import Wire
from mcp_local.guard.upstream import UpstreamGone
from mcp_local.log import Log
from mcp_local.policy.deciding.compile import compile_policy
from mcp_local.policy.live import LivePolicy
from mcp_local.policy.reading.parse import parse_policy
from tests.support.people import MemorySession, person

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

HANDSHAKE: Final = "2025-11-25"
MODERN: Final = "2026-07-28"
PATIENCE: Final = 10.0
"""Seconds to wait for what must come."""
POLICY: Final = """
version: 1
roles:
  reader: {tools: [echo, slow, ask_me], resources: ["docs://open", "item://*"], prompts: [greet]}
  writer: {tools: [secret]}
rules:
  - {name: sure, effect: ask, agents: {roles: [reader]}, tools: {names: [ask_me]}, priority: 200}
"""
LISTS: Final[Mapping[str, Any]] = {
    "tools": [{"name": name, "inputSchema": {}} for name in ("echo", "slow", "ask_me", "secret")],
    "prompts": [{"name": "greet"}],
    "resources": [{"uri": uri, "name": uri} for uri in ("docs://open", "docs://closed")],
    "resourceTemplates": [
        {"uriTemplate": uri, "name": uri} for uri in ("item://{id}", "vault://{id}")
    ],
}


class Server:
    """An ``Upstream`` that answers as the test says."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        """Every message that reached it."""
        self.lists: dict[str, Any] = dict(LISTS)
        self.answers: dict[str, Callable[[dict[str, Any]], Any]] = {}
        """By method: what is answered; ``None`` is nothing, ``error`` in it is an error."""
        self.lives = 1
        self.gone = ""
        self._said: queue.Queue[bytes | None] = queue.Queue()

    def start(self) -> None:
        """Nothing is to be started."""

    def send(self, message: bytes) -> None:
        """Take one message and answer it."""
        if self.gone:
            raise UpstreamGone(self.gone)
        body = json.loads(message)
        self.heard.append(body)
        if "method" not in body or "id" not in body:
            return
        answer = self._answer(body)
        if answer is not None:
            key = "error" if "code" in answer else "result"
            self.say({"id": body["id"], key: answer})

    def _answer(self, body: dict[str, Any]) -> Any:
        method = body["method"]
        if method in self.answers:
            return self.answers[method](body)
        key = {
            "tools/list": "tools",
            "prompts/list": "prompts",
            "resources/list": "resources",
            "resources/templates/list": "resourceTemplates",
        }.get(method)
        if key is not None:
            return {key: self.lists[key]}
        if method in {"initialize", "server/discover"}:
            capabilities: dict[str, Any] = {"resources": {"subscribe": True}, "prompts": {}}
            return {"capabilities": capabilities, "instructions": "Be nice."}
        return {"said": method}

    def say(self, body: Mapping[str, Any] | bytes) -> None:
        """Say one message."""
        raw = isinstance(body, bytes)
        self._said.put(body if raw else json.dumps({"jsonrpc": "2.0", **body}).encode())

    def receive(self) -> bytes | None:
        """Return what it said next."""
        return self._said.get()

    @property
    def ended(self) -> str:
        """Why it is gone."""
        return self.gone

    def die(self, why: str = "It died.") -> None:
        """End this life."""
        self.gone = why
        self._said.put(None)

    def revive(self) -> bool:
        """Begin another life, if there is one."""
        self.lives -= 1
        if self.lives <= 0:
            return False
        self.gone = ""
        return True

    def stop(self) -> None:
        """End for good."""
        self.lives = 0
        self._said.put(None)

    def methods(self) -> list[str]:
        """Return the methods of what reached it."""
        return [body.get("method", "") for body in self.heard]


class InProcess:
    """A client in front of the relay in front of a server."""

    def __init__(  # noqa: PLR0913 - what a relay is made of
        self,
        folder: Path,
        era: str = HANDSHAKE,
        *,
        session: MemorySession | None = None,
        capabilities: Mapping[str, Any] | None = None,
        policy: str | LivePolicy = POLICY,
        rules: Rules = Rules(),  # noqa: B008 - a tuple
        guarded: bool = True,
        **parts: Any,
    ) -> None:
        self.era = era
        self.server = Server()
        self.session = session or MemorySession()
        self.log_file = folder / "log.jsonl"
        log = Log(self.log_file)
        unread, write = os.pipe()
        self._read, wire_write = os.pipe()
        self._open = [unread, write, wire_write]
        self.relay = Relay(self.server, Wire(unread, wire_write), rules, log)
        self.client = ClientSide(self.relay)
        self.heard: list[dict[str, Any]] = []
        self._capabilities = dict(capabilities or {})
        self._changed = threading.Condition()
        self._numbers = iter(range(1, 10_000))
        if isinstance(policy, str):
            policy = LivePolicy.fixed(compile_policy([parse_policy(policy, "policy.yaml")]))
        self._parts = RelayParts(self.session, policy, **parts)
        self.faulty = False
        """Whether the relay may have a fault; it must have none that goes unseen."""
        self._log = log
        self._loop: asyncio.AbstractEventLoop | None = None
        self._guarding: asyncio.Task[None] | None = None
        self._threads = [
            threading.Thread(target=self._listen, daemon=True),
            threading.Thread(target=ServerSide(self.relay).listen, daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        if guarded:
            self.guard()

    def guard(self) -> None:
        """Let the guard be there."""
        thread = threading.Thread(target=lambda: asyncio.run(self._guard()), daemon=True)
        self._threads.append(thread)
        thread.start()
        self.wait(lambda: self.relay.guard is not None)

    async def _guard(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._guarding = self._loop.create_task(guard(self.relay, self._parts, self._log))
        with suppress(asyncio.CancelledError):
            await self._guarding  # what it raises is told as the thread's

    def on_loop(self, work: Callable[[], object]) -> None:
        """Do something on the relay's event loop."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(work)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failed: object, *_: object) -> None:
        self._end()
        assert failed or self.faulty or not self.logged("fault")

    def _end(self) -> None:
        if self._loop is not None and self._guarding is not None:
            with suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._guarding.cancel)
        self.server.stop()
        for thread in self._threads[1:]:
            thread.join(PATIENCE)
        for poster in (self.relay.to_server, self.relay.to_client):
            done = threading.Event()
            poster.post(done.set)
            done.wait(PATIENCE)
        for descriptor in self._open:
            os.close(descriptor)
        self._threads[0].join(PATIENCE)
        os.close(self._read)

    def _listen(self) -> None:
        with os.fdopen(os.dup(self._read), "rb") as lines:
            for line in lines:
                with self._changed:
                    self.heard.append(json.loads(line))
                    self._changed.notify_all()

    def wait(self, happens: Callable[[], object]) -> Any:
        """Wait until something holds; return it."""
        deadline = time.monotonic() + PATIENCE
        with self._changed:
            while not (found := happens()):
                assert time.monotonic() < deadline, "waited in vain"
                self._changed.wait(0.01)
        return found

    def say(self, body: Mapping[str, Any] | bytes) -> None:
        """Say one line."""
        raw = isinstance(body, bytes)
        self.client.take(body if raw else json.dumps({"jsonrpc": "2.0", **body}).encode())

    def post(self, method: str, params: Mapping[str, Any] | None = None) -> int:
        """Send a request; return its id."""
        ident = next(self._numbers)
        body = dict(params or {})
        if self.era == MODERN:
            body["_meta"] = {
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": self._capabilities,
                **body.get("_meta", {}),
            }
        self.say({"id": ident, "method": method, "params": body})
        return ident

    def answer(self, ident: int) -> dict[str, Any]:
        """Wait for the answer to a request."""

        def found() -> dict[str, Any] | None:
            for each in self.heard:
                if each.get("id") == ident and "method" not in each:
                    return each
            return None

        return self.wait(found)

    def ask(self, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send a request; return what answers it."""
        return self.answer(self.post(method, params))

    def call(self, name: str, arguments: Mapping[str, Any] | None = None, **more: Any) -> Any:
        """Call a tool; return what answers it."""
        return self.ask("tools/call", {"name": name, "arguments": dict(arguments or {}), **more})

    def told(self, method: str) -> dict[str, Any]:
        """Wait for a request or notification."""
        return self.wait(lambda: next((m for m in self.heard if m.get("method") == method), None))

    def open(self) -> dict[str, Any]:
        """Begin as a client of the era does."""
        if self.era == MODERN:
            return self.ask("server/discover")
        info = {"name": "test", "title": "Test", "version": "1"}
        hello = {
            "protocolVersion": HANDSHAKE,
            "capabilities": self._capabilities,
            "clientInfo": info,
        }
        answer = self.ask("initialize", hello)
        self.say({"method": "notifications/initialized"})
        return answer

    def logged(self, event: str) -> list[dict[str, Any]]:
        """Return the log's lines of one event."""
        text = self.log_file.read_text(encoding="utf-8") if self.log_file.exists() else ""
        return [each for each in map(json.loads, text.splitlines()) if each["event"] == event]


def reader() -> MemorySession:
    """Return a session in which a reader is signed in."""
    return MemorySession(person("ada", "reader"))


def text_of(answer: Mapping[str, Any]) -> str:
    """Return a tool's words."""
    return answer["result"]["content"][0]["text"]
