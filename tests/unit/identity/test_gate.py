"""The strict gate: SECURITY.md J3 to J6, J8, J18 to J20."""

from __future__ import annotations

import json
import socket
from hashlib import sha256
from hmac import digest
from string import Template

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mcp_local.identity.gate import MAX_TOKEN, admit
from mcp_local.identity.model import Rejection, TokenRejected
from mcp_local.secret import Secret
from tests.support.tokens import (
    b64,
    claims_v2,
    good_key,
    jwks,
    refusal,
    to_json,
    without,
)

GOOD = good_key().compact(claims_v2())
HEADER, PAYLOAD, SIGNATURE = GOOD.split(".")


def put_in(template: str) -> str:
    """Replace $H, $P, $S by the three parts of an honest token.

    Parameters of tests are templates, since the key, hence the token, is another in each process.
    """
    return Template(template).substitute(H=HEADER, P=PAYLOAD, S=SIGNATURE)


def test_an_honest_token_passes() -> None:
    """The token that all crooked ones here are made from is believed."""
    assert refusal(GOOD) is None


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", None, 1, ["RS256"]], ids=repr)
@pytest.mark.parametrize("signature", ["$S", "AA"])
def test_j3_alg_none_is_refused(alg: object, signature: str) -> None:
    """J3: no spelling of alg none passes, whatever stands in place of the signature."""
    token = f"{b64(to_json(good_key().header() | {'alg': alg}))}.{PAYLOAD}.{put_in(signature)}"
    assert refusal(token) is Rejection.ALGORITHM


def test_j3_an_empty_signature_is_refused() -> None:
    """J3: a token without a signature isn't a token."""
    assert refusal(f"{HEADER}.{PAYLOAD}.") is Rejection.MALFORMED


@pytest.mark.parametrize("signature", ["AA", "${S}AAAA", "A" * 342], ids=len)
def test_j3_a_short_or_wrong_signature_is_refused(signature: str) -> None:
    """J3: a signature of another length or of zeros doesn't fit."""
    assert refusal(put_in(f"$H.$P.{signature}")) is Rejection.SIGNATURE


def test_j3_a_cut_signature_is_refused() -> None:
    """J3: the beginning of the right signature isn't one."""
    assert refusal(GOOD[:-2]) is Rejection.SIGNATURE


@pytest.mark.parametrize("alg", ["HS256", "HS384", "RS384", "RS512", "PS256", "ES256", "EdDSA"])
def test_j4_other_algorithms_are_refused(alg: str) -> None:
    """J4: RS256 is the only algorithm, whatever the token says."""
    assert refusal(good_key().token(claims_v2(), alg=alg)) is Rejection.ALGORITHM


def shared_secrets() -> dict[str, bytes]:
    """What an attacker tries as the HMAC secret: all that is public, and all that is common."""
    public = good_key().private.public_key()
    return {
        "pem": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "der": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "jwk": to_json(good_key().jwk()),
        "jwks": jwks(good_key().jwk()),
        "blank": b"",
        "zero": b"\0",
        "secret": b"secret",
        "password": b"password",
    }


