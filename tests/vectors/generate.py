"""Write tokens.json: tokens with the one reason why each is refused, or "accepted".

Run `python -m tests.vectors.generate` from the project's folder after changing the table below.
The keys are made anew each time and forgotten: nothing private is stored.
"""

from __future__ import annotations

import json
from hashlib import sha256
from hmac import digest
from pathlib import Path
from typing import NamedTuple

from tests.support.tokens import (
    API,
    CLIENT,
    EXPECTED,
    NOW,
    OTHER_TENANT,
    PERSON,
    b64,
    claims_v1,
    claims_v2,
    foreign_key,
    good_key,
    issuer_v1,
    issuer_v2,
    jwks,
    next_key,
    to_json,
    without,
)

FILE = Path(__file__).with_name("tokens.json")
GRAPH = "00000003-0000-0000-c000-000000000000"
PERSONAL = "9188040d-6c67-4c5b-b112-36a304b66dad"


class Case(NamedTuple):
    """One token, and what becomes of it at the time ``NOW``."""

    name: str
    table: str
    """The row of SECURITY.md."""
    expected: str
    """A value of ``Rejection``, or ``accepted``."""
    token: str
    allow_app_only: bool = False


def cases() -> list[Case]:
    """Return the table, each token signed with this process's keys."""
    return [*_accepted(), *_shape(), *_header(), *_meaning(), *_time(), *_types()]


def document() -> dict[str, object]:
    """Return the whole file as JSON values."""
    return {
        "comment": "Made by tests/vectors/generate.py. `expected` is accepted or a Rejection.",
        "now": NOW,
        "expectations": {
            "audiences": sorted(EXPECTED.audiences),
            "tenants": sorted(EXPECTED.tenants),
            "issuer_v1": EXPECTED.issuer_v1,
            "issuer_v2": EXPECTED.issuer_v2,
            "clients": sorted(EXPECTED.clients),
            "leeway": EXPECTED.leeway,
        },
        "jwks": json.loads(_key_set()),
        "cases": [case._asdict() for case in cases()],
    }


def _key_set() -> bytes:
    strange = next_key().jwk(kid="strange-key", issuer=issuer_v2(OTHER_TENANT))
    unfit = next_key().jwk(kid="unfit-key", use="enc")
    return jwks(good_key().jwk(), next_key().jwk(), strange, unfit)


def _v2(**changes: object) -> str:
    return good_key().compact(claims_v2(**changes))


def _v1(**changes: object) -> str:
    return good_key().compact(claims_v1(**changes))


def _with_header(**header: object) -> str:
    return good_key().compact(claims_v2(), **header)


def _accepted() -> list[Case]:
    no_scope = without(claims_v2(idtyp="app", sub=PERSON), "scp")
    return [
        Case("v2.0", "J14", "accepted", _v2()),
        Case("v1.0", "J14", "accepted", _v1()),
        Case("the other key", "J23", "accepted", next_key().compact(claims_v2())),
        Case("guest", "J13", "accepted", _v2(acct=1, idp=issuer_v1(OTHER_TENANT))),
        Case("no roles", "J16", "accepted", good_key().compact(without(claims_v2(), "roles"))),
        Case("groups overage", "J16", "accepted", _v2(_claim_names={"groups": "src1"})),
        Case(
            "app-only, allowed",
            "J12",
            "accepted",
            good_key().compact(no_scope),
            allow_app_only=True,
        ),
        Case("app-only", "J12", "app_only", good_key().compact(no_scope)),
    ]


def _shape() -> list[Case]:
    good = _v2()
    header, payload, signature = good.split(".")
    other = _v2(oid="somebody else").split(".")[1]
    twice = json.dumps(claims_v2())[:-1] + ',"roles":["Admin"]}'
    twice_in_header = json.dumps(good_key().header())[:-1] + ',"alg":"none"}'
    return [
        Case("empty", "J19", "malformed", ""),
        Case("two parts", "J19", "malformed", f"{header}.{payload}"),
        Case("five parts", "J19", "malformed", f"{good}.AA.AA"),
        Case("no signature", "J3", "malformed", f"{header}.{payload}."),
        Case("padding", "J19", "malformed", f"{good}=="),
        Case("newline", "J19", "malformed", f"{good}\n"),
        Case("byte order mark", "J19", "malformed", f"\ufeff{good}"),
        Case(
            "JSON serialisation",
            "J19",
            "malformed",
            json.dumps({"protected": header, "payload": payload, "signature": signature}),
        ),
        Case("over 16 KiB", "J20", "too_large", _v2(name="x" * 12_300)),
        Case(
            "duplicate claim",
            "J18",
            "duplicate_key",
            good_key().raw(to_json(good_key().header()), twice.encode()),
        ),
        Case(
            "duplicate parameter",
            "J18",
            "duplicate_key",
            good_key().raw(twice_in_header.encode(), to_json(claims_v2())),
        ),
        Case("cut signature", "J3", "signature", good[:-2]),
        Case("claims of another", "J3", "signature", f"{header}.{other}.{signature}"),
        Case("another's key", "J4", "signature", foreign_key().compact(claims_v2())),
    ]


