"""Asks a server for all that it has, for commands that show it; nothing is used.

It speaks either era: the handshake first, as most servers know it, and the stateless one where the
server refuses that.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

from mcp_local.errors import Unreachable
from mcp_local.guard.definition_record import PROMPTS, RESOURCES, TEMPLATES, TOOLS
from mcp_local.guard.relay.hello import words
from mcp_local.guard.relay.supervisor import Supervised
from mcp_local.guard.upstream import UpstreamGone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.guard.upstream import Upstream

HANDSHAKE: Final = "2025-11-25"
MODERN: Final = "2026-07-28"
PATIENCE: Final = 60.0
"""Seconds for all of it: a first start may fetch the server from a package registry."""
_SHOWN: Final = 12
"""Lines of a server's standard error that an error shows: what Node.js tells of one fault."""
_SPEAKS: Final = (
    "It must speak MCP on its standard input and output: start it in a terminal to see."
)
_CLIENT: Final = {"name": "mcp-local", "version": "1"}
_METHODS: Final = {
    TOOLS: ("tools", "tools/list"),
    PROMPTS: ("prompts", "prompts/list"),
    RESOURCES: ("resources", "resources/list"),
    TEMPLATES: ("resources", "resources/templates/list"),
}
"""List → the capability that a server with such a list declares, and the method."""
_METHOD_NOT_FOUND: Final = -32601
_MOST_PAGES: Final = 1000


@dataclass(frozen=True, slots=True)
class Told:
    """What a server told of itself."""

    lists: Mapping[str, tuple[Mapping[str, object], ...]] = field(
        default_factory=dict[str, "tuple[Mapping[str, object], ...]"]
    )
    """List, by its key in a result → its items, all pages of it."""
    instructions: str = ""
    """All that its greeting tells a model."""


def interview(upstream: Upstream, *, patience: float = PATIENCE) -> Told:
    """Start a server, ask for its lists, and end it; blocks for at most ``patience`` seconds.

    Raises:
        Unreachable: it can't be started or reached, or doesn't answer as an MCP server does.
    """
    late = threading.Event()

    def give_up() -> None:
        late.set()
        upstream.stop()

    timer = threading.Timer(patience, give_up)
    timer.daemon = True
    timer.start()
    try:
        upstream.start()
        return _Interview(upstream).all()
    except UpstreamGone as gone:
        if late.is_set():
            gave_none = f"The server gave no answer within {patience:g} seconds."
            raise Unreachable(gave_none, hint=_hint(upstream)) from None
        raise Unreachable(gone.text or "The server is gone.", hint=_hint(upstream)) from None
    finally:
        timer.cancel()
        upstream.stop()


def _hint(upstream: Upstream) -> str:
    """Return the server's own last words to the person; else what to do where it never started."""
    if not isinstance(upstream, Supervised):
        return ""
    said = "\n  ".join(upstream.last_lines[-_SHOWN:])
    return said or upstream.remedy or _SPEAKS


class _Refused(Exception):
    """The server answered with an error."""

    def __init__(self, code: object, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class _Interview:
    """One conversation, one question at a time."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._asked = 0
        self._envelope: dict[str, object] = {}

    def all(self) -> Told:
        try:
            hello = self._greet()
            has = _table(hello.get("capabilities"))
            lists = {
                which: self._list(which, method)
                for which, (capability, method) in _METHODS.items()
                if capability in has
            }
        except _Refused as refused:
            text = refused.text or "The server doesn't say what it has."
            raise Unreachable(text, hint=_hint(self._upstream)) from None
        return Told(lists, words(hello))

    def _greet(self) -> dict[str, object]:
        """Return what the server says of itself; learn which era it speaks."""
        try:
            hello = self._ask(
                "initialize",
                {"protocolVersion": HANDSHAKE, "capabilities": {}, "clientInfo": _CLIENT},
            )
        except _Refused as handshake:
            prefix = "io.modelcontextprotocol/"
            self._envelope = {
                "_meta": {
                    f"{prefix}protocolVersion": MODERN,
                    f"{prefix}clientInfo": _CLIENT,
                    f"{prefix}clientCapabilities": {},
                }
            }
            return self._discover(handshake)
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return hello

    def _discover(self, handshake: _Refused) -> dict[str, object]:
        """Greet in the stateless era; a server that knows neither said with the first why."""
        try:
            return self._ask("server/discover", {})
        except _Refused as refused:
            raise (handshake if refused.code == _METHOD_NOT_FOUND else refused) from None

    def _list(self, which: str, method: str) -> tuple[Mapping[str, object], ...]:
        items: list[Mapping[str, object]] = []
        cursor: dict[str, object] = {}
        for _ in range(_MOST_PAGES):
            try:
                page = self._ask(method, cursor)
            except _Refused as refused:
                if refused.code == _METHOD_NOT_FOUND:
                    break
                raise
            found = page.get(which)
            if isinstance(found, list):
                items += (_table(item) for item in cast("list[object]", found))
            following = page.get("nextCursor")
            if not isinstance(following, str) or cursor == {"cursor": following}:
                break
            cursor = {"cursor": following}
        return tuple(items)

    def _ask(self, method: str, params: Mapping[str, object]) -> dict[str, object]:
        """Ask one question and wait for its answer.

        Raises:
            _Refused: it is answered with an error.
            UpstreamGone: it isn't answered.
        """
        self._asked += 1
        self._send(
            {
                "jsonrpc": "2.0",
                "id": self._asked,
                "method": method,
                "params": {**self._envelope, **params},
            }
        )
        while True:
            message = self._next()
            if "method" in message:
                self._decline(message)
            elif message.get("id") == self._asked:
                break
        if "error" in message:
            error = _table(message["error"])
            raise _Refused(error.get("code"), str(error.get("message", "")))
        return _table(message.get("result"))

    def _next(self) -> dict[str, object]:
        while (line := self._upstream.receive()) is not None:
            try:
                message = _table(json.loads(line))
            except (ValueError, RecursionError):
                continue
            if message:
                return message
        raise UpstreamGone(self._upstream.ended)

    def _decline(self, message: Mapping[str, object]) -> None:
        """Answer a request of the server: nobody is here who could be asked."""
        if (ident := message.get("id")) is None:
            return
        if message["method"] == "ping":
            self._send({"jsonrpc": "2.0", "id": ident, "result": {}})
            return
        error = {"code": _METHOD_NOT_FOUND, "message": "Method not found"}
        self._send({"jsonrpc": "2.0", "id": ident, "error": error})

    def _send(self, message: Mapping[str, object]) -> None:
        try:
            self._upstream.send(json.dumps(message).encode("ascii"))
        except UpstreamGone as gone:
            while self._upstream.receive() is not None:
                pass  # to its end, after which it is known why it no longer reads
            raise UpstreamGone(self._upstream.ended or gone.text) from None


def _table(value: object) -> dict[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}