@pytest.mark.parametrize("secret", shared_secrets())
@pytest.mark.parametrize(
    ("alg", "reason"), [("HS256", Rejection.ALGORITHM), ("RS256", Rejection.SIGNATURE)]
)
def test_j4_a_public_key_is_no_shared_secret(secret: str, alg: str, reason: Rejection) -> None:
    """J4: an HMAC made with what is public passes neither as HS256 nor as RS256."""
    signing_input = f"{b64(to_json(good_key().header(alg=alg)))}.{PAYLOAD}"
    mac = digest(shared_secrets()[secret], signing_input.encode(), sha256)
    assert refusal(f"{signing_input}.{b64(mac)}") is reason


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("jwk", good_key().jwk()),
        ("jku", "https://evil.example/keys"),
        ("x5u", "https://evil.example/cert.pem"),
        ("x5c", ["MIIC"]),
        ("jku", None),
    ],
    ids=["jwk", "jku", "x5u", "x5c", "null"],
)
def test_j5_a_key_brought_along_is_refused_without_a_socket(
    name: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """J5: a header that names a key of the sender's choice is refused, and nothing is opened."""

    def fail(*_args: object, **_kwargs: object) -> None:
        pytest.fail("the verifier opened a socket")

    monkeypatch.setattr(socket, "socket", fail)
    header = to_json(good_key().header() | {name: value})
    assert refusal(good_key().raw(header, to_json(claims_v2()))) is Rejection.HEADER


@pytest.mark.parametrize(
    "key_id",
    [
        None,
        "",
        " ",
        "current-key ",
        "current-key\n",
        "../../etc/passwd",
        "..\\keys",
        "/dev/null",
        "$(id)",
        "`id`",
        "' OR 1=1 --",
        "cürrent",
        "a" * 129,
        "k" * 10_000,
        ["current-key"],
        {"kid": "current-key"},
        7,
        True,
    ],
    ids=lambda value: repr(value)[:40],
)
def test_j6_a_kid_of_another_shape_is_refused(key_id: object) -> None:
    """J6: only a short base64url word can name a key, so no path and no query ever does."""
    header = to_json(without(good_key().header(), "kid") | {"kid": key_id})
    assert refusal(good_key().raw(header, to_json(claims_v2()))) is Rejection.HEADER


def test_j6_a_missing_kid_is_refused() -> None:
    """J6: a token that names no key is refused; keys aren't tried one after the other."""
    assert refusal(good_key().token(claims_v2(), kid=None)) is Rejection.HEADER


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "at+jwt"},
        {"typ": "dpop+jwt"},
        {"typ": "logout+jwt"},
        {"typ": "jwt"},
        {"typ": "application/jwt"},
        {"typ": None},
        {"typ": ["JWT"]},
        {"crit": ["exp"]},
        {"crit": []},
        {"b64": True},
        {"b64": False},
        {"zip": "DEF"},
        {"cty": "JWT"},
    ],
    ids=repr,
)
def test_j8_another_type_or_an_extension_is_refused(header: dict[str, object]) -> None:
    """J8: a token of another type, or one that changes the rules, is refused."""
    assert refusal(good_key().token(claims_v2(), **header)) is Rejection.HEADER


@pytest.mark.parametrize(
    "header",
    [
        '{"typ":"JWT","alg":"RS256","kid":"current-key","kid":"current-key"}',
        '{"alg":"none","typ":"JWT","alg":"RS256","kid":"current-key"}',
        '{"typ":"JWT","alg":"RS256","kid":"current-key","x":{"a":1,"a":1}}',
        '{"typ":"JWT","alg":"RS256","kid":"current-key","\\u006bid":"current-key"}',
    ],
)
def test_j18_duplicate_keys_in_the_header_are_refused(header: str) -> None:
    """J18: a header in which one key stands twice has no one meaning."""
    token = good_key().raw(header.encode(), to_json(claims_v2()))
    assert refusal(token) is Rejection.DUPLICATE_KEY


@pytest.mark.parametrize("extra", ['"roles":["Admin"]', '"x":{"a":1,"a":2}', '"\\u0061ud":"x"'])
def test_j18_duplicate_keys_in_the_payload_are_refused(extra: str) -> None:
    """J18: the same holds for claims, at any depth and in any spelling."""
    payload = json.dumps(claims_v2())[:-1] + f",{extra}}}"
    token = good_key().raw(to_json(good_key().header()), payload.encode())
    assert refusal(token) is Rejection.DUPLICATE_KEY


@pytest.mark.parametrize(
    "template",
    [
        "",
        ".",
        "..",
        "...",
        "$P",
        "$H.$P",
        "$H.$P.$S.",
        ".$H.$P.$S",
        "$H.$P.$S.AA.AA",
        "$H.$P.$S==",
        "$H=.$P.$S",
        "\ufeff$H.$P.$S",
        "$H.$P.$S\n",
        "$H.$P.$S\r\n",
        " $H.$P.$S",
        "$H\n.$P.$S",
        "$H.${P}+/.$S",
        "Bearer $H.$P.$S",
        '"$H.$P.$S"',
        '{"protected":"$H","payload":"$P","signature":"$S"}',
        '{"payload":"$P","signatures":[{"protected":"$H","signature":"$S"}]}',
        "е$H.$P.$S",  # noqa: RUF001 - a Cyrillic letter that looks like another
        "$H.$P.$S\0",
        "\ud800",
    ],
    ids=repr,
)
def test_j19_only_the_compact_form_passes(template: str) -> None:
    """J19: padding, BOM, blanks, other alphabets, JSON serialisation and five parts are refused."""
    assert refusal(put_in(template)) is Rejection.MALFORMED


