"""Key sets: SECURITY.md J7, and what of J14 and J22 is a matter of reading one."""

from __future__ import annotations

from math import prod

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from mcp_local.identity.keyset import MAX_JWKS, BadKeySet, KeySet, parse_jwks
from mcp_local.identity.model import Rejection
from mcp_local.identity.weak_keys import is_weak
from tests.support.tokens import (
    Key,
    b64,
    claims_v2,
    foreign_key,
    good_key,
    good_keys,
    jwks,
    next_key,
    refusal,
    to_json,
)


@pytest.mark.parametrize(
    "changes",
    [
        {"use": "enc"},
        {"use": ["sig"]},
        {"alg": "RS512"},
        {"alg": "HS256"},
        {"alg": "RSA-OAEP"},
        {"key_ops": ["encrypt"]},
        {"key_ops": []},
        {"key_ops": "verify"},
        {"e": b64(b"\x01")},
        {"e": b64(b"\x03")},
        {"e": b64((65538).to_bytes(3))},
        {"e": b64((2**64 + 1).to_bytes(9))},
        {"e": ""},
        {"e": "AQ AB"},
        {"e": 65537},
        {"e": None},
        {"n": ""},
        {"n": "+" + b64(b"\xff" * 256)},
        {"n": None},
        {"n": b64(b"\xff" * 2048)},
        {"kty": "oct", "k": b64(b"secret"), "alg": "HS256"},
        {"kty": "EC", "crv": "P-256"},
        {"kty": None},
        {"kid": None},
        {"kid": ""},
        {"kid": "../key"},
        {"kid": ["current-key"]},
        {"d": b64(b"\x01" * 256)},
        {"issuer": 7},
    ],
    ids=lambda changes: repr(changes)[:50],
)
def test_j7_an_unfit_key_is_ignored_and_the_set_survives(changes: dict[str, object]) -> None:
    """J7: one entry that can't verify RS256 takes only itself out of the set."""
    keys = parse_jwks(jwks(good_key().jwk(**changes), next_key().jwk()))
    assert list(keys.keys) == ["next-key"]
    assert refusal(good_key().token(claims_v2()), keys=keys) is Rejection.UNKNOWN_KEY
    assert refusal(next_key().token(claims_v2()), keys=keys) is None


@pytest.mark.parametrize("entry", [None, 1, "key", ["kty"], {}], ids=repr)
def test_j7_an_entry_that_is_no_key_is_ignored(entry: object) -> None:
    """J7: the same holds for what isn't even an object."""
    assert list(parse_jwks(jwks(entry, next_key().jwk())).keys) == ["next-key"]


def test_j7_a_short_key_is_ignored() -> None:
    """J7: 1,024 bits sign nothing here."""
    assert list(parse_jwks(jwks(Key("short", bits=1024).jwk(), next_key().jwk())).keys) == [
        "next-key"
    ]


def test_j7_two_keys_of_one_id_are_both_ignored() -> None:
    """J7: which of the two was meant is a guess, so neither verifies."""
    keys = parse_jwks(jwks(good_key().jwk(), foreign_key().jwk(), next_key().jwk()))
    assert list(keys.keys) == ["next-key"]


def test_j7_an_unfit_namesake_takes_nothing_away() -> None:
    """J7: a key for encryption with the same id leaves no doubt about who signs."""
    entries = (foreign_key().jwk(use="enc"), good_key().jwk())
    assert refusal(good_key().token(claims_v2()), keys=parse_jwks(jwks(*entries))) is None


def test_a_key_says_what_it_is_for_or_nothing() -> None:
    """``use``, ``alg`` and ``key_ops`` may be absent; when there, they must fit."""
    entry = good_key().jwk(use=None, alg="RS256", key_ops=["verify"], issuer=None)
    assert refusal(good_key().token(claims_v2()), keys=parse_jwks(jwks(entry))) is None


def test_a_key_of_another_owner_with_the_same_id_verifies_nothing() -> None:
    """The signature counts, not the name of the key."""
    assert refusal(foreign_key().token(claims_v2())) is Rejection.SIGNATURE


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>Sign in</html>",
        b"[]",
        b"null",
        b"{}",
        b'{"keys":{}}',
        b'{"keys":null}',
        b'{"keys":[',
        b'{"keys":[],"keys":[]}',
        b"\xff\xfe",
        b'{"keys":[]}' + b" " * MAX_JWKS,
    ],
    ids=lambda data: repr(data)[:30],
)
def test_j22_what_is_no_key_set_is_an_error(data: bytes) -> None:
    """J22: an error page, half a document or 10 MB is no key set with nothing in it."""
    with pytest.raises(BadKeySet):
        parse_jwks(data)


def test_a_set_is_written_so_that_it_reads_back_equal() -> None:
    """What is sealed beside a token holds only the key used, with its issuer."""
    only = good_keys().only("current-key")
    assert list(only.keys) == ["current-key"]
    again = parse_jwks(only.to_bytes())
    assert again == only
    assert refusal(good_key().token(claims_v2()), keys=again) is None
    assert b"x5c" not in only.to_bytes()


def test_a_key_without_an_issuer_is_written_without_one() -> None:
    """A set of a provider that writes no issuer stays as it is."""
    keys = parse_jwks(jwks(good_key().jwk(issuer=None)))
    assert b"issuer" not in keys.to_bytes()
    assert parse_jwks(keys.to_bytes()) == keys


def test_only_of_an_unknown_key_is_empty() -> None:
    """Nothing is kept for a key that isn't there."""
    assert good_keys().only("no-key") == KeySet({})


def test_roca_keys_are_weak() -> None:
    """A product of numbers that are powers of 65537 modulo every small prime is told by that."""
    primes = [n for n in range(3, 168) if all(n % smaller for smaller in range(2, n))]
    product = prod(primes)
    modulus = prod((1 << 900) * product + pow(65537, power, product) for power in (123, 456))
    assert 2048 <= modulus.bit_length() <= 8192
    assert is_weak(modulus, 65537)
    assert not is_weak(modulus + 2, 65537)


def test_sound_keys_are_not_weak() -> None:
    """Keys of 2,048 and 3,072 bits with the usual exponent pass."""
    for bits in (2048, 3072):
        numbers = rsa.generate_private_key(65537, bits).public_key().public_numbers()
        assert not is_weak(numbers.n, numbers.e)


@pytest.mark.parametrize(
    ("bits", "exponent", "weak"),
    [
        (2047, 65537, True),
        (2048, 65537, False),
        (8192, 65537, False),
        (8193, 65537, True),
        (2048, 65535, True),
        (2048, 65538, True),
        (2048, 2**32 - 1, False),
        (2048, 2**32 + 1, True),
    ],
)
def test_the_limits_of_size_and_exponent(bits: int, exponent: int, weak: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """2,048 to 8,192 bits; an odd exponent from 65,537 up to 32 bits."""
    assert is_weak((1 << bits) - 1, exponent) is weak


def test_members_that_entra_adds_are_let_be() -> None:
    """A set as Entra sends it, with members that we don't read, is read."""
    document = to_json({"keys": [good_key().jwk(cloud_instance_name="x", x5t="y")], "more": 1})
    assert list(parse_jwks(document).keys) == ["current-key"]
