"""The administrator's file outranks everything, and only the administrator's does."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from mcp_local.errors import PolicyError, SettingsError
from mcp_local.policy import Policy
from mcp_local.settings import ManagedFile, Settings, Source, load
from mcp_local.settings.paths import managed_file
from mcp_local.wiring import choose_policy, policy_path

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="there, the owner must be an administrator"
)


def managed(tmp_path: Path, text: str) -> ManagedFile:
    """Write a managed file; whoever runs the tests is its administrator."""
    folder = tmp_path / "managed"
    folder.mkdir(mode=0o755)
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)
    return ManagedFile(path, owner=os.getuid())


def load_managed(tmp_path: Path, place: ManagedFile, **variables: str) -> Settings:
    """Load settings with a managed file and variables."""
    return load({}, {"MCP_LOCAL_HOME": str(tmp_path)} | variables, managed=place)


def test_managed_values_are_in_force(tmp_path: Path) -> None:
    """What is managed is managed; the rest comes from elsewhere."""
    place = managed(tmp_path, 'tenant = "contoso.com"\n[signin]\nwhen = "call"')
    settings = load_managed(tmp_path, place, MCP_LOCAL_ACCOUNT="anna")
    assert (settings.tenant, settings.account) == ("contoso.com", "anna")
    assert settings.provenance["tenant"].source is Source.MANAGED
    assert settings.provenance["tenant"].place == str(place.path)


def test_a_conflict_with_a_managed_value_is_an_error(tmp_path: Path) -> None:
    """Nobody is left to think that their value is in force."""
    place = managed(tmp_path, 'tenant = "contoso.com"')
    with pytest.raises(SettingsError) as caught:
        load_managed(tmp_path, place, MCP_LOCAL_TENANT_ID="fabrikam.com")
    assert caught.value.message == (
        f"MCP_LOCAL_TENANT_ID: `tenant` is fixed to another value by {place.path}."
    )
    assert "administrator" in caught.value.hint


def test_the_same_value_in_two_places_is_no_conflict(tmp_path: Path) -> None:
    """Values are compared, not their spelling."""
    place = managed(tmp_path, "[signin]\ntimeout = 120")
    settings = load_managed(tmp_path, place, MCP_LOCAL_SIGN_IN_TIMEOUT="2m")
    assert settings.signin.timeout == 120
    assert settings.provenance["signin.timeout"].source is Source.MANAGED


def test_a_server_of_the_same_name_is_a_conflict(tmp_path: Path) -> None:
    """A managed server can't be replaced by one's own."""
    place = managed(tmp_path, "[servers.git]\ncommand = 'uvx'")
    (tmp_path / "config.toml").write_text("[servers.git]\ncommand = 'evil'", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"`servers\.git` is fixed"):
        load_managed(tmp_path, place)


@pytest.mark.parametrize("writable", ["file", "folder"])
def test_a_managed_file_others_could_write_is_refused(tmp_path: Path, writable: str) -> None:
    """Whoever can write it would decide over every user of the machine."""
    place = managed(tmp_path, 'tenant = "contoso.com"')
    (place.path if writable == "file" else place.path.parent).chmod(0o777)
    with pytest.raises(SettingsError, match="could be written by others"):
        load_managed(tmp_path, place)


def test_a_managed_file_of_another_owner_is_refused(tmp_path: Path) -> None:
    """Only the administrator's own words count as theirs."""
    place = managed(tmp_path, "")
    with pytest.raises(SettingsError, match="could be written by others"):
        load_managed(tmp_path, place._replace(owner=os.getuid() + 1))


def test_a_broken_managed_file_stops_the_program(tmp_path: Path) -> None:
    """It isn't skipped: what it meant to forbid isn't known."""
    with pytest.raises(SettingsError, match="is not TOML"):
        load_managed(tmp_path, managed(tmp_path, "tenant ="))


def test_the_managed_file_has_its_place_on_every_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """The places are those of the documentation; the administrator's id is 0."""
    monkeypatch.setattr(sys, "platform", "linux")
    assert managed_file() == ManagedFile(Path("/etc/mcp-local/config.toml"), owner=0)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert managed_file().path == Path("/Library/Application Support/mcp-local/config.toml")


@pytest.mark.parametrize(
    "authority",
    [
        "https://login.evil.example/aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa",
        "https://localhost:8443/aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa",
        "https://login.microsoftonline.com/99999999-1111-4111-8111-aaaaaaaaaaaa",
        "https://login.microsoftonline.com/fabrikam.com",
    ],
)
def test_a_managed_tenant_has_its_own_authority(tmp_path: Path, authority: str) -> None:
    """Whoever chose another authority for it would choose its people and their roles (O18)."""
    tenant = "contoso.com" if "9999" in authority else "aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa"
    place = managed(tmp_path, f'tenant = "{tenant}"')
    own = f"https://login.microsoftonline.com/{tenant}"
    assert load_managed(tmp_path, place, MCP_LOCAL_AUTHORITY=own).authority == own
    with pytest.raises(SettingsError, match="not that of the tenant fixed by"):
        load_managed(tmp_path, place, MCP_LOCAL_AUTHORITY=authority, MCP_LOCAL_CA_FILE="/ca.pem")
    place.path.write_text(f'tenant = "{tenant}"\nauthority = "{authority}"\nca_file = "/ca.pem"')
    assert load_managed(tmp_path, place).authority == authority


def test_the_policy_of_a_managed_server_has_nothing_put_in_its_place(tmp_path: Path) -> None:
    """Neither a flag nor a variable does, and a running server's code can add nothing to it."""
    place = managed(tmp_path, '[servers.files]\ncommand = "files"\npolicy = "files.yaml"')
    other = tmp_path / "other.yaml"
    for path in (place.path.parent / "files.yaml", other):
        path.write_text("version: 1\nroles:\n  Task.Read: {tags: [read]}\n", encoding="utf-8")
    settings = load_managed(tmp_path, place, MCP_LOCAL_POLICY=str(other))
    own = settings.servers["files"].policy
    assert policy_path(settings, own) == own
    live = choose_policy(settings, own)
    with pytest.raises(PolicyError):
        live.add_policy(Policy.deny_by_default().grant("Task.Read", tools=["*"]))
    assert policy_path(settings, str(tmp_path / "mine.yaml")) == str(other)
