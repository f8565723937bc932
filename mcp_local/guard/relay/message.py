"""One line of the wire as one message: parsed once, judged as parsed, sent on as the same bytes.

What a client sends must have one meaning only (M4, M16-M18): no batch, no key twice, no key that
differs from one of the protocol by case alone, no NaN, no bytes that aren't UTF-8. What a server
sends is read more kindly, as far as it decides nothing.
"""

from __future__ import annotations

import json
from typing import Final, cast, final

from mcp_local.identity.strict_json import DuplicateKey, NotStrictJson, read_object

Id = int | str

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603

MODERN_VERSION: Final = "io.modelcontextprotocol/protocolVersion"
"""Key in ``_meta`` that only clients of the modern era send."""
CLIENT_INFO: Final = "io.modelcontextprotocol/clientInfo"
CLIENT_CAPABILITIES: Final = "io.modelcontextprotocol/clientCapabilities"
SUBSCRIPTION_ID: Final = "io.modelcontextprotocol/subscriptionId"

_ENVELOPE: Final = frozenset({"jsonrpc", "id", "method", "params", "result", "error"})
_PARAMS: Final = frozenset(
    {
        *("_meta", "name", "arguments", "uri", "ref", "type", "argument", "context", "cursor"),
        *("task", "taskId", "inputResponses", "requestState", "requestId", "notifications"),
        *("protocolVersion", "capabilities", "clientInfo", "level", "progressToken"),
    }
)
_KNOWN: Final = _PARAMS.union(_ENVELOPE)
_FOLDED: Final = {key.casefold(): key for key in _KNOWN}
_ID: Final = (int, str)
_NOTHING: Final[dict[str, object]] = {}
"""Where there are no parameters; nobody adds any."""


class Refused(Exception):
    """A message that can't be taken; ``ident`` is its id where one could be read."""

    def __init__(self, code: int, text: str, ident: Id | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.ident = ident


@final
class Message:
    """One JSON-RPC message; nobody changes it."""

    __slots__ = ("body", "ident", "meta", "method", "modern", "params", "raw")

    def __init__(
        self,
        raw: bytes,
        method: str,
        ident: Id | None,
        params: dict[str, object],
        body: dict[str, object],
    ) -> None:
        self.raw = raw
        self.method = method
        """Empty for an answer."""
        self.ident = ident
        """``None`` for a notification."""
        self.params = params
        self.body = body
        """All of it."""
        self.meta = as_dict(params["_meta"]) if "_meta" in params else _NOTHING
        """The request's ``_meta``."""
        self.modern = MODERN_VERSION in self.meta
        """Whether it comes in the envelope of the modern era (2026-07-28)."""


def read_client(line: bytes) -> Message:
    """Read one message of the client.

    Raises:
        Refused: it could mean two things, or nothing.
    """
    if b"\r" in line and b"\r" in line.strip():
        # Many servers end a line there: they would read other messages.
        text = "Invalid Request: a carriage return within the message"
        raise Refused(INVALID_REQUEST, text, _id_in(line))
    try:
        body = read_object(line)
    except NotStrictJson as error:
        raise _refused(line, error) from None
    message = _message(line, body)
    _refuse_folded(message)
    if body.get("jsonrpc") != "2.0":
        raise Refused(INVALID_REQUEST, "Invalid Request", message.ident)
    return message


def read_server(line: bytes) -> Message:
    """Read one message of the server.

    Raises:
        Refused: what it is can't be told; nothing of it may reach the client.
    """
    if b"\r" in line:  # white space in JSON; to many clients the end of a line (M22)
        line = line.replace(b"\r", b" ")
    try:
        body: object = _LENIENT.decode(line.decode("utf-8"))
    except _Ambiguous:
        raise Refused(PARSE_ERROR, "a key stands twice in one object", _id_in(line)) from None
    except (ValueError, RecursionError):
        raise Refused(PARSE_ERROR, "not JSON in UTF-8", _id_in(line)) from None
    if not isinstance(body, dict):
        raise Refused(INVALID_REQUEST, "not a JSON object")
    message = _message(line, cast("dict[str, object]", body))
    for key in message.body:
        if key not in _ENVELOPE and key.casefold() in _ENVELOPE:
            raise Refused(INVALID_REQUEST, f"an odd spelling: {key[:20]!r}", message.ident)
    if message.method and message.ident is not None:
        _refuse_folded(message)
    return message


def as_dict(value: object) -> dict[str, object]:
    """Return ``value`` if it is an object, else an empty one."""
    # `cast` would be a call; this stands several times on the way of each message.
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def _message(line: bytes, body: dict[str, object]) -> Message:
    """Tell requests, notifications and answers apart."""
    ident: Id | None = None
    if "id" in body:
        given = body["id"]
        if not isinstance(given, _ID) or isinstance(given, bool):
            if given is None and "error" in body and "method" not in body:
                return Message(line, "", None, {}, body)  # JSON-RPC 2.0, 5: the id couldn't be read
            raise Refused(INVALID_REQUEST, "Invalid Request")
        ident = given
    method = body.get("method", "")
    if not isinstance(method, str) or ("method" in body and not method):
        raise Refused(INVALID_REQUEST, "Invalid Request", ident)
    is_answer = "result" in body or "error" in body
    if bool(method) is is_answer or (is_answer and ("result" in body) is ("error" in body)):
        raise Refused(INVALID_REQUEST, "Invalid Request", ident)
    if is_answer and ident is None:
        raise Refused(INVALID_REQUEST, "Invalid Request")
    given = body.get("params")
    params = _NOTHING if given is None else as_dict(given)
    if given is not None and params is not given:
        raise Refused(INVALID_PARAMS, "Invalid request parameters", ident)
    return Message(line, method, ident, params, body)


def _refuse_folded(message: Message) -> None:
    """Refuse keys that some parsers take for one of the protocol's (M4).

    Raises:
        Refused: there is one.
    """
    for place in (message.body, message.params, as_dict(message.params.get("ref"))):
        for key in place:
            if key not in _KNOWN and key.casefold() in _FOLDED:
                raise Refused(
                    INVALID_REQUEST,
                    f"Invalid Request: {key[:20]!r} is not {_FOLDED[key.casefold()]!r}",
                    message.ident,
                )


def _refused(line: bytes, error: NotStrictJson) -> Refused:
    """Return what is to be answered; with the id, so that the client doesn't wait for ever."""
    ident = _id_in(line)
    if isinstance(error, DuplicateKey):
        return Refused(INVALID_REQUEST, "Invalid Request: a key stands twice in one object", ident)
    if line.lstrip()[:1] == b"[":
        return Refused(INVALID_REQUEST, "Invalid Request: batches are not taken")
    if ident is not None:
        return Refused(INVALID_REQUEST, "Invalid Request: not strict JSON", ident)
    return Refused(PARSE_ERROR, "Parse error")


def _id_in(line: bytes) -> Id | None:
    """Return the id of a message that is refused, if there is just one."""
    try:
        pairs: object = json.loads(line.decode("utf-8", "replace"), object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        return None
    found = [value for key, value in pairs if key == "id"] if isinstance(pairs, _Pairs) else []
    if len(found) == 1 and isinstance(found[0], int | str) and not isinstance(found[0], bool):
        return found[0]
    return None


class _Pairs(list[tuple[str, object]]):
    """An object with all of its keys."""


class _Ambiguous(ValueError):
    """An object holds one key twice."""


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Ambiguous
    return found


_LENIENT: Final = json.JSONDecoder(object_pairs_hook=_unique)
"""Takes NaN and lone surrogates, as servers send them and clients of theirs take them."""
