"""What TARGET means."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from mcp_local.errors import TargetError
from mcp_local.settings import Server, Settings
from mcp_local.targets import SAMPLE, HostedTarget, RemoteTarget, WrappedTarget, find_target

if TYPE_CHECKING:
    from pathlib import Path

GIT = Server("git", command="uvx", args=("mcp-server-git",), policy="/p.yaml")
SERVERS = {
    "weather": Server("weather", command="server.py:app", policy="/p.yaml"),
    "git": GIT,
    "remote": Server("remote", url="https://tools.contoso.com/mcp", api="api://tools"),
}


@pytest.fixture
def settings(home: Path) -> Settings:
    """Settings with a server of each sort."""
    home.mkdir()
    (home / "server.py").touch()
    return Settings(home, home / "config.toml", servers=SERVERS)


def test_nothing_means_the_sample(settings: Settings, tmp_path: Path) -> None:
    """Without a TARGET the sample server is served, with its own policy."""
    assert find_target(None, settings, tmp_path) is SAMPLE
    assert SAMPLE.policy.endswith("weather_policy.yaml")


def test_a_file_is_found_from_the_folder(settings: Settings, tmp_path: Path) -> None:
    """A file brings no policy."""
    (tmp_path / "server.py").touch()
    target = find_target("server.py:make", settings, tmp_path)
    assert isinstance(target, HostedTarget)
    assert (target.file.path, target.file.name) == (tmp_path / "server.py", "make")
    assert target.policy == ""


def test_a_file_is_found_by_its_name_in_the_settings(
    settings: Settings, home: Path, tmp_path: Path
) -> None:
    """It stands beside the settings file, or in its cwd; its policy comes along."""
    target = find_target("weather", settings, tmp_path)
    assert isinstance(target, HostedTarget)
    assert target.file.path == home / "server.py"
    assert (target.file.name, target.policy, target.namespace) == ("app", "/p.yaml", "weather")
    (tmp_path / "server.py").touch()
    servers = {"weather": replace(SERVERS["weather"], cwd=str(tmp_path))}
    target = find_target("weather", replace(settings, servers=servers), home)
    assert isinstance(target, HostedTarget)
    assert target.file.path == tmp_path / "server.py"


def test_a_command_is_wrapped(settings: Settings, tmp_path: Path) -> None:
    """What stands after ``--`` is taken as it is, in the working folder, without a policy."""
    target = find_target(None, settings, tmp_path, ["uvx", "mcp-server-time", "--", "x"])
    server = Server("", command="uvx", args=("mcp-server-time", "--", "x"))
    assert target == WrappedTarget(server, tmp_path)
    assert (target.policy, target.namespace, str(target)) == ("", "", "uvx")


def test_a_command_is_found_by_its_name(settings: Settings, tmp_path: Path, home: Path) -> None:
    """It runs where it is asked for, or in its cwd."""
    target = find_target("git", settings, tmp_path)
    assert target == WrappedTarget(GIT, tmp_path)
    assert (target.policy, target.namespace, str(target)) == ("/p.yaml", "git", "git")
    elsewhere = replace(settings, servers={"git": replace(GIT, cwd=str(home))})
    target = find_target("git", elsewhere, tmp_path)
    assert isinstance(target, WrappedTarget)
    assert target.folder == home


def test_a_python_file_with_arguments_is_a_command(settings: Settings, tmp_path: Path) -> None:
    """It parses its own command line, so it isn't loaded into this process."""
    servers = {"x": Server("x", command="./server.py", args=("--port", "1"))}
    assert isinstance(find_target("x", replace(settings, servers=servers), tmp_path), WrappedTarget)


@pytest.mark.parametrize("name", ["", ":app"])
def test_a_python_file_may_stand_behind_a_colon(
    settings: Settings, tmp_path: Path, name: str
) -> None:
    """As it does on Windows, behind its drive."""
    file = tmp_path / "c:" / "server.py"
    file.parent.mkdir()
    file.touch()
    servers = {"x": Server("x", command=f"{file}{name}")}
    target = find_target("x", replace(settings, servers=servers), tmp_path)
    assert isinstance(target, HostedTarget)
    assert (target.file.path, target.file.name) == (file, name[1:])


def test_an_api_that_can_not_be_is_told(settings: Settings, tmp_path: Path) -> None:
    """``--api`` takes what ``api`` in the settings takes; its token couldn't be asked for."""
    with pytest.raises(TargetError, match="--api must be a GUID or an App ID URI"):
        find_target("https://tools.contoso.com/mcp", settings, tmp_path, api="tools")


def test_an_address_is_a_remote_server(settings: Settings, tmp_path: Path) -> None:
    """Its API comes from the settings or ``--api`` only; without one it is sent no token."""
    target = find_target("https://tools.contoso.com/mcp", settings, tmp_path)
    assert isinstance(target, RemoteTarget)
    assert (target.server.api, target.policy, target.namespace) == ("", "", "")
    assert str(target) == "https://tools.contoso.com/mcp"
    target = find_target("https://tools.contoso.com/mcp", settings, tmp_path, api="api://own")
    assert isinstance(target, RemoteTarget)
    assert target.server.api == "api://own"
    target = find_target("remote", settings, tmp_path)
    assert target == RemoteTarget(SERVERS["remote"])
    assert str(target) == "remote"
    target = find_target("remote", settings, tmp_path, api="api://own")
    assert isinstance(target, RemoteTarget)
    assert target.server.api == "api://own"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("wether", "no server 'wether' under", "'weather'"),
        ("http://tools.contoso.com/mcp", "must start with https", ""),
        ("server.js", "is not a Python file", "-- COMMAND"),
        ("https://a.contoso.com/with space", "holds what no address can have", ""),
        ("tools.contoso.com/mcp", "neither a Python file nor an address", "https://tools.contoso"),
        ("localhost:8000", "neither a Python file nor an address", "http:// on this machine"),
        ("sh", "no server 'sh' under", "mcp-local run -- sh"),
        ("sh -c true", "no server 'sh -c true'", "mcp-local run -- sh -c true"),
    ],
)
def test_what_can_not_be_served_is_told(
    settings: Settings, tmp_path: Path, text: str, message: str, hint: str
) -> None:
    """Each with what could be done instead."""
    with pytest.raises(TargetError, match=message) as caught:
        find_target(text, settings, tmp_path)
    assert hint in caught.value.hint


def test_a_password_in_an_address_is_not_repeated(settings: Settings, tmp_path: Path) -> None:
    """It would stand in the terminal, the client's log and ours; the error says where it may."""
    with pytest.raises(TargetError, match="user name or password; `headers_from`") as caught:
        find_target("https://me:hunter2@tools.contoso.com/mcp", settings, tmp_path)
    assert "https://tools.contoso.com/mcp" in caught.value.message
    assert "hunter2" not in f"{caught.value.message} {caught.value.hint}"


def test_one_target_only(settings: Settings, tmp_path: Path) -> None:
    """A name and a command contradict each other, and so do --api and what isn't remote."""
    with pytest.raises(TargetError, match="after `--`"):
        find_target("git", settings, tmp_path, ["uvx"])
    with pytest.raises(TargetError, match="--api"):
        find_target("git", settings, tmp_path, api="x")


def test_without_servers_the_hint_says_what_can_be_named(
    settings: Settings, tmp_path: Path
) -> None:
    """There is no near word then."""
    with pytest.raises(TargetError) as caught:
        find_target("weather", replace(settings, servers={}), tmp_path)
    assert "mcp-local run server.py" in caught.value.hint
