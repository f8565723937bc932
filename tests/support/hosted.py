"""Speaks raw JSON lines with a guarded test server in a process of its own."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.support import warm

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVERS = Path(__file__).parent.parent / "integration" / "servers"
HANDSHAKE = "2025-06-18"
MODERN = "2026-07-28"
ERAS = (HANDSHAKE, MODERN)
PATIENCE = 30.0
"""Seconds to wait for an answer on a busy machine."""


class Served:
    """One server process, and the person whom it believes to be signed in."""

    def __init__(
        self,
        scenario: str,
        folder: Path,
        era: str = MODERN,
        *,
        capabilities: Mapping[str, Any] | None = None,
        client: str = "test",
        **env: str,
    ) -> None:
        self.era = era
        self.who = folder / "who.json"
        self.ran = folder / "ran.txt"
        self.log = folder / "log.jsonl"
        self.errors = folder / "stderr.txt"
        self.hello: dict[str, Any] = {}
        """What the server said of itself."""
        self._capabilities = dict(capabilities or {})
        self._client = {"name": client, "version": "1"}
        self._next = 0
        self.lines: list[bytes] = []
        """Everything that came over standard output."""
        self._answers: dict[Any, bytes] = {}
        self._arrived = threading.Condition()
        self.notes: queue.Queue[dict[str, Any]] = queue.Queue()
        """Requests and notifications of the server."""
        paths = {"WHO": str(self.who), "RAN": str(self.ran), "LOG": str(self.log)}
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [warm.python(), str(SERVERS / "guarded.py"), scenario],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **paths, **env},
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            message = json.loads(line)
            if "method" in message:
                self.notes.put(message)
                continue
            with self._arrived:
                self._answers[message["id"]] = line
                self._arrived.notify_all()

    def send(self, message: Mapping[str, Any] | bytes) -> None:
        """Send one line, whatever it is."""
        assert self.process.stdin is not None
        line = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def notify(self, method: str, params: Mapping[str, Any] | None = None) -> None:
        """Send a notification."""
        self.send({"jsonrpc": "2.0", "method": method, "params": dict(params or {})})

    def post(self, method: str, params: Mapping[str, Any] | None = None, ident: Any = None) -> Any:
        """Send a request without waiting; return its id."""
        self._next += 1
        ident = self._next if ident is None else ident
        body = dict(params or {})
        if self.era == MODERN:
            body["_meta"] = {
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientInfo": self._client,
                "io.modelcontextprotocol/clientCapabilities": self._capabilities,
                **body.get("_meta", {}),
            }
        self.send({"jsonrpc": "2.0", "id": ident, "method": method, "params": body})
        return ident

    def answer(self, ident: Any) -> bytes:
        """Return the line that answers a request."""
        deadline = time.monotonic() + PATIENCE
        with self._arrived:
            while ident not in self._answers:
                left = deadline - time.monotonic()
                assert left > 0, self.errors.read_text(encoding="utf-8")[-4000:]
                self._arrived.wait(left)
            return self._answers.pop(ident)

    def raw(self, method: str, params: Mapping[str, Any] | None = None, ident: Any = None) -> bytes:
        """Send a request and return the line that answers it."""
        return self.answer(self.post(method, params, ident))

    def request(self, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send a request and return what answers it: ``result`` or ``error``."""
        return json.loads(self.raw(method, params))

    def open(self) -> dict[str, Any]:
        """Begin as a client of the era does; return the server's first answer."""
        self.hello = self._hello()
        return self.hello

    def _hello(self) -> dict[str, Any]:
        if self.era == MODERN:
            return self.request("server/discover")["result"]
        hello = {
            "protocolVersion": HANDSHAKE,
            "capabilities": self._capabilities,
            "clientInfo": self._client,
        }
        answer = self.request("initialize", hello)["result"]
        self.notify("notifications/initialized")
        return answer

    def sign_in(self, oid: str, *roles: str, **more: Any) -> None:
        """Make somebody the signed-in person, and wait until the server knows."""
        self.put(oid, *roles, **more)
        self.request("tools/call", {"name": "mcp_local_whoami", "arguments": {"refresh": True}})

    def put(self, oid: str, *roles: str, **more: Any) -> None:
        """Make somebody the signed-in person, without waiting."""
        beside = self.who.with_suffix(".new")
        beside.write_text(json.dumps({"oid": oid, "roles": roles, **more}), encoding="utf-8")
        beside.replace(self.who)

    def sign_out(self) -> None:
        """Sign the person out, and wait until the server knows."""
        self.who.unlink(missing_ok=True)
        self.request("tools/call", {"name": "mcp_local_whoami", "arguments": {"refresh": True}})

    def call(self, name: str, arguments: Mapping[str, Any] | None = None, **meta: Any) -> Any:
        """Call a tool; return its result, or raise what it answered instead."""
        params: dict[str, Any] = {"name": name, "arguments": dict(arguments or {})}
        if meta:
            params["_meta"] = meta
        return self.request("tools/call", params)["result"]

    def text(self, name: str, arguments: Mapping[str, Any] | None = None, **meta: Any) -> str:
        """Call a tool; return the text that it answered."""
        return self.call(name, arguments, **meta)["content"][0]["text"]

    def names(self, method: str = "tools/list") -> set[str]:
        """Return what a list names, without the account tools."""
        key = {"tools": "tools", "prompts": "prompts", "resources": "resources"}[
            method.split("/", maxsplit=1)[0]
        ]
        key = "resourceTemplates" if "templates" in method else key
        items = self.request(method)["result"][key]
        field = {"resources": "uri", "resourceTemplates": "uriTemplate"}.get(key, "name")
        return {item[field] for item in items if not item["name"].startswith("mcp_local_")}

    def noted(self) -> list[str]:
        """Return what ran although it was hidden."""
        return self.ran.read_text(encoding="utf-8").splitlines() if self.ran.exists() else []

    def logged(self, event: str) -> list[dict[str, Any]]:
        """Return the log's lines of one event."""
        lines = self.log.read_text(encoding="ascii").splitlines() if self.log.exists() else []
        return [line for line in map(json.loads, lines) if line["event"] == event]