def respelt(part: str) -> str:
    """The same bytes for a lenient decoder, with an unused bit of the last character set."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return part[:-1] + alphabet[alphabet.index(part[-1]) + 1]


@pytest.mark.parametrize("place", range(3))
def test_j19_a_part_has_one_spelling_only(place: int) -> None:
    """J19: unused bits of a part must be zero, so no token can be respelled and stay valid."""
    header, payload = to_json(good_key().header()), to_json(claims_v2())
    token = good_key().raw(padded(header), padded(payload))
    assert refusal(token) is None
    parts = token.split(".")
    parts[place] = respelt(parts[place])
    assert refusal(".".join(parts)) is Rejection.MALFORMED


def padded(document: bytes) -> bytes:
    """The document with blanks, so that its last character in base64 has unused bits."""
    return document + b" " * ((1 - len(document)) % 3)


def test_j19_a_part_of_impossible_length_is_refused() -> None:
    """J19: no bytes encode to 4n+1 characters."""
    assert refusal(f"{HEADER}.A.{SIGNATURE}") is Rejection.MALFORMED


@pytest.mark.parametrize(
    "header",
    [
        b"[]",
        b'"JWT"',
        b"null",
        b"{",
        b"{}x",
        b"\xff",
        b"\xef\xbb\xbf{}",
        b'{"typ":"JWT",}',
        b"{'typ':'JWT'}",
        b'{"n":NaN}',
        b'{"n":1e999}',
        b'{"n":-Infinity}',
        b'{"s":"\\ud800"}',
        b'{"\\udc00":1}',
        b'{"s":"\x01"}',
        b'{"n":' + b"9" * 5000 + b"}",
    ],
    ids=lambda value: repr(value)[:40],
)
def test_j19_only_one_plain_json_object_is_a_header(header: bytes) -> None:
    """J19: other JSON, loose JSON and what isn't JSON are refused by the gate."""
    assert refusal(f"{b64(header)}.{PAYLOAD}.{SIGNATURE}") is Rejection.MALFORMED


def test_j20_a_huge_token_is_refused_undecoded() -> None:
    """J20: 16 MB are refused for their length; not one part of them is looked at."""
    assert refusal("!" * (16 * 1024 * 1024)) is Rejection.TOO_LARGE


def test_j20_the_limit_is_16_kib() -> None:
    """J20: one byte more than the limit is too large, the limit itself is not."""
    longest = "A" * MAX_TOKEN
    assert refusal(longest) is Rejection.MALFORMED
    assert refusal(longest + "A") is Rejection.TOO_LARGE


@pytest.mark.parametrize("brackets", [(b"[", b"]"), (b'{"a":', b"}")], ids=["lists", "objects"])
def test_j20_deep_json_is_refused(brackets: tuple[bytes, bytes]) -> None:
    """J20: 100,000 levels are too large; as many as fit are refused, too."""
    opening, closing = brackets
    deep = b'{"a":' + opening * 100_000 + b"1" + closing * 100_000 + b"}"
    assert refusal(f"{b64(deep)}.{PAYLOAD}.{SIGNATURE}") is Rejection.TOO_LARGE
    levels = 8_000 // len(opening + closing)
    deep = b'{"a":' + opening * levels + b"1" + closing * levels + b"}"
    assert refusal(f"{b64(deep)}.{PAYLOAD}.{SIGNATURE}") in {
        Rejection.MALFORMED,
        Rejection.ALGORITHM,
    }


def test_surrogate_pairs_are_plain_text() -> None:
    """An emoji spelt with two escapes, as many encoders do, is Unicode like any other."""
    payload = json.dumps(claims_v2(name="Ada \U0001f600")).encode()
    assert b"\\ud83d" in payload
    assert refusal(good_key().raw(to_json(good_key().header()), payload)) is None


def test_an_unknown_header_parameter_is_ignored() -> None:
    """RFC 7515 §4: a parameter that nobody knows changes nothing; v1.0 tokens bring ``x5t``."""
    assert refusal(good_key().token(claims_v2(), x5t="abc", rh="x")) is None


def test_a_refusal_quotes_nothing_of_the_token() -> None:
    """The error of a broken token holds no part of it, nor does anything it refers to."""
    canary = "Y2FuYXJ5"
    with pytest.raises(TokenRejected) as caught:
        admit(Secret(f"{b64(b'{canary')}.{canary}.{canary}"))
    assert "canary" not in str(caught.value)
    assert canary not in str(caught.value)
    assert caught.value.__context__ is None
