"""The shortest way of ``run``: what is plain, and what is left to the ordinary way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import mcp_local
from mcp_local import places
from mcp_local.cli.swift import Plain, read_plain, run_swiftly
from mcp_local.cli.swift_named import look_up
from mcp_local.cli.swift_settings import find_started
from mcp_local.errors import SettingsError
from mcp_local.guard.relay.late_log import LateLog
from mcp_local.guard.relay.rules import Rules
from mcp_local.log import Log, read_tail

if TYPE_CHECKING:
    from collections.abc import Sequence

CONFIG = """
tenant = "contoso.com"
client_id = "11111111-1111-4111-8111-111111111111"
[servers.git]
command = "uvx"
args = ["mcp-server-git"]
tenant = "fabrikam.com"
[servers.file]
command = "server.py"
[servers.remote]
url = "https://tools.contoso.com/mcp"
"""


@pytest.fixture
def config(home: Path) -> Path:
    """A settings file with servers."""
    home.mkdir()
    path = home / "config.toml"
    path.write_text(CONFIG, encoding="utf-8")
    (home / "server.py").touch()
    return path


PLAIN: list[tuple[list[str], tuple[object, ...]]] = [
    (["run", "git"], ("git", (), {}, {})),
    (["run", "--", "uvx", "x", "--", "y"], ("", ("uvx", "x", "--", "y"), {}, {})),
    (
        ["run", "--policy", "p.yaml", "--client-id", "c", "my-server_1"],
        ("my-server_1", (), {"policy": "p.yaml", "client_id": "c"}, {}),
    ),
    (
        ["run", "--pass-env", "TOKEN", "--", "uvx"],
        ("", ("uvx",), {}, {"TOKEN": "${TOKEN}"}),
    ),
]


@pytest.mark.parametrize(("words", "said"), PLAIN)
def test_plain_words_are_read(words: Sequence[str], said: tuple[object, ...]) -> None:
    """A name or a command, with flags that stand for settings."""
    plain = read_plain(words)
    assert plain is not None
    assert (plain.rules.namespace, plain.command, plain.flags, plain.env) == said


def test_nothing_heavy_is_on_the_way_of_a_start() -> None:
    """Each of these takes 3 to 9 ms, which every start of a wrapped server would wait for."""
    folder = str(Path(mcp_local.__file__).parents[1])
    code = (
        f"import sys; sys.path.append({folder!r}); import mcp_local.__main__; print(*sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],  # without what an environment brings along
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    ).stdout.split()
    assert "mcp_local.guard.relay.launch" in found
    assert not {"typing", "pathlib", "re", "json", "dataclasses", "threading"}.intersection(found)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["tools", "git"],
        ["--verbose", "run", "git"],
        ["run"],
        ["run", "--"],
        ["run", "--verbose", "git"],
        ["run", "--help"],
        ["run", "--demo"],
        ["run", "server.py"],
        ["run", "https://tools.contoso.com/mcp"],
        ["run", "git", "--", "uvx"],
        ["run", "one", "two"],
        ["run", "--policy"],
        ["run", "--policy", "--", "uvx"],
        ["run", "--", "--policy", "a.yaml", "uvx"],
        ["run", "--policy", "--account", "x"],
        ["run", "--pass-env", "TOKEN", "git"],
        ["run", "--pass-env", "MCP_LOCAL_HOME", "--", "uvx"],
    ],
)
def test_everything_else_goes_the_ordinary_way(words: Sequence[str]) -> None:
    """Which says what is wrong, or does what this doesn't."""
    assert read_plain(words) is None
    assert run_swiftly(words) is None


@pytest.mark.skipif(sys.platform == "win32", reason="a folder in use can't be removed there")
def test_a_command_is_not_started_in_a_folder_that_is_gone(tmp_path: Path) -> None:
    """What is wrong is told in two lines, as the ordinary way does."""
    gone = tmp_path / "gone"
    gone.mkdir()
    code = (
        "import os, sys; os.rmdir(os.getcwd()); sys.argv = ['mcp-local', 'run', '--tenant', "
        "'contoso.com', '--client-id', '11111111-1111-4111-8111-111111111111', '--', 'cat']; "
        "from mcp_local.__main__ import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=gone,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: The working folder is gone.\n")


def named(name: str, **flags: str) -> Plain:
    """Return what ``run NAME`` says."""
    return Plain((), flags, {}, rules=Rules(name))


def test_a_server_is_found_by_its_name(config: Path) -> None:
    """With its own tenant, which a flag outranks."""
    seen = look_up(named("git"), os.environ)
    assert seen is not None
    assert (seen.command, seen.rules.namespace) == (("uvx", "mcp-server-git"), "git")
    found = find_started(seen)
    assert (found.target.server.command, found.settings.tenant) == ("uvx", "fabrikam.com")
    assert found.settings.config_file == config
    seen = look_up(named("git", tenant="northwind.com"), os.environ)
    assert seen is not None
    found = find_started(seen)
    assert found.settings.tenant == "northwind.com"
    assert found.settings.flags == ("--tenant", "northwind.com")


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize("name", ["file", "gti", "absent", "remote"])
def test_what_is_no_wrapped_server_goes_the_ordinary_way(name: str) -> None:
    """It is hosted, remote, or nowhere; nothing is started for it."""
    assert look_up(named(name), os.environ) is None


