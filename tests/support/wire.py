"""A raw client on a process's pipes: it says what a test says and keeps every line it hears."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

HANDSHAKE: Final = "2025-11-25"
MODERN: Final = "2026-07-28"
ERAS: Final = (HANDSHAKE, MODERN)
PATIENCE: Final = 30.0
"""Seconds to wait for a message on a busy machine."""

CAPABILITIES: Final[Mapping[str, Any]] = {
    "roots": {"listChanged": True},
    "sampling": {"tools": {}},
    "elicitation": {"form": {}, "url": {}},
    "tasks": {
        "requests": {"sampling": {"createMessage": {}}, "elicitation": {"create": {}}},
        "list": {},
        "cancel": {},
    },
}
"""A client that can do everything."""

ANSWERS: Final[Mapping[str, Any]] = {
    "ping": {},
    "roots/list": {"roots": [{"uri": "file:///work/a", "name": "a"}]},
    "sampling/createMessage": {
        "role": "assistant",
        "content": {"type": "text", "text": "a haiku"},
        "model": "a-model",
        "stopReason": "endTurn",
        "_meta": {"kept": True},
    },
    "elicitation/create": {"action": "accept", "content": {"name": "Ada", "check": True}},
}
"""What it answers to a server's requests; to all others that there is no such method."""


class Ended(AssertionError):
    """The process closed its output while something was still awaited."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it came, without its end, and what it says."""

    raw: bytes
    message: Mapping[str, Any]
    """Empty where the line is no JSON object."""

    @property
    def method(self) -> str:
        """The method of a request or notification; empty for answers."""
        return str(self.message.get("method", ""))


