"""The authority's public keys: a JWKS (RFC 7517) read so that only keys fit for RS256 remain."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

from mcp_local.errors import Unreachable
from mcp_local.identity.gate import KEY_ID, decode_part
from mcp_local.identity.model import TokenRejected
from mcp_local.identity.strict_json import NotStrictJson, read_object
from mcp_local.identity.weak_keys import is_weak

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_JWKS = 1024 * 1024
"""Bytes; Entra's sets have about 20 KB. More isn't read (J22)."""


class BadKeySet(Unreachable):
    """Something answered, but not with a key set: an error page, half a document, no usable key."""


@dataclass(frozen=True, slots=True)
class Jwk:
    """One public key, with what the set says of it."""

    key_id: str
    public_key: RSAPublicKey
    modulus: str
    """``n`` as it stands in the set, base64url."""
    exponent: str
    """``e`` as it stands in the set, base64url."""
    issuer: str = ""
    """Whose tokens this key signs, where the set says so; may hold ``{tenantid}``."""


@dataclass(frozen=True, slots=True)
class KeySet:
    """Usable keys by their id."""

    keys: Mapping[str, Jwk]

    def find(self, key_id: str) -> Jwk | None:
        """Return the key of that id, if there is one."""
        return self.keys.get(key_id)

    def only(self, key_id: str) -> KeySet:
        """Return a set with no more than that key, to be kept beside the token it verified."""
        return KeySet({name: key for name, key in self.keys.items() if name == key_id})

    def to_bytes(self) -> bytes:
        """Write the set as a JWKS that :func:`parse_jwks` reads back to an equal one."""
        return msgspec.json.encode({"keys": [_to_jwk(key) for key in self.keys.values()]})


def parse_jwks(data: bytes) -> KeySet:
    """Read a JWKS. Keys that aren't fit for RS256 are left out; the others survive them (J7).

    Raises:
        BadKeySet: ``data`` isn't a key set at all (J22).
    """
    if len(data) > MAX_JWKS:
        raise BadKeySet(f"The key set is longer than {MAX_JWKS} bytes.")
    try:
        entries = read_object(data).get("keys")
    except NotStrictJson:
        entries = None
    if not isinstance(entries, list):
        raise BadKeySet("What the authority sent is not a key set.")
    found = [key for entry in cast("list[object]", entries) if (key := _read_key(entry))]
    # Which of two usable keys of one id was meant is a guess: neither is used (J7).
    times = Counter(key.key_id for key in found)
    return KeySet({key.key_id: key for key in found if times[key.key_id] == 1})


def _read_key(member: object) -> Jwk | None:
    """Return a member of the set as a key, or ``None`` where it can't verify RS256 (J7)."""
    if not isinstance(member, dict):
        return None
    entry = cast("dict[str, object]", member)
    texts = {name: value for name, value in entry.items() if isinstance(value, str)}
    fit = (
        texts.get("kty") == "RSA"  # no `oct`: a shared secret signs nothing here (J4)
        and entry.get("use", "sig") == "sig"  # RFC 7517 §4.2
        and entry.get("alg", "RS256") == "RS256"  # RFC 7517 §4.4
        and _may_verify(entry.get("key_ops"))  # RFC 7517 §4.3
        and "d" not in entry  # a private key that was published proves nothing any more
        and KEY_ID.fullmatch(texts.get("kid", ""))  # J6
        and isinstance(entry.get("issuer", ""), str)
    )
    if not fit:
        return None
    modulus, exponent = texts.get("n", ""), texts.get("e", "")
    public_key = _public_key(modulus, exponent)
    if public_key is None:
        return None
    return Jwk(texts["kid"], public_key, modulus, exponent, texts.get("issuer", ""))


def _may_verify(key_ops: object) -> bool:
    return key_ops is None or (isinstance(key_ops, list) and "verify" in key_ops)


def _public_key(modulus: str, exponent: str) -> RSAPublicKey | None:
    try:
        n = int.from_bytes(decode_part(modulus))
        e = int.from_bytes(decode_part(exponent))
        return None if is_weak(n, e) else RSAPublicNumbers(e, n).public_key()
    except (TokenRejected, ValueError):
        return None


def _to_jwk(key: Jwk) -> dict[str, str]:
    jwk = {"kty": "RSA", "use": "sig", "kid": key.key_id, "n": key.modulus, "e": key.exponent}
    return jwk | {"issuer": key.issuer} if key.issuer else jwk
