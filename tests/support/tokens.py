"""A forge of tokens for tests: honest ones as Entra makes them, and any crooked one."""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from mcp_local.identity.keyset import KeySet, parse_jwks
from mcp_local.identity.model import Expectations, Rejection, TokenRejected
from mcp_local.identity.verify import verify
from mcp_local.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = 1_800_000_000
"""The time of all tests here, in seconds since the epoch."""
TENANT = "11111111-2222-4333-8444-55555555abcd"
OTHER_TENANT = "99999999-8888-4777-8666-55555555abcd"
API = "aaaaaaaa-0000-4000-8000-00000000000a"
CLIENT = "cccccccc-0000-4000-8000-00000000000c"
PERSON = "eeeeeeee-0000-4000-8000-00000000000e"
ISSUER_V1 = "https://sts.windows.net/{tenantid}/"
ISSUER_V2 = "https://login.microsoftonline.com/{tenantid}/v2.0"


def issuer_v1(tenant: str = TENANT) -> str:
    """The v1.0 issuer of a tenant."""
    return ISSUER_V1.replace("{tenantid}", tenant)


def issuer_v2(tenant: str = TENANT) -> str:
    """The v2.0 issuer of a tenant."""
    return ISSUER_V2.replace("{tenantid}", tenant)


EXPECTED = Expectations(
    audiences=frozenset({API, f"api://{API}"}),
    tenants=frozenset({TENANT}),
    issuer_v2=issuer_v2(),
    issuer_v1=issuer_v1(),
    clients=frozenset({CLIENT}),
)


def claims_v2(**changes: object) -> dict[str, object]:
    """The claims of a v2.0 access token of a person, with changes."""
    return {
        "aud": API,
        "iss": issuer_v2(),
        "iat": NOW - 300,
        "nbf": NOW - 300,
        "exp": NOW + 3600,
        "azp": CLIENT,
        "azpacr": "0",
        "name": "Ada Lovelace",
        "oid": PERSON,
        "preferred_username": "ada@contoso.example",
        "rh": "1.AAAA",
        "roles": ["Task.Read", "Task.Write"],
        "scp": "access_as_user",
        "sub": "pairwise-subject",
        "tid": TENANT,
        "uti": "unique-token-id",
        "ver": "2.0",
    } | changes


def claims_v1(**changes: object) -> dict[str, object]:
    """The claims of a v1.0 access token of a person, with changes."""
    claims = claims_v2(
        aud=f"api://{API}", iss=issuer_v1(), ver="1.0", appid=CLIENT, unique_name="ada@contoso"
    )
    for name in ("azp", "azpacr", "preferred_username"):
        del claims[name]
    return claims | changes


def without(claims: Mapping[str, object], *names: str) -> dict[str, object]:
    """The claims less some."""
    return {name: value for name, value in claims.items() if name not in names}


def b64(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def to_json(value: object) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":")).encode()


class Key:
    """A private RSA key of a test, with its public side as a JWK."""

    def __init__(self, key_id: str, bits: int = 2048) -> None:
        """Make a new key of ``bits`` bits."""
        self.key_id = key_id
        self.private = rsa.generate_private_key(public_exponent=65537, key_size=bits)

    def jwk(self, **changes: object) -> dict[str, object]:
        """The public key as Entra lists it, with changes; ``None`` takes a member out."""
        numbers = self.private.public_key().public_numbers()
        jwk: dict[str, object] = {
            "kty": "RSA",
            "use": "sig",
            "kid": self.key_id,
            "x5t": self.key_id,
            "n": b64(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8)),
            "e": "AQAB",
            "x5c": ["MIIC"],
            "issuer": issuer_v2(),
        }
        return {name: value for name, value in (jwk | changes).items() if value is not None}

    def sign(self, signing_input: str) -> str:
        """The RS256 signature, base64url."""
        return b64(self.private.sign(signing_input.encode(), padding.PKCS1v15(), SHA256()))

    def header(self, **changes: object) -> dict[str, object]:
        """The header that Entra writes, with changes; ``None`` takes a parameter out."""
        header: dict[str, object] = {"typ": "JWT", "alg": "RS256", "kid": self.key_id} | changes
        return {name: value for name, value in header.items() if value is not None}

    def raw(self, header: bytes, payload: bytes) -> str:
        """Sign any bytes as header and payload."""
        signing_input = f"{b64(header)}.{b64(payload)}"
        return f"{signing_input}.{self.sign(signing_input)}"

    def compact(self, claims: Mapping[str, object], **header: object) -> str:
        """A signed token as text."""
        return self.raw(to_json(self.header(**header)), to_json(claims))

    def token(self, claims: Mapping[str, object], **header: object) -> Secret:
        """A signed token."""
        return Secret(self.compact(claims, **header))


def jwks(*entries: object) -> bytes:
    """A JWKS document."""
    return to_json({"keys": list(entries)})


@cache
def good_key() -> Key:
    """The authority's key; made once a process, for making one takes a while."""
    return Key("current-key")


@cache
def next_key() -> Key:
    """The authority's other key, for roll-over."""
    return Key("next-key")


@cache
def foreign_key() -> Key:
    """A key that no authority lists, with the same id as the good one."""
    return Key("current-key")


@cache
def good_keys() -> KeySet:
    """What the authority lists: two keys, as always more than one."""
    return parse_jwks(jwks(good_key().jwk(), next_key().jwk()))


def refusal(
    token: Secret | str,
    *,
    keys: KeySet | None = None,
    expected: Expectations = EXPECTED,
    now: float = NOW,
) -> Rejection | None:
    """Verify a token: the reason why it was refused, ``None`` if it was believed."""
    try:
        verify(
            Secret(token) if isinstance(token, str) else token, keys or good_keys(), expected, now
        )
    except TokenRejected as rejected:
        return rejected.reason
    return None
