"""Redaction: a canary in any dress stays out of the log; what isn't secret stays in."""

from __future__ import annotations

import base64
import json
import secrets
from urllib.parse import urlencode

import jwt
import pytest
from hypothesis import given, strategies as st

from mcp_local.log.redact import REDACTED, clean_field, redact
from mcp_local.secret import Secret

CANARY = "Zc4naryTw1ceWithDig1tsAnd-BothCases_0fLetters"
JWT = jwt.encode({"sub": "canary"}, CANARY * 2, algorithm="HS256")
REFRESH = "0.AXEB" + secrets.token_urlsafe(24) + "." + secrets.token_urlsafe(400)
OPAQUE = secrets.token_urlsafe(256)
SHORT = "hunter2"


@pytest.mark.parametrize("token", [JWT, JWT + ".x.y", REFRESH, "1.A" + OPAQUE, OPAQUE, CANARY])
@pytest.mark.parametrize(
    "text", ["{}", "got {} from there", "({})", '"{}"', "x={}&y=1", "…{}…", "bad token {}, sorry"]
)
def test_a_token_is_known_by_its_shape(token: str, text: str) -> None:
    """Wherever it is quoted, nothing of a token is left (O17)."""
    cleaned = redact(text.format(token))
    assert REDACTED in cleaned
    assert not any(token[i : i + 12] in cleaned for i in range(len(token) - 11))


@pytest.mark.parametrize(
    "text",
    [
        f"GET /?code={SHORT}&session_state=1 HTTP/1.1",
        f"code%3D{SHORT}",
        f"code={SHORT}",
        "code=0.AX_x7",
        f'{{"code": "{SHORT}"}}',
        f"state={SHORT} nonce={SHORT}",
        f"code_verifier={SHORT}&x=1",
        f"client_secret={SHORT}",
        f"client-secret: {SHORT}",
        f"Authorization: Bearer {SHORT}",
        f"{{'Authorization': 'Bearer {SHORT}', 'Accept': '*/*'}}",
        f"authorization=Basic {SHORT}",
        f"Cookie: ESTSAUTH={SHORT}; other={SHORT}",
        f"PASSWORD = {SHORT}",
        f'"refresh_token": "{SHORT}", "x": 1',
        f'{{\\"refresh_token\\": \\"{SHORT}\\"}}',
        f"MCP_LOCAL_CACHE_PASSPHRASE={SHORT}",
        f"device_code={SHORT};client_info={SHORT}",
        "id_token=" + SHORT + "\naccess_token=" + SHORT,
        f"GITHUB_TOKEN={SHORT} DB_PASSWORD: {SHORT}",
        f"accessToken={SHORT}, clientSecret={SHORT}, githubToken={SHORT}",
        f'{{"refreshToken": "{SHORT}", "X-Api-Key": "{SHORT}"}}',
        f"npx server --token={SHORT} --db-password {SHORT} --api-key {SHORT}",
        f"postgres://me:{SHORT}@db.example/x",
        f"sk-ant-{SHORT}{SHORT}{SHORT} ghp_{SHORT}{SHORT}{SHORT} xoxb-12-{SHORT}",
        urlencode({"grant_type": "x", "client_assertion": SHORT, "refresh_token": SHORT}),
    ],
)
def test_a_secret_is_known_by_its_name(text: str) -> None:
    """The value after a secret's name goes, however short it is (M22)."""
    cleaned = redact(text)
    assert SHORT not in cleaned
    assert "0.AX" not in cleaned
    assert REDACTED in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "decision",
        "roles.Task.Read",
        "exit code: 3",
        "AADSTS65001: no consent. Trace ID: 6b1f9bd4-0000-4c8b-8f3b-d25f3c2a1b00",
        "error_code=65001, code=65001 and status_code=400",
        "the token expired 20 s ago; bearer token missing",
        "sha256:" + "0123456789abcdef" * 4,
        "getCustomerInvoicesByDateRangeAndRegion",
        "/home/person/Projects/Some2/long/path/to/a/file_name-with.many.parts.json",
        "http://localhost:53682/start/once",
        "https://me@example.com:443/x, http://localhost:1/a@b",
        "max_tokens=500, tokens: 12, --token-limit 5 and --tokens 7",
        "error=invalid_token: the secret is out",
        "https://login.example/x?error=invalid_token&x=1",
        "data://weather/{city}?units=metric",
        "5f1d9f9e-3a51-4a5e-8f1c-8ad0b6e2a111 called tool",
        "",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    """The log stays readable: names, ids, hashes, codes of errors, paths."""
    assert redact(text) == text


