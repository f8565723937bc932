"""What is read of a body beside its envelope: the version agreed on, the error of a refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mcp_local.guard.bridge.envelope import one_line

if TYPE_CHECKING:
    from mcp_local.guard.bridge.envelope import Envelope


class _Agreed(msgspec.Struct, rename="camel"):
    protocol_version: str


class _Hello(msgspec.Struct):
    result: _Agreed


class _Refusal(msgspec.Struct):
    error: msgspec.Raw


class _Code(msgspec.Struct):
    code: int


def agreed_version(answer: bytes) -> str:
    """Return the version that the server has chosen; empty when it refused."""
    try:
        return msgspec.json.decode(answer, type=_Hello).result.protocol_version
    except msgspec.DecodeError:
        return ""


def error_code(body: bytes) -> int:
    """Return the code of the error in a refusal's body; 0 when there is none."""
    found = _error_in(body)
    return 0 if found is None else found[1]


def as_error(body: bytes, envelope: Envelope) -> bytes | None:
    """Return the error in a refusal's body as the answer to the request, if there is one."""
    found = _error_in(body)
    if found is None:
        return None
    answer = {"jsonrpc": "2.0", "id": envelope.id, "error": found[0]}
    return one_line(msgspec.json.encode(answer))


def _error_in(body: bytes) -> tuple[msgspec.Raw, int] | None:
    """Return the error as it stands, and its code."""
    try:
        error = msgspec.json.decode(body, type=_Refusal).error
        return error, msgspec.json.decode(error, type=_Code).code
    except msgspec.DecodeError:
        return None
