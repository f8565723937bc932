"""The claims of the tokens are those of ENTRA.md, section 3, no more and no less."""

from __future__ import annotations

import base64
import json

import pytest

from mcp_local.emulator import Directory, default_directory
from mcp_local.emulator.directory import GROUP_LIMIT
from mcp_local.emulator.scopes import parse_one_resource
from mcp_local.emulator.tokens import Issuers, Mint, Span, client_info

DIRECTORY = default_directory()
SHARED = {"iss", "aud", "iat", "nbf", "exp", "ver"} | {
    *("tid", "oid", "sub", "name", "scp", "uti", "rh", "wids"),
}
V1 = SHARED | {"appid", "appidacr", "unique_name", "upn"}
V2 = SHARED | {"azp", "azpacr", "preferred_username"}


def claims_for(user: str, version: int = 2, directory: Directory = DIRECTORY) -> dict[str, object]:
    """Return the claims of an access token given out at 1,000,000 for an hour."""
    person = directory.find(user)
    assert person
    scope = f"api://{directory.api.api_id}/access_as_user"
    issuers = Issuers.of("https://localhost:1", directory.tenant_id)
    mint = Mint(directory, issuers, Span.starting(1_000_000, 3600))
    return mint.access(person, parse_one_resource(scope, directory), version=version)


@pytest.mark.parametrize(
    ("user", "extra"),
    [
        ("norole", set[str]()),
        ("writer", {"roles"}),
        ("reader", {"roles", "groups"}),
        ("guest", {"roles", "idp"}),
        ("groups", {"roles", "_claim_names", "_claim_sources"}),
    ],
)
@pytest.mark.parametrize(("version", "base"), [(1, V1), (2, V2)])
def test_exact_claims(user: str, version: int, base: set[str], extra: set[str]) -> None:
    """Each kind of person gets exactly the claims of the version."""
    assert claims_for(user, version).keys() == base | extra


def test_values_v2() -> None:
    """A v2.0 token is for the API's GUID, from the v2.0 issuer, by a public client."""
    claims = claims_for("reader")

    assert claims["aud"] == DIRECTORY.api.api_id
    assert claims["iss"] == f"https://localhost:1/{DIRECTORY.tenant_id}/v2.0"
    assert (claims["azp"], claims["azpacr"]) == (DIRECTORY.client.client_id, "0")
    assert (claims["scp"], claims["roles"]) == ("access_as_user", ["Task.Read"])


def test_values_v1() -> None:
    """A v1.0 token is for the resource as it was asked for, from the v1.0 issuer."""
    claims = claims_for("reader", 1)

    assert claims["aud"] == f"api://{DIRECTORY.api.api_id}"
    assert claims["iss"] == f"https://localhost:1/{DIRECTORY.tenant_id}/"
    assert (claims["ver"], claims["appid"]) == ("1.0", DIRECTORY.client.client_id)


def test_times() -> None:
    """``iat`` and ``nbf`` lie five minutes back; ``exp`` is exactly the lifetime ahead."""
    claims = claims_for("reader")

    assert (claims["iat"], claims["nbf"], claims["exp"]) == (999_700, 999_700, 1_003_600)


def test_groups_overage() -> None:
    """200 groups stand in the token; one more, and it says where to ask instead."""
    groups = DIRECTORY.find("groups")
    assert groups
    assert len(groups.groups) == GROUP_LIMIT + 1
    sources = claims_for("groups")["_claim_sources"]
    assert groups.object_id in json.dumps(sources)


def test_subject_is_pairwise() -> None:
    """One person is somebody else to each app, and the same to one app."""
    person = DIRECTORY.find("reader")
    assert person
    mint = Mint(DIRECTORY, Issuers("", ""), Span(0, 0))

    assert mint.identity(person, "")["sub"] != claims_for("reader")["sub"]
    assert claims_for("reader")["sub"] == claims_for("reader")["sub"]
    assert "nonce" not in mint.identity(person, "")


def test_client_info() -> None:
    """``client_info`` is object id and tenant id in base64url JSON, without padding."""
    person = DIRECTORY.find("reader")
    assert person

    text = client_info(person, DIRECTORY.tenant_id)

    decoded = json.loads(base64.urlsafe_b64decode(text + "=="))
    assert decoded == {"uid": person.object_id, "utid": DIRECTORY.tenant_id}
    assert "=" not in text
