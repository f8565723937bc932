"""What HTTP must know of a message: its id, its era, and what stands in headers beside it."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Final, cast, final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

HANDSHAKE_METHOD: Final = "initialize"
INITIALIZED: Final = "notifications/initialized"
DISCOVER: Final = "server/discover"
CANCELLED: Final = "notifications/cancelled"
_NAMED_BY: Final[Mapping[str, str]] = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
}
"""Whose name or address is mirrored in ``Mcp-Name`` (MCP 2026-07-28, transports)."""
_PLAIN: Final = re.compile(r"[\x20-\x7E]*")
_ENCODED: Final = re.compile(r"=\?base64\?.*\?=")


_MARK: Final = b"\xef\xbb\xbf"
_VERSION: Final = "io.modelcontextprotocol/protocolVersion"


class _Params(msgspec.Struct, rename={"meta": "_meta", "request_id": "requestId"}):
    meta: object = None
    name: object = None
    uri: object = None
    level: object = None
    request_id: object = None
    arguments: msgspec.Raw = msgspec.Raw()
    version: object = msgspec.field(name="protocolVersion", default=None)


@final
class Envelope(msgspec.Struct):
    """A message without what it carries."""

    id: str | int | float | msgspec.UnsetType | None = msgspec.UNSET
    method: str = ""
    params: _Params | None = None
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET

    @property
    def is_request(self) -> bool:
        """Whether an answer is due."""
        return bool(self.method) and self.id is not msgspec.UNSET

    @property
    def is_answer(self) -> bool:
        """Whether it answers a request."""
        return self.result is not msgspec.UNSET or self.error is not msgspec.UNSET

    def answers(self, request: Envelope) -> bool:
        """Whether this answers that request; the relay knows no other than its very id."""
        return self.is_answer and type(self.id) is type(request.id) and self.id == request.id

    @property
    def modern_version(self) -> str:
        """The protocol version that a stateless request names itself; else empty."""
        meta = self.params.meta if self.params else None
        version = cast("dict[str, object]", meta).get(_VERSION) if isinstance(meta, dict) else None
        return version if isinstance(version, str) else ""

    @property
    def cancels(self) -> object:
        """The id of the request that is cancelled."""
        return self.params.request_id if self.params and self.method == CANCELLED else None

    def headers(self) -> dict[str, str]:
        """Return what stands in headers beside a stateless message; nothing beside others."""
        version = self.modern_version
        if not version:
            return {}
        headers = {"MCP-Protocol-Version": header_value(version), "Mcp-Method": self.method}
        field = _NAMED_BY.get(self.method)
        if field and isinstance(name := getattr(self.params, field), str):
            headers["Mcp-Name"] = header_value(name)
        return headers


_DECODER: Final = msgspec.json.Decoder(Envelope)


def peek(message: bytes) -> Envelope | None:
    """Return the envelope; ``None`` when this is no JSON-RPC message."""
    try:
        envelope = _DECODER.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        envelope = _read_kindly(message)
    return envelope if envelope and (envelope.method or envelope.is_answer) else None


def _read_kindly(message: bytes) -> Envelope | None:
    """Return the envelope of a message that is JSON to others: with NaN, or a lone surrogate.

    Of parameters that are no object nothing is read; what to say to them is for the server.
    """
    try:
        body: object = json.loads(message.decode("utf-8"), parse_constant=lambda _: None)
        if not isinstance(body, dict):
            return None
        whole = cast("dict[str, object]", body)
        if not isinstance(whole.get("params"), dict):
            whole["params"] = None
        return _DECODER.decode(json.dumps(whole, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError, msgspec.DecodeError):
        return None


def header_value(text: str) -> str:
    """Return a text as a header holds it: as it is, or in base64 where it wouldn't survive."""
    plain = _PLAIN.fullmatch(text) and text == text.strip() and not _ENCODED.fullmatch(text)
    if plain:
        return text
    return f"=?base64?{base64.b64encode(text.encode('utf-8', 'replace')).decode('ascii')}?="


def one_line(message: bytes) -> bytes:
    """Return the message without line breaks, which JSON has between its tokens only.

    A byte order mark before it is ignored, as RFC 8259, 8.1 lets who reads do.
    """
    message = message.removeprefix(_MARK)
    if b"\n" in message or b"\r" in message:
        message = message.replace(b"\r", b" ").replace(b"\n", b" ")
    return message.strip()


def error_answer(ident: object, code: int, text: str) -> bytes:
    """Return an error as the answer to a request."""
    return msgspec.json.encode(
        {"jsonrpc": "2.0", "id": ident, "error": {"code": code, "message": text}}
    )
