"""Registrations as a token shows them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mcp_local.desktop.app.check import check_token
from mcp_local.identity.model import Identity, VerifiedToken
from mcp_local.secret import Secret
from mcp_local.settings import Settings

SETTINGS = Settings(Path("h"), Path("c"), client_id="client", api="api")
PERSON = Identity(
    tenant_id="t",
    object_id="o",
    roles=frozenset({"Task.Read"}),
    scopes=frozenset({"access_as_user"}),
    groups=frozenset(),
    client_id="client",
    issued_at=0,
    expires_at=1,
)
GOOD: dict[str, object] = {"ver": "2.0", "aud": "api", "azpacr": "0", "acct": 0}


def _findings(
    roles: frozenset[str] = PERSON.roles,
    scopes: frozenset[str] = PERSON.scopes,
    settings: Settings = SETTINGS,
    **claims: object,
) -> list[str]:
    said = {**GOOD, **claims}
    person = replace(PERSON, roles=roles, scopes=scopes)
    token = VerifiedToken(
        Secret("x"), person, {k: v for k, v in said.items() if v is not None}, 1.0
    )
    return [
        f"{'!' if each.serious else '.'} {each.message}"
        for each in check_token(token, ["Task.Read", "Admin"], settings)
    ]


def test_a_good_token_shows_nothing() -> None:
    """Two apps, version 2, a scope, a role that the policy names."""
    assert _findings() == []


@pytest.mark.parametrize(
    ("claims", "start"),
    [
        ({"ver": "1.0"}, ". The API issues tokens of version 1.0"),
        ({"aud": "client"}, ". API and client are one app"),
        ({"azpacr": "1"}, "! The client proved itself"),
        ({"azpacr": None, "appidacr": "2"}, "! The client proved itself"),
        ({"acct": None}, ". The token has no acct claim"),
        ({"_claim_names": {"groups": "src1"}}, ". The person is in more groups"),
        ({"roles": frozenset[str]()}, "! The token has no roles"),
        ({"roles": frozenset({"Other"})}, ". The token has the role Other"),
        ({"roles": frozenset({"admin"})}, "! The token has the role admin"),
    ],
)
def test_each_difference_is_named(claims: dict[str, object], start: str) -> None:
    """With what helps; what works as it is, is marked so."""
    (found,) = _findings(**claims)  # pyright: ignore[reportArgumentType]
    assert found.startswith(start)


def test_a_token_without_a_scope_is_named() -> None:
    """A scope is what makes it a person's token."""
    assert "! The token has no scope." in _findings(scopes=frozenset())
