"""The strict gate: nothing but one plain RS256 JWT in compact form comes through.

It runs before any signature check and judges the shape only. The bytes it hands on are the bytes
whose signature is checked and whose claims are read: there is no second parser to disagree.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcp_local.identity.model import Rejection, TokenRejected
from mcp_local.identity.strict_json import DuplicateKey, NotStrictJson, read_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.secret import Secret

MAX_TOKEN = 16 * 1024
"""Bytes; a longer token is refused undecoded (J20)."""

KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""The shape of a key id: base64url, as Entra's are; no path, no blank, no query fits in (J6)."""

# RFC 7515 §7.1 in RFC 7515 §2's base64url without padding: three parts, none of them empty.
# Refuses `=`, `+`, `/`, blanks, newlines, a BOM, JSON serialisation, five parts (J3, J19).
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")

# Header parameters that name a key of the sender's choice (J5, RFC 8725 §3.10), or that change
# what the token means (J8). RFC 7515 §4 has unknown others ignored.
_REFUSED = frozenset({"jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "cty"})


@dataclass(frozen=True, slots=True, repr=False)
class Compact:
    """A token taken apart, its header judged, its signature not yet checked."""

    header: Mapping[str, object]
    key_id: str
    signing_input: bytes
    payload: bytes
    signature: bytes


def admit(token: Secret) -> Compact:
    """Take ``token`` apart if it is exactly one compact JWT that says RS256.

    Raises:
        TokenRejected: with the first check it fails.
    """
    header_part, payload_part, signature_part = split(token.reveal())
    header = read_json(decode_part(header_part), "header")
    key_id = _judge_header(header)
    return Compact(
        header=header,
        key_id=key_id,
        signing_input=f"{header_part}.{payload_part}".encode("ascii"),
        payload=decode_part(payload_part),
        signature=decode_part(signature_part),
    )


def split(compact: str) -> tuple[str, str, str]:
    """Return the three base64url parts of a compact JWS (RFC 7515 §7.1).

    Raises:
        TokenRejected: ``TOO_LARGE`` (J20) or ``MALFORMED`` (J3, J19).
    """
    if len(compact) > MAX_TOKEN:
        raise TokenRejected(Rejection.TOO_LARGE, f"The token is longer than {MAX_TOKEN} bytes.")
    match = _COMPACT.fullmatch(compact)
    if match is None:
        raise TokenRejected(Rejection.MALFORMED, "The token is not a JWT in compact form.")
    return match[1], match[2], match[3]


def decode_part(part: str) -> bytes:
    """Decode one base64url part; only the one canonical spelling counts (RFC 4648 §3.5).

    Raises:
        TokenRejected: ``MALFORMED``; else a token could be respelled and stay valid.
    """
    padded = part + "=" * (-len(part) % 4)
    try:
        data = base64.urlsafe_b64decode(padded)
    except ValueError:
        data = b""
    if base64.urlsafe_b64encode(data).decode("ascii") != padded:
        raise TokenRejected(Rejection.MALFORMED, "A part of the token is not base64url.")
    return data


def read_json(data: bytes, what: str) -> dict[str, object]:
    """Read the token's ``what`` ("header", "payload") as strict JSON.

    Raises:
        TokenRejected: ``DUPLICATE_KEY`` (J18) or ``MALFORMED``.
    """
    try:
        return read_object(data)
    except DuplicateKey:
        reason = Rejection.DUPLICATE_KEY
        message = f"The token's {what} holds one key twice."
    except NotStrictJson:
        reason, message = Rejection.MALFORMED, f"The token's {what} is not one JSON object."
    raise TokenRejected(reason, message)


def _judge_header(header: Mapping[str, object]) -> str:
    """Return the key id of a header that is plain RS256 JWT."""
    if header.get("alg") != "RS256":  # J3, J4; RFC 8725 §3.1
        raise TokenRejected(Rejection.ALGORITHM, "The token isn't signed with RS256.")
    if header.get("typ") != "JWT":  # J8; RFC 8725 §3.11. Entra always writes it, in capitals
        raise TokenRejected(Rejection.HEADER, "The token isn't of the type JWT.")
    if not _REFUSED.isdisjoint(header):  # J5, J8
        raise TokenRejected(Rejection.HEADER, "The token's header holds what no access token has.")
    key_id = header.get("kid")
    if not isinstance(key_id, str) or not KEY_ID.fullmatch(key_id):  # J6
        raise TokenRejected(Rejection.HEADER, "The token names no key, or not by a key id.")
    return key_id
