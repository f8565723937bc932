"""What the relay says itself, in the words and shapes of hosted servers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from mcp_local.guard.relay.message import INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.guard.relay.asked import Asked
    from mcp_local.guard.relay.message import Id, Message

SERVER_GONE: Final = -32000
"""What SDKs call a closed connection."""

_LONGEST: Final = 256
"""Characters of a name that an answer repeats."""
_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def encode(value: object) -> bytes:
    """Return a JSON value on one line; lone surrogates, which aren't UTF-8, become ``?``."""
    return _JSON.encode(value).encode("utf-8", "replace")


def result(ident: Id | None, value: Mapping[str, object], *, modern: bool) -> bytes:
    """Return the answer to a request."""
    whole = {**value, "resultType": value.get("resultType", "complete")} if modern else value
    return encode({"jsonrpc": "2.0", "id": ident, "result": whole})


def error(ident: Id | None, code: int, text: str, data: object = None) -> bytes:
    """Return the error that answers a request; without an id where it couldn't be read."""
    body: dict[str, object] = {"code": code, "message": text}
    if data is not None:
        body["data"] = data
    return encode({"jsonrpc": "2.0", "id": ident, "error": body})


def notification(method: str, params: Mapping[str, object] | None = None) -> bytes:
    """Return a notification."""
    body: dict[str, object] = {"jsonrpc": "2.0", "method": method}
    if params is not None:
        body["params"] = params
    return encode(body)


def request(ident: Id, method: str, params: Mapping[str, object]) -> bytes:
    """Return a request."""
    return encode({"jsonrpc": "2.0", "id": ident, "method": method, "params": params})


def text_result(text: str, *, is_error: bool) -> dict[str, object]:
    """Return what a tool answers in words."""
    return {"content": [{"type": "text", "text": text}], "isError": is_error}


def no_such_method(message: Message) -> bytes:
    """Return the one answer for every method that isn't known."""
    name = message.method[:_LONGEST]
    return error(message.ident, METHOD_NOT_FOUND, "Method not found", name)


def refusal(message: Message | Asked, text: str) -> bytes:
    """Return why a use doesn't go ahead: a tool's error where the model reads it, else an error."""
    if message.method == "tools/call":
        return result(message.ident, text_result(text, is_error=True), modern=message.modern)
    return error(message.ident, INVALID_REQUEST, text)


def invalid(message: Message) -> bytes:
    """Return the answer to parameters that are none of such a request."""
    return error(message.ident, INVALID_PARAMS, "Invalid request parameters")


def unknown_task(message: Message) -> bytes:
    """Return the one answer for every task that isn't the person's own, or not there."""
    task = str(message.params.get("taskId"))[:_LONGEST]
    return error(message.ident, INVALID_PARAMS, f"Unknown task: {task!r}")


def unknown(message: Message, name: str) -> bytes:
    """Return the one answer for every name that isn't listed, hidden or not there (M1, M2)."""
    name = name[:_LONGEST]
    match message.method:
        case "tools/call":
            return refusal(message, f"Unknown tool: {name!r}")
        case "prompts/get":
            return error(message.ident, INVALID_PARAMS, f"Unknown prompt: {name!r}")
        case "completion/complete":
            return error(message.ident, INVALID_PARAMS, f"Unknown reference: {name!r}")
        case _:
            text = f"Resource not found: {name!r}"
            return error(message.ident, INVALID_PARAMS, text, {"uri": name})
