"""Authority, API, audiences and scopes follow from one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mcp_local.errors import SettingsError
from mcp_local.settings import SignInMethod, load

if TYPE_CHECKING:
    from pathlib import Path

TENANT = "aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa"
CLIENT = "bbbbbbbb-2222-4222-8222-bbbbbbbbbbbb"
API = "cccccccc-3333-4333-8333-cccccccccccc"


def env(tmp_path: Path, **variables: str) -> dict[str, str]:
    """Return an environment with a tenant and a client, and more."""
    given = {"MCP_LOCAL_HOME": str(tmp_path)}
    variables = {"TENANT_ID": TENANT, "CLIENT_ID": CLIENT} | variables
    return given | {f"MCP_LOCAL_{name}": value for name, value in variables.items() if value}


@pytest.mark.parametrize(
    ("api", "scopes", "audiences", "resource"),
    [
        ("", "", (CLIENT, f"api://{CLIENT}"), f"{CLIENT}/access_as_user"),
        (CLIENT.upper(), "", (CLIENT, f"api://{CLIENT}"), f"{CLIENT}/access_as_user"),
        (f"api://{CLIENT}", "", (CLIENT, f"api://{CLIENT}"), f"{CLIENT}/access_as_user"),
        (f"api://{CLIENT}", f"api://{CLIENT}/x", (CLIENT, f"api://{CLIENT}"), f"{CLIENT}/x"),
        (CLIENT, f"API://{CLIENT.upper()}/x", (CLIENT, f"api://{CLIENT}"), f"{CLIENT}/x"),
        (CLIENT, "api://b/x", (CLIENT, f"api://{CLIENT}"), "api://b/x"),
        (API, f"api://{API}/x", (API, f"api://{API}"), f"api://{API}/x"),
        (API, "", (API, f"api://{API}"), f"{API}/access_as_user"),
        (f"api://{API}", "", (API, f"api://{API}"), f"api://{API}/access_as_user"),
        (f"api://{API}", ".default", (API, f"api://{API}"), f"api://{API}/.default"),
        (f"api://{API}", "Files.Read", (API, f"api://{API}"), f"api://{API}/Files.Read"),
        (f"api://{API}", "api://b/x", (API, f"api://{API}"), "api://b/x"),
        (
            f"api://contoso/{API.upper()}",
            "x",
            (API, f"api://{API}"),
            f"api://contoso/{API.upper()}/x",
        ),
    ],
)
def test_scopes_and_audiences_follow_from_the_api(
    tmp_path: Path, api: str, scopes: str, audiences: tuple[str, ...], resource: str
) -> None:
    """Short scopes are made full; an app that is its own API is named by GUID (AADSTS90009)."""
    settings = load({}, env(tmp_path, API=api, SCOPES=scopes))
    assert settings.audiences == audiences
    assert settings.scopes == (resource,)
    assert settings.api == (api if "/" in api else api.lower() or CLIENT)


def test_an_api_without_a_guid_needs_audiences(tmp_path: Path) -> None:
    """What `aud` will hold can't be guessed, and must not be."""
    with pytest.raises(SettingsError, match="`api` has no GUID in it") as caught:
        load({}, env(tmp_path, API="api://contoso/tools"))
    assert "audiences" in caught.value.hint
    settings = load({}, env(tmp_path, API="api://contoso/tools", AUDIENCES="api://contoso/tools"))
    assert settings.audiences == ("api://contoso/tools",)
    assert settings.scopes == ("api://contoso/tools/access_as_user",)
    unnamed = env(tmp_path, API="api://contoso/tools", AUDIENCES="x", CLIENT_ID="")
    assert load({}, unnamed).scopes == ("api://contoso/tools/access_as_user",)


@pytest.mark.parametrize("scope", ["openid", "offline_access", "Profile", "email"])
def test_scopes_that_are_asked_for_anyway_are_refused(tmp_path: Path, scope: str) -> None:
    """MSAL adds them, and fails when it is handed them."""
    with pytest.raises(SettingsError, match=f"`scopes` holds `{scope}`"):
        load({}, env(tmp_path, SCOPES=f"access_as_user {scope}"))


