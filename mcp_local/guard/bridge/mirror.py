"""Arguments that a tool wants in headers: ``x-mcp-header`` (MCP 2026-07-28, transports)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, cast, final

import msgspec

from mcp_local.guard.bridge.envelope import header_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mcp_local.guard.bridge.envelope import Envelope

_MARK: Final = "x-mcp-header"
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""RFC 9110, 5.6.2: the only characters of a header's name."""
_SIMPLE: Final = frozenset({"string", "integer", "boolean"})

Path = tuple[str, ...]


class _Tool(msgspec.Struct, rename="camel"):
    name: str
    input_schema: dict[str, object] = {}


class _Tools(msgspec.Struct):
    tools: list[_Tool]


class _List(msgspec.Struct):
    result: _Tools


@final
class Mirror:
    """Knows from the lists that passed which arguments stand in headers."""

    def __init__(self) -> None:
        self._marked: dict[str, dict[Path, str]] = {}

    def learn(self, message: bytes) -> None:
        """Take note of an answer to ``tools/list``."""
        if _MARK.encode() not in message:
            return
        try:
            tools = msgspec.json.decode(message, type=_List).result.tools
        except msgspec.DecodeError:
            return
        for tool in tools:
            self._marked[tool.name] = dict(_marks(tool.input_schema, ()))

    def headers(self, envelope: Envelope) -> dict[str, str]:
        """Return the headers of a stateless ``tools/call``."""
        params = envelope.params
        if not self._marked or params is None or envelope.method != "tools/call":
            return {}
        marked = self._marked.get(params.name) if isinstance(params.name, str) else None
        if not marked or not params.arguments:
            return {}
        arguments: object = msgspec.json.decode(params.arguments)
        found = ((token, _text(_at(arguments, path))) for path, token in marked.items())
        return {
            f"Mcp-Param-{token}": header_value(text) for token, text in found if text is not None
        }


def _marks(schema: dict[str, object], path: Path) -> Iterator[tuple[Path, str]]:
    """Yield what is marked on properties that are reached through properties alone."""
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return
    for name, inner in cast("dict[str, object]", properties).items():
        if not isinstance(inner, dict):
            continue
        here = cast("dict[str, object]", inner)
        token = here.get(_MARK)
        if isinstance(token, str) and _TOKEN.fullmatch(token) and here.get("type") in _SIMPLE:
            yield (*path, name), token
        yield from _marks(here, (*path, name))


def _at(arguments: object, path: Path) -> object:
    for name in path:
        if not isinstance(arguments, dict):
            return None
        arguments = cast("dict[str, object]", arguments).get(name)
    return arguments


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else None
