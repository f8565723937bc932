"""Where state and settings live."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mcp_local.errors import SettingsError
from mcp_local.settings import ManagedFile, Source, load, profile_dir
from mcp_local.settings.paths import absolute

CLIENT = "bbbbbbbb-2222-4222-8222-bbbbbbbbbbbb"


def test_one_variable_makes_a_set_up_of_its_own(tmp_path: Path) -> None:
    """MCP_LOCAL_HOME moves the state and the settings file."""
    settings = load({}, {"MCP_LOCAL_HOME": str(tmp_path)})
    assert settings.home == tmp_path
    assert settings.config_file == tmp_path / "config.toml"
    assert settings.provenance["config_file"].place == "MCP_LOCAL_HOME"


def test_the_settings_file_can_be_named(tmp_path: Path) -> None:
    """By the flag before the variable; the variable's file may be yet to be written."""
    named, other = tmp_path / "a.toml", tmp_path / "b.toml"
    named.write_text('tenant = "contoso.com"', encoding="utf-8")
    environ = {"MCP_LOCAL_HOME": str(tmp_path), "MCP_LOCAL_CONFIG": str(other)}
    settings = load({"config": str(named)}, environ)
    assert (settings.config_file, settings.tenant) == (named, "contoso.com")
    assert settings.provenance["config_file"].source is Source.FLAG
    settings = load({}, environ)
    assert (settings.config_file, settings.tenant) == (other, "")


@pytest.mark.skipif(sys.platform != "linux", reason="XDG variables are Linux's")
def test_without_variables_the_system_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """State and settings go where the desktop's standard puts them."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    settings = load({}, {})
    assert settings.home == tmp_path / "state" / "mcp-local"
    assert settings.config_file == tmp_path / "config" / "mcp-local" / "config.toml"


def test_windows_keeps_everything_in_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Desktop clients' packages hide AppData from every terminal."""
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = load({}, {}, managed=ManagedFile(tmp_path / "managed.toml"))
    assert settings.home == tmp_path / ".mcp-local"
    assert settings.config_file == tmp_path / ".mcp-local" / "config.toml"


def test_paths_are_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a base, from the working folder, or from the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert absolute("x", tmp_path / "base") == tmp_path / "base" / "x"
    assert absolute("x") == Path.cwd() / "x"
    assert absolute("~/x") == tmp_path / "x"
    assert absolute("~nobody-of-that-name/x", tmp_path) == tmp_path / "~nobody-of-that-name" / "x"


@pytest.mark.skipif(sys.platform == "win32", reason="a working folder can't be deleted there")
def test_a_deleted_working_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients start servers from anywhere; a relative path is then an error, not a traceback."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert load({"policy": str(tmp_path / "p")}, {"MCP_LOCAL_HOME": str(tmp_path)}).policy
    with pytest.raises(SettingsError, match="working folder is gone"):
        load({"policy": "p"}, {"MCP_LOCAL_HOME": str(tmp_path)})


def test_profiles_are_apart_by_authority_tenant_and_client(tmp_path: Path) -> None:
    """State of one sign-in is never found by another; the name tells the host."""
    environ = {"MCP_LOCAL_HOME": str(tmp_path), "MCP_LOCAL_CLIENT_ID": CLIENT}
    one = load({"tenant": "contoso.com"}, environ)
    others = [
        load({"tenant": "fabrikam.com"}, environ),
        replace(one, client_id=CLIENT.replace("b", "c")),
        replace(one, authority="https://login.microsoftonline.us/contoso.com"),
        replace(one, authority="https://localhost:8443/contoso.com"),
        load({}, {"MCP_LOCAL_HOME": str(tmp_path)}),
    ]
    folders = {profile_dir(each) for each in [one, *others]}
    assert len(folders) == len(others) + 1
    assert {folder.parent for folder in folders} == {tmp_path / "profiles"}
    assert profile_dir(one).name.startswith("login.microsoftonline.com-")
    assert profile_dir(others[3]).name.startswith("localhost-8443-")
    assert profile_dir(others[4]).name.startswith("none-")


def test_a_profile_is_found_again(tmp_path: Path) -> None:
    """The same three always give the same folder, whatever their case."""
    environ = {"MCP_LOCAL_HOME": str(tmp_path), "MCP_LOCAL_CLIENT_ID": CLIENT}
    lower = load({"tenant": "contoso.com"}, environ)
    upper = load({"tenant": "CONTOSO.com", "client_id": CLIENT.upper()}, environ)
    assert profile_dir(lower) == profile_dir(upper)
