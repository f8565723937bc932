"""Raw token → verified token. Pure: no socket, no file, no clock; every refusal has a name."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from mcp_local.identity import graph
from mcp_local.identity.claims import (
    check_audience,
    check_client,
    check_kind,
    check_time,
    read_claims,
    to_identity,
)
from mcp_local.identity.gate import Compact, admit, decode_part, read_json, split
from mcp_local.identity.issuer import check_issuer
from mcp_local.identity.model import Rejection, TokenRejected, VerifiedToken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.identity.keyset import Jwk, KeySet
    from mcp_local.identity.model import Expectations
    from mcp_local.secret import Secret

# RS256 and nothing else: no algorithm is looked up by what a token says (RFC 8725 §3.1). It is the
# very call that PyJWT makes for RS256. PyJWT itself would parse the token a second time and more
# leniently than the gate, and would cost every server 11 MB and 60 ms; the property tests hold
# that it believes whatever is believed here.
_PADDING, _HASH = PKCS1v15(), SHA256()


def verify(token: Secret, keys: KeySet, expected: Expectations, now: float) -> VerifiedToken:
    """Believe ``token`` or say why not.

    ``now`` is in seconds since the epoch. Nothing of the payload is read before the signature
    holds, but for the hint to a Graph token.

    Raises:
        TokenRejected: with the first check that fails as ``reason``.
    """
    compact = admit(token)
    if graph.has_graph_nonce(compact.header):  # J9: such a signature never holds
        raise graph.rejection(decode_unverified(token)[1])
    key = _signing_key(compact, keys)
    payload = read_json(compact.payload, "payload")
    if graph.is_for_graph(payload):  # J9
        raise graph.rejection(payload)
    claims = read_claims(payload)
    check_issuer(claims, key, expected)
    check_audience(claims, expected)
    check_kind(claims, expected)
    check_client(claims, expected)
    check_time(claims, expected, now)
    payload = MappingProxyType(payload)
    return VerifiedToken(
        token=token,
        identity=to_identity(claims, payload),
        claims=payload,
        valid_until=float(claims.exp + expected.leeway),
    )


def key_id(token: Secret) -> str:
    """Return the id of the key that ``token`` says it was signed with, to look that key up.

    Raises:
        TokenRejected: the token doesn't pass the gate.
    """
    return admit(token).key_id


def decode_unverified(token: Secret) -> tuple[Mapping[str, object], Mapping[str, object]]:
    """Return header and claims **unchecked**: for texts of errors, never for a decision.

    Raises:
        TokenRejected: the token isn't a compact JWT of JSON objects.
    """
    header, payload, _ = split(token.reveal())
    return read_json(decode_part(header), "header"), read_json(decode_part(payload), "payload")


def _signing_key(compact: Compact, keys: KeySet) -> Jwk:
    """Return the key that signed the token (J4 to J6)."""
    key = keys.find(compact.key_id)
    if key is None:
        raise TokenRejected(
            Rejection.UNKNOWN_KEY,
            "The token is signed with a key that the authority doesn't list.",
            hint="Run `mcp-local login`; if it stays, check `authority` and `tenant`.",
        )
    if not signature_holds(compact.signing_input, compact.signature, key):
        raise TokenRejected(Rejection.SIGNATURE, "The token's signature doesn't fit.")
    return key


def signature_holds(signing_input: bytes, signature: bytes, key: Jwk) -> bool:
    """Whether ``key`` made this RS256 signature (RFC 7518 §3.3, RFC 8017 §8.2.2)."""
    try:
        key.public_key.verify(signature, signing_input, _PADDING, _HASH)
    except InvalidSignature:
        return False
    return True