def _header() -> list[Case]:
    hs256 = f"{b64(to_json(good_key().header(alg='HS256')))}.{b64(to_json(claims_v2()))}"
    mac = b64(digest(_key_set(), hs256.encode(), sha256))
    refused: dict[str, tuple[str, dict[str, object]]] = {
        "jwk": ("J5", {"jwk": foreign_key().jwk()}),
        "jku": ("J5", {"jku": "https://evil.example/keys"}),
        "x5u": ("J5", {"x5u": "https://evil.example/cert"}),
        "x5c": ("J5", {"x5c": ["MIIC"]}),
        "kid is a path": ("J6", {"kid": "../../etc/passwd"}),
        "kid is a query": ("J6", {"kid": "' OR 1=1 --"}),
        "kid is a list": ("J6", {"kid": ["current-key"]}),
        "no kid": ("J6", {"kid": None}),
        "typ at+jwt": ("J8", {"typ": "at+jwt"}),
        "typ dpop+jwt": ("J8", {"typ": "dpop+jwt"}),
        "no typ": ("J8", {"typ": None}),
        "crit": ("J8", {"crit": ["exp"]}),
        "b64": ("J8", {"b64": False}),
        "zip": ("J8", {"zip": "DEF"}),
        "cty": ("J8", {"cty": "JWT"}),
    }
    return [
        *(
            Case(name, table, "header", _with_header(**header))
            for name, (table, header) in refused.items()
        ),
        Case("alg none", "J3", "algorithm", _with_header(alg="none")),
        Case("alg nOnE", "J3", "algorithm", _with_header(alg="nOnE")),
        Case("alg RS512", "J4", "algorithm", _with_header(alg="RS512")),
        Case("HS256 with the public keys", "J4", "algorithm", f"{hs256}.{mac}"),
        Case("unknown kid", "J21", "unknown_key", _with_header(kid="nobody")),
        Case(
            "key for encryption",
            "J7",
            "unknown_key",
            next_key().compact(claims_v2(), kid="unfit-key"),
        ),
    ]


def _meaning() -> list[Case]:
    other = issuer_v2(OTHER_TENANT)
    return [
        Case(
            "Graph by nonce",
            "J9",
            "graph_token",
            good_key().compact(claims_v1(aud=GRAPH, scp="User.Read"), nonce="n"),
        ),
        Case("Graph by audience", "J9", "graph_token", _v1(aud=GRAPH)),
        Case("another API", "J10", "audience", _v2(aud="another-api")),
        Case("audience with a slash", "J10", "audience", _v2(aud=f"api://{API}/")),
        Case("audience in capitals", "J10", "audience", _v2(aud=API.upper())),
        Case("ID token", "J11", "no_scope", good_key().compact(without(claims_v2(), "scp"))),
        Case("another tenant", "J13", "tenant", _v2(tid=OTHER_TENANT, iss=other)),
        Case("tid common", "J13", "tenant", _v2(tid="common", iss=issuer_v2("common"))),
        Case("tid template", "J13", "tenant", _v2(tid="{tenantid}", iss=issuer_v2("{tenantid}"))),
        Case("personal account", "J13", "tenant", _v2(tid=PERSONAL, iss=issuer_v2(PERSONAL))),
        Case("tid is not iss", "J13", "issuer", _v2(iss=other)),
        Case("ver 2.0, issuer 1.0", "J14", "version", _v2(iss=issuer_v1())),
        Case("ver 1.0, issuer 2.0", "J14", "version", _v1(iss=issuer_v2())),
        Case("ver 3.0", "J14", "version", _v2(ver="3.0")),
        Case(
            "key of another tenant",
            "J14",
            "issuer",
            next_key().compact(claims_v2(), kid="strange-key"),
        ),
        Case("another client", "J12", "client", _v2(azp="another-client")),
        Case("client of the other version", "J12", "client", _v2(azp="", appid=CLIENT)),
    ]


def _time() -> list[Case]:
    nan = to_json(claims_v2(exp="HERE")).replace(b'"HERE"', b"NaN")
    return [
        Case("expired", "J15", "expired", _v2(exp=NOW - 60)),
        Case("within leeway", "J15", "accepted", _v2(exp=NOW - 59)),
        Case("not before", "J15", "not_yet_valid", _v2(nbf=NOW + 61)),
        Case("issued in the future", "J15", "not_yet_valid", _v2(iat=NOW + 61)),
        Case("starts within leeway", "J15", "accepted", _v2(nbf=NOW + 60, iat=NOW + 60)),
        Case("no exp", "J15", "claim_missing", good_key().compact(without(claims_v2(), "exp"))),
        Case("exp is NaN", "J15", "malformed", good_key().raw(to_json(good_key().header()), nan)),
        Case("exp is text", "J15", "claim_type", _v2(exp=str(NOW + 60))),
        Case("exp is true", "J15", "claim_type", _v2(exp=True)),
        Case("exp is a float", "J15", "claim_type", _v2(exp=NOW + 60.0)),
        Case("exp of 4,000 digits", "J15", "claim_type", _v2(exp=10**4000)),
    ]


def _types() -> list[Case]:
    return [
        Case("aud is a list", "J10", "claim_type", _v2(aud=[API])),
        Case("roles is text", "J16", "claim_type", _v2(roles="Admin")),
        Case("roles is null", "J16", "claim_type", _v2(roles=None)),
        Case("a role is a number", "J16", "claim_type", _v2(roles=["Task.Read", 1])),
        Case("a role is a surrogate", "J16", "malformed", _v2(roles=["\ud800"])),
        Case("scp is a list", "J11", "claim_type", _v2(scp=["access_as_user"])),
        Case("no oid", "J15", "claim_missing", good_key().compact(without(claims_v2(), "oid"))),
    ]


if __name__ == "__main__":
    FILE.write_text(
        json.dumps(document(), indent=1, ensure_ascii=True) + "\n", encoding="utf-8", newline="\n"
    )