@pytest.mark.skipif(sys.platform == "win32", reason="there, administrators own it")
def test_a_managed_server_is_the_administrators(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It outranks one's own; where others could write it, nothing is started for it."""
    managed = tmp_path / "managed" / "config.toml"
    managed.parent.mkdir(mode=0o755)
    managed.write_text('[servers.git]\ncommand = "managed"\ncwd = "x"', encoding="utf-8")
    managed.chmod(0o644)
    monkeypatch.setattr(places, "managed_file", lambda: str(managed))
    monkeypatch.setattr(places.read_managed, "__defaults__", (os.getuid(),))
    seen = look_up(named("git"), os.environ)
    assert seen is not None
    assert seen.command == ("managed",)
    assert Path(seen.folder) == managed.parent / "x"
    config.write_text("", encoding="utf-8")
    assert look_up(named("git"), os.environ) is not None
    managed.chmod(0o666)
    assert look_up(named("git"), os.environ) is None


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[servers.git]\ncommand = 'uvx'\nenv = {'A=B' = 'c'}",
        b"[servers.git]\ncommand = 'uvx'\nenv = {'' = 'c'}",
        b"servers = 1",
        b"[servers]\ngit = 1",
        b"[servers.git]\ncommand = 1",
        b'[servers.git]\ncommand = "a\\u0007"',
        b"[servers.git]\ncommand = 'uvx'\nargs = 'x'",
        b"[servers.git]\ncommand = 'uvx'\nargs = [1]",
        b"[servers.git]\ncommand = 'uvx'\nenv = ['A']",
        b"[servers.git]\ncommand = 'uvx'\ndefinitions = false",
        b"[ser",
        b"\xff",
    ],
)
def test_settings_that_are_not_plain_go_the_ordinary_way(config: Path, text: bytes) -> None:
    """Which says what is wrong with them."""
    config.write_bytes(text)
    assert look_up(named("git"), os.environ) is None
    config.unlink()
    assert look_up(named("git"), os.environ) is None
    config.mkdir()
    assert look_up(named("git"), os.environ) is None


@pytest.mark.parametrize(
    "line",
    [
        'command = "npx"',
        'args = ["other"]',
        'env = {A = "b"}',
        'cwd = "."',
        'requests = ["roots/list"]',
        'methods = ["x/y"]',
        'definitions = "hold"',
    ],
)
def test_settings_that_change_meanwhile_are_an_error(config: Path, line: str) -> None:
    """What runs is what the settings say, in every respect, or nothing is served."""
    seen = look_up(named("git"), os.environ)
    assert seen is not None
    key = line.partition(" ")[0]
    old = [each for each in CONFIG.splitlines() if not each.startswith(key)]
    if key == "command":
        old.insert(old.index("[servers.file]") + 1, 'command = "server.py"')
    old.insert(old.index("[servers.git]") + 1, line)
    config.write_text("\n".join(old), encoding="utf-8")
    with pytest.raises(SettingsError, match="'git' changed while it was started"):
        find_started(seen)


@pytest.mark.usefixtures("config")
def test_a_started_server_is_not_told_the_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it is started with comes from the environment of this process (M14)."""
    monkeypatch.setenv("MCP_LOCAL_CACHE_PASSPHRASE", "secret")
    seen = look_up(named("git"), os.environ)
    assert seen is not None
    found = find_started(seen)
    assert found.environ["MCP_LOCAL_CACHE_PASSPHRASE"] == "secret"
    assert "MCP_LOCAL_CACHE_PASSPHRASE" not in os.environ


def test_a_command_without_a_tenant_is_logged(home: Path) -> None:
    """Desktop clients hide standard error."""
    with pytest.raises(SettingsError, match="tenant"):
        find_started(Plain(("uvx",), {}, {}))
    assert any("not_served" in line for line in read_tail(home / "log" / "mcp-local.jsonl", 5))


def test_settings_that_can_not_be_read_are_logged(home: Path) -> None:
    """Before there are settings, the log is that of the environment."""
    home.mkdir()
    (home / "config.toml").write_text('tenannt = "contoso.com"', encoding="utf-8")
    with pytest.raises(SettingsError, match="tenannt"):
        find_started(Plain(("uvx",), {}, {}))
    [line] = read_tail(home / "log" / "mcp-local.jsonl", 5)
    assert "not_served" in line
    assert "tenannt" in line


def test_a_command_takes_the_settings_as_they_are(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read in vain is told on standard error."""
    monkeypatch.setenv("MCP_LOCAL_CLIENT_SECRET", "x")
    found = find_started(Plain(("uvx", "x"), {}, {}))
    assert found.target.server.args == ("x",)
    assert found.settings.config_file == config
    assert "MCP_LOCAL_CLIENT_SECRET" in capsys.readouterr().err


def test_a_late_log_forgets_nothing(tmp_path: Path) -> None:
    """What came before it was opened is written first; endlessly much is not kept."""
    late, began = LateLog(), datetime.now(UTC)
    for number in range(300):
        late.event("early", level="error", number=number)
    time.sleep(0.05)
    opened = datetime.now(UTC)
    late.open(Log(tmp_path / "log"))
    late.event("late")
    late.write()
    lines = [json.loads(line) for line in read_tail(tmp_path / "log", 1000)]
    assert [line.get("number") for line in lines] == [*range(256), None]
    assert lines[-1]["event"] == "late"
    happened = datetime.fromisoformat(lines[0]["time"])
    assert began - timedelta(seconds=0.001) <= happened < opened  # not when it was written


def test_a_late_log_is_written_without_being_told(tmp_path: Path) -> None:
    """A moment after something happened."""
    late = LateLog()
    late.open(Log(tmp_path / "log"))
    late.event("one")
    late.event("two")
    deadline = time.monotonic() + 10
    while len(read_tail(tmp_path / "log", 9)) < 2 and time.monotonic() < deadline:
        time.sleep(0.005)
    assert ['"one"' in line for line in read_tail(tmp_path / "log", 9)] == [True, False]