@pytest.mark.parametrize(
    ("cloud", "host"),
    [
        ("", "login.microsoftonline.com"),
        ("public", "login.microsoftonline.com"),
        ("us-gov", "login.microsoftonline.us"),
        ("china", "login.partner.microsoftonline.cn"),
    ],
)
def test_the_authority_follows_from_cloud_and_tenant(tmp_path: Path, cloud: str, host: str) -> None:
    """Nobody has to know the hosts of the national clouds."""
    settings = load({}, env(tmp_path, CLOUD=cloud))
    assert settings.authority == f"https://{host}/{TENANT}"
    assert settings.development is False


def test_without_a_tenant_there_is_no_authority(tmp_path: Path) -> None:
    """An authority for any tenant would be a wider one."""
    assert load({}, env(tmp_path, TENANT_ID="", CLOUD="china")).authority == ""


def test_another_authority_must_be_set_and_is_taken_as_it_is(tmp_path: Path) -> None:
    """Other OpenID providers work when they are named; the path keeps its case."""
    settings = load({}, env(tmp_path, AUTHORITY="https://Login.Contoso.com:8443/Realm/x/"))
    assert settings.authority == "https://login.contoso.com:8443/Realm/x"
    assert settings.development is False


def test_an_authority_on_loopback_needs_its_ca_file(tmp_path: Path) -> None:
    """An emulator is never met by accident, and always told (O18)."""
    url = f"https://localhost:8443/{TENANT}"
    with pytest.raises(SettingsError, match="on loopback, which is for development only"):
        load({}, env(tmp_path, AUTHORITY=url))
    settings = load({}, env(tmp_path, AUTHORITY=url, CA_FILE="/tmp/ca.pem"))  # noqa: S108 - a name
    assert settings.development is True


@pytest.mark.parametrize(
    ("authority", "cloud", "message"),
    [
        (f"https://login.microsoftonline.com/{TENANT}", "us-gov", "is not in the cloud `us-gov`"),
        (f"https://login.contoso.com/{TENANT}", "public", "is not in the cloud `public`"),
        (f"https://login.microsoftonline.com/{API}", "", "names another tenant than `tenant`"),
        ("https://login.microsoftonline.com/common", "", "must end in the id or a domain"),
    ],
)
def test_an_authority_that_contradicts_is_refused(
    tmp_path: Path, authority: str, cloud: str, message: str
) -> None:
    """Two settings that say different things are a mistake, not a choice."""
    with pytest.raises(SettingsError, match=message):
        load({}, env(tmp_path, AUTHORITY=authority, CLOUD=cloud))


def test_an_authority_and_a_cloud_that_agree_are_taken(tmp_path: Path) -> None:
    """Saying the same twice is no mistake, nor is naming the tenant by a domain in one place."""
    upper = f"https://login.microsoftonline.com/{TENANT.upper()}"
    for tenant in (TENANT, TENANT.upper()):
        settings = load({}, env(tmp_path, AUTHORITY=upper, TENANT_ID=tenant))
        assert (settings.authority, settings.tenant) == (upper, TENANT)
    url = "https://login.microsoftonline.us/contoso.com"
    assert load({}, env(tmp_path, AUTHORITY=url, CLOUD="us-gov")).authority == url


def test_declared_roles_stand_alone(tmp_path: Path) -> None:
    """Roles that nobody verified are taken without sign-in and without a tenant only."""
    alone = {"TENANT_ID": "", "CLIENT_ID": "", "SIGN_IN": "none", "SIGN_IN_ROLES": "Admin"}
    settings = load({}, env(tmp_path, **alone))
    assert settings.signin.method is SignInMethod.NONE
    assert settings.signin.roles == ("Admin",)
    with pytest.raises(SettingsError, match="stands beside a tenant"):
        load({}, env(tmp_path, **(alone | {"TENANT_ID": TENANT})))
    with pytest.raises(SettingsError, match="has no effect while people sign in"):
        load({}, env(tmp_path, **(alone | {"SIGN_IN": "browser"})))