class Wire:
    """One process and its client; :attr:`heard` is all that came, in order."""

    def __init__(  # noqa: PLR0913 - all that a client can be
        self,
        command: Sequence[str],
        folder: Path,
        *,
        era: str,
        environ: Mapping[str, str] | None = None,
        capabilities: Mapping[str, Any] = CAPABILITIES,
        answers: Mapping[str, Any] = ANSWERS,
        client: str = "test",
        ends: bool = True,
    ) -> None:
        """Start ``command`` in ``folder``; its standard error goes to a file there.

        ``ends`` says that it ends when its input does, which not every server does.
        """
        self.era = era
        self.folder = folder
        self.answers = answers
        """What is answered to the server's requests, by method: a result, or how to make one."""
        self.heard: list[Line] = []
        self.asked: dict[Any, str] = {}
        """The method of every request that was sent, by id."""
        self.errors = folder / f"stderr-{time.monotonic_ns()}.txt"
        self._capabilities = capabilities
        self._client = {"name": client, "version": "1"}
        self._next = 0
        self._changed = threading.Condition()
        self._ended = False
        self._ends = ends
        self._writing = threading.Lock()
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=folder,
                env=dict(os.environ if environ is None else environ),
                start_new_session=not ends,
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()
        try:
            if self._ends:
                self.process.wait(PATIENCE)
        finally:
            self._kill()
        self._reader.join(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _kill(self) -> None:
        """End what doesn't end by itself; a launcher like npx with what it launched."""
        if self._ends or sys.platform == "win32":
            self.process.kill()
        else:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def hang_up(self) -> None:
        """Close the server's standard input."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.close()
        except OSError:  # what was not written yet goes nowhere
            return

    def _read(self) -> None:
        assert self.process.stdout is not None
        for text in self.process.stdout:
            line = Line(text.removesuffix(b"\n"), _parse(text))
            with self._changed:
                self.heard.append(line)
                self._changed.notify_all()
            if line.method and "id" in line.message:
                self._reply(line)
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _reply(self, line: Line) -> None:
        body: dict[str, Any] = {"jsonrpc": "2.0", "id": line.message["id"]}
        if line.method in self.answers:
            result = self.answers[line.method]
            body["result"] = result(line.message) if callable(result) else result
            if body["result"] is None:
                return
        else:
            body["error"] = {"code": -32601, "message": "Method not found"}
        self.send(body)

    def send(self, message: Mapping[str, Any] | bytes) -> None:
        """Send one line, whatever it is; what a process that is gone doesn't read is dropped."""
        assert self.process.stdin is not None
        line = message if isinstance(message, bytes) else json.dumps(message).encode()
        try:
            with self._writing:
                self.process.stdin.write(line + b"\n")
                self.process.stdin.flush()
        except OSError:
            return

    def notify(self, method: str, params: Mapping[str, Any] | None = None) -> None:
        """Send a notification."""
        self.send({"jsonrpc": "2.0", "method": method, "params": dict(params or {})})

    def post(self, method: str, params: Mapping[str, Any] | None = None, ident: Any = None) -> Any:
        """Send a request without waiting; return its id."""
        self._next += 1
        ident = self._next if ident is None else ident
        self.asked[ident] = method
        body = {"jsonrpc": "2.0", "id": ident, "method": method, "params": self.params(params)}
        self.send(body)
        return ident

    def params(self, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return what a client of this era sends along with ``params``."""
        body = dict(params or {})
        if self.era == MODERN:
            body["_meta"] = {
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientInfo": self._client,
                "io.modelcontextprotocol/clientCapabilities": self._capabilities,
                **body.get("_meta", {}),
            }
        return body

    def wait(self, wanted: Callable[[Line], object], *, since: int = 0) -> Line:
        """Return the first line after the first ``since`` that is wanted, as soon as it came."""
        deadline = time.monotonic() + PATIENCE
        with self._changed:
            while True:
                for line in self.heard[since:]:
                    if wanted(line):
                        return line
                since = len(self.heard)
                left = deadline - time.monotonic()
                if self._ended or left <= 0:
                    raise Ended(self.errors.read_text("utf-8", "replace")[-4000:])
                self._changed.wait(left)

    def answer(self, ident: Any) -> Line:
        """Return the line that answers a request."""
        return self.wait(lambda line: _answers(line, ident))

    def raw(self, method: str, params: Mapping[str, Any] | None = None, ident: Any = None) -> bytes:
        """Send a request and return the line that answers it."""
        since = len(self.heard)
        ident = self.post(method, params, ident)
        return self.wait(lambda line: _answers(line, ident), since=since).raw

    def request(self, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send a request and return what answers it: ``result`` or ``error``."""
        return json.loads(self.raw(method, params))

    def told(self, method: str, *, since: int = 0) -> Line:
        """Wait for a request or notification of the server."""
        return self.wait(lambda line: line.method == method, since=since)

    def open(self) -> dict[str, Any]:
        """Begin as a client of the era does; return the server's first answer."""
        if self.era == MODERN:
            return self.request("server/discover")
        hello = {
            "protocolVersion": HANDSHAKE,
            "capabilities": self._capabilities,
            "clientInfo": self._client,
        }
        answer = self.request("initialize", hello)
        self.notify("notifications/initialized")
        return answer

    def call(self, name: str, arguments: Mapping[str, Any] | None = None, **meta: Any) -> Any:
        """Call a tool; return its result, or raise what it answered instead."""
        return self.request("tools/call", call(name, arguments, **meta))["result"]

    def text(self, name: str, arguments: Mapping[str, Any] | None = None, **meta: Any) -> str:
        """Call a tool; return the text that it answered."""
        return self.call(name, arguments, **meta)["content"][0]["text"]

    def wait_until_ended(self) -> int:
        """Wait until the process is gone; return its exit code."""
        return self.process.wait(PATIENCE)


def call(name: str, arguments: Mapping[str, Any] | None = None, **meta: Any) -> dict[str, Any]:
    """Return the parameters of a call."""
    params: dict[str, Any] = {"name": name, "arguments": dict(arguments or {})}
    return params | {"_meta": meta} if meta else params


def _answers(line: Line, ident: Any) -> bool:
    return not line.method and line.message.get("id") == ident and "id" in line.message


def _parse(text: bytes) -> Mapping[str, Any]:
    try:
        message: object = json.loads(text)
    except ValueError:
        return {}
    return cast("dict[str, Any]", message) if isinstance(message, dict) else {}
