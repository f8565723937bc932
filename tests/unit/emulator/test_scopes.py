"""What a scope parameter asks for."""

from __future__ import annotations

import pytest

from mcp_local.emulator import default_directory
from mcp_local.emulator.aadsts import Refused
from mcp_local.emulator.scopes import GRAPH, parse_one_resource, parse_scopes

DIRECTORY = default_directory(tenant_id="11111111-2222-4333-8444-555555555555")
API = DIRECTORY.api.api_id


@pytest.mark.parametrize("form", [API, API.upper(), f"api://{API}", f"api://{API}/"])
def test_resource_forms(form: str) -> None:
    """A resource is known by GUID and by App ID URI, and echoed as it was written."""
    wanted = parse_one_resource(f"{form}/access_as_user openid", DIRECTORY)

    assert wanted.resource == DIRECTORY.api
    assert wanted.scope == f"{form}/access_as_user"
    assert wanted.by_guid is ("api://" not in form)


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("openid profile offline_access", "openid profile"),
        ("offline_access", "openid"),
        ("User.Read openid", "User.Read"),
        ("https://graph.microsoft.com/User.Read", "https://graph.microsoft.com/User.Read"),
    ],
)
def test_graph(text: str, scope: str) -> None:
    """Scopes without a resource are Graph's."""
    wanted = parse_one_resource(text, DIRECTORY)

    assert (wanted.resource, wanted.scope) == (GRAPH, scope)


def test_default() -> None:
    """``.default`` stands for all permissions, and is echoed beside them."""
    wanted = parse_one_resource(f"{API}/.default", DIRECTORY)

    assert wanted.names == ("access_as_user",)
    assert wanted.scope == f"{API}/access_as_user {API}/.default"


def test_two_resources() -> None:
    """Two resources may be consented to together, but not be got a token for."""
    text = f"{API}/access_as_user User.Read"

    assert [one.resource for one in parse_scopes(text, DIRECTORY)] == [DIRECTORY.api, GRAPH]
    with pytest.raises(Refused, match="AADSTS700022"):
        parse_one_resource(text, DIRECTORY)


def test_two_forms_of_one_resource() -> None:
    """One resource written in two ways is still one."""
    text = f"{API}/access_as_user api://{API}/access_as_user"

    assert parse_one_resource(text, DIRECTORY).prefix == API