@pytest.mark.parametrize(
    "name",
    [
        *("token", "refresh_token", "Client-Secret", "PASSPHRASE", "cookie"),
        *("GITHUB_TOKEN", "accessToken", "X-Api-Key", "dbPassword", "secrets"),
    ],
)
def test_a_field_called_like_a_secret_shows_nothing(name: str) -> None:
    """Whatever its value is, at any depth."""
    assert clean_field(name, SHORT) == REDACTED
    assert clean_field("x", {"y": [{name: [SHORT]}]}) == {"y": [{name: REDACTED}]}


def test_a_secret_object_shows_nothing() -> None:
    """Secret knows of itself that it isn't shown."""
    assert clean_field("x", [Secret(SHORT)]) == [REDACTED]


def test_values_of_json_pass_and_others_are_named_by_type() -> None:
    """No object's repr gets in, and numbers that JSON lacks become text."""
    assert clean_field("x", [None, True, 7, 1.5, "text"]) == [None, True, 7, 1.5, "text"]
    assert clean_field("x", [float("nan"), float("inf")]) == ["nan", "inf"]
    assert clean_field("x", [2**64, -(10**9999)]) == [2**64, "[int]"]
    assert clean_field("x", [b"bytes", object()]) == ["[bytes]", "[object]"]
    assert clean_field("x", {1: ("a",)}) == {"1": ["a"]}
    assert clean_field("x", frozenset({"a"})) == ["a"]


def test_size_is_bounded() -> None:
    """Neither a giant text, a giant list, nor a deep one fills the log."""
    assert clean_field("x", "é" * 5000) == "é" * 4096 + "… (5000 characters)"
    assert clean_field("x", list(range(1000))) == list(range(200))
    assert len(json.dumps(clean_field("x", {str(n): n for n in range(1000)}))) < 4000
    assert clean_field("x", [[[[[1]]]]]) == [[[["[list]"]]]]


def test_a_text_is_cut_after_redacting() -> None:
    """A token across the limit leaves no half behind."""
    text = "x" * 4090 + " " + JWT
    assert JWT[:12] not in str(clean_field("x", text))


@given(st.binary(min_size=32, max_size=600), st.text(max_size=40), st.text(max_size=40))
def test_any_jwt_among_any_text_goes(payload: bytes, before: str, after: str) -> None:
    """Whatever stands around it, a token's payload isn't seen."""
    part = base64.urlsafe_b64encode(payload).decode().rstrip("=")
    assert part not in redact(f"{before} eyJhbGciOiJSUzI1NiJ9.{part}.c2ln {after}")


@given(st.text())
def test_redacting_twice_is_redacting_once(text: str) -> None:
    """What was cleaned is clean, and no text breaks it."""
    once = redact(text)
    assert redact(once) == once


@pytest.mark.parametrize("piece", ["\\", "code=", "aB1", 'token"', "eyJ", "0.A", "bearer ", "%3d"])
def test_hostile_text_costs_no_time(piece: str) -> None:
    """No pattern runs away on 16 KB of what it looks for (the suite's time limit is the judge)."""
    for _ in range(20):
        clean_field("x", piece * (16384 // len(piece)))
