"""Project Wycheproof's vectors for RS256 and JSON Web Keys, as far as they apply.

They aren't part of the project: WYCHEPROOF_VECTORS names the folder ``testvectors_v1`` of
github.com/C2SP/wycheproof. None of its tokens is an access token, and none has the ``typ`` that
Entra writes; so they meet everything up to the signature with that one check left out, and then
the whole verifier, which refuses them all.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mcp_local.identity.gate import decode_part, read_json, split
from mcp_local.identity.keyset import KeySet, parse_jwks
from mcp_local.identity.model import TokenRejected
from mcp_local.identity.verify import signature_holds
from tests.support.tokens import b64, jwks, refusal

FOLDER = os.environ.get("WYCHEPROOF_VECTORS", "")

pytestmark = pytest.mark.skipif(
    not FOLDER, reason="WYCHEPROOF_VECTORS doesn't name the folder with Wycheproof's vectors"
)


class Group(msgspec.Struct):
    """The tests that share a key; its shape differs from file to file."""

    tests: list[dict[str, Any]]
    public: dict[str, Any] | None = None
    private: dict[str, Any] | None = None
    public_key: dict[str, str] = msgspec.field(default_factory=dict[str, str], name="publicKey")

    def keys(self) -> KeySet:
        """The group's keys, read as an authority's key set."""
        key = self.public or self.private or {}
        return parse_jwks(jwks(*key.get("keys", [key])))


class File(msgspec.Struct):
    """One file of vectors."""

    groups: list[Group] = msgspec.field(name="testGroups")


def groups(name: str) -> list[Group]:
    """Read a file of vectors."""
    return msgspec.json.decode((Path(FOLDER) / name).read_bytes(), type=File).groups


def holds(jws: str, keys: KeySet) -> bool:
    """Whether the token comes through as far as the signature, ``typ`` (J8) left out."""
    try:
        header_part, payload_part, signature_part = split(jws)
        header = read_json(decode_part(header_part), "header")
        decode_part(payload_part)
        signature = decode_part(signature_part)
    except TokenRejected:
        return False
    key = keys.find(str(header.get("kid")))
    signing_input = f"{header_part}.{payload_part}".encode()
    return (
        header.get("alg") == "RS256"
        and key is not None
        and signature_holds(signing_input, signature, key)
    )


def applies(jws: str, keys: KeySet) -> bool:
    """Whether a valid token is one of ours: for a key fit for RS256, and with a payload."""
    return bool(keys.keys) and ".." not in jws


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("json_web_signature.json", 5),
        ("json_web_key.json", 1),
        ("json_web_crypto.json", 1),
    ],
)
def test_wycheproof_tokens(name: str, valid: int) -> None:
    """Each invalid token is refused, and each valid one that applies comes through."""
    wrong: list[int] = []
    passed = 0
    for group in groups(name):
        keys = group.keys()
        for test in group.tests:
            jws = test.get("jws")
            if not isinstance(jws, str):
                continue  # an encrypted token, or JSON serialisation given as an object
            wanted = test["result"] == "valid" and applies(jws, keys)
            passed += wanted
            if holds(jws, keys) != wanted or refusal(jws, keys=keys) is None:
                wrong.append(test["tcId"])
    assert wrong == []
    assert passed == valid


@pytest.mark.parametrize("bits", [2048, 3072, 4096, 8192])
def test_wycheproof_signatures(bits: int) -> None:
    """PKCS #1 v1.5 with SHA-256: valid signatures hold; no other does, not even a tolerable one."""
    wrong: list[int] = []
    for group in groups(f"rsa_signature_{bits}_sha256.json"):
        number = group.public_key
        n, e = (bytes.fromhex(number[part]) for part in ("modulus", "publicExponent"))
        entry = {"kty": "RSA", "kid": "k", "n": b64(n.lstrip(b"\0")), "e": b64(e)}
        key = parse_jwks(jwks(entry)).find("k")
        if key is None:
            assert e == b"\x03"  # J7: an exponent that small isn't accepted at all
            continue
        for test in group.tests:
            held = signature_holds(bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"]), key)
            if held != (test["result"] == "valid"):
                wrong.append(test["tcId"])
    assert wrong == []
