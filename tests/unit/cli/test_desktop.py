"""``install`` and its like on the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from mcp_local.cli.main import main
from mcp_local.errors import ExitCode

pytestmark = pytest.mark.usefixtures("forks")


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A person with a home folder of their own, and no settings."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    return {"MCP_LOCAL_HOME": str(tmp_path / "state")}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["cursor", "g", "--policy", "preset:readonly", "--", "python"], "no preset 'readonly'"),
        (["cursor", "g", "--policy", "nowhere.yaml", "--", "python"], "nowhere.yaml"),
        (["cursor", "g", "--policy", "~nobody-here/p.yaml", "--", "python"], "~nobody-here"),
        (["cursor", "g"], "no server 'g' under [servers]"),
        (["cursor", "g.py"], "There is no file"),
        (["cursor", "--", "npx", "-y", "g"], "mcp-local install cursor NAME …"),
        (["cursor", "g", "--", "no-such-command"], "There is no command 'no-such-command'"),
        (["cursr", "g"], "No client is known as 'cursr'"),
        (["windsurf", "--link"], "has no links"),
        (["windsurf", "--scope", "workspace"], "has no workspace configuration"),
        (["cursor", "--scope", "local"], "has no local configuration"),
    ],
)
def test_what_can_not_work_is_refused_before_anything_is_written(
    words: list[str], message: str, environ: dict[str, str], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Exit 2, and what is wrong."""
    assert main(["install", *words], environ) is ExitCode.USAGE
    assert message in capsys.readouterr().err
    assert not (tmp_path / ".cursor").exists()


def test_an_argument_may_be_longer_than_a_name(
    environ: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A token is no file of this folder; what is one beside it is still named."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.db").touch()
    command = ["python", "serve.py", "--token", "x" * 300, "notes.db"]
    words = ["cursor", "g", "--policy", "preset:read-only", "--", *command]
    assert main(["install", *words], environ) is ExitCode.OK
    assert "warning: notes.db: a client may start this" in capsys.readouterr().err


def test_an_entry_without_ids_is_added_with_a_warning(
    environ: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told that the client can't start it yet; then it is taken out again."""
    words = ["cursor", "g", "--policy", "preset:read-only", "--", "python"]
    assert main(["install", *words], environ) is ExitCode.OK
    assert "`tenant` and `client_id` are not set" in capsys.readouterr().err
    entries = json.loads((tmp_path / ".cursor" / "mcp.json").read_text(encoding="utf-8"))
    entry = entries["mcpServers"]["g"]
    assert entry["args"][:3] == ["run", "--policy", "preset:read-only"]
    assert entry["env"] == environ
    assert main(["uninstall", "cursor", "g", "--json"], environ) is ExitCode.OK
    assert json.loads(capsys.readouterr().out)["name"] == "g"


def test_after_a_removal_nothing_is_to_be_switched_on(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """What makes a client start a server is said of one that is there."""
    words = ["cursor", "g", "--policy", "preset:read-only", "--", "python"]
    assert main(["install", *words], environ) is ExitCode.OK
    assert "Switch it on" in capsys.readouterr().out
    assert main(["uninstall", "cursor", "g"], environ) is ExitCode.OK
    out = capsys.readouterr().out
    assert "Cursor forgets it when it is restarted." in out
    assert "Switch it on" not in out


@pytest.mark.parametrize("client", ["claude-desktop", "codex", "goose", "vscode"])
def test_an_entry_can_be_shown_and_nothing_written(
    client: str, environ: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the client's own format, with its file named."""
    assert main(["install", client, "--print"], environ) is ExitCode.OK
    assert "weather" in capsys.readouterr().out
    assert main(["install", client, "--print", "--json"], environ) is ExitCode.OK
    assert json.loads(capsys.readouterr().out)["entry"]["args"] == ["run"]
    assert list(tmp_path.iterdir()) == []


def test_a_path_in_a_variable_holds_in_whichever_folder_the_client_starts(
    environ: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Relative to this terminal's folder it would name another file there, or none."""
    monkeypatch.chdir(tmp_path)
    given = {
        "MCP_LOCAL_CONFIG": "config.toml",
        "MCP_LOCAL_CA_FILE": "~/ca.pem",
        "MCP_LOCAL_POLICY": "preset:read-only",
        "MCP_LOCAL_SCOPES": "",
    }
    words = ["install", "cursor", "--print", "--json"]
    assert main(words, environ | given) is ExitCode.OK
    env = json.loads(capsys.readouterr().out)["entry"]["env"]
    assert env["MCP_LOCAL_CONFIG"] == str(tmp_path / "config.toml")
    assert env["MCP_LOCAL_CA_FILE"] == str(Path.home() / "ca.pem")
    assert env["MCP_LOCAL_POLICY"] == "preset:read-only"
    assert "MCP_LOCAL_SCOPES" not in env


def test_a_proxys_password_stays_out_of_the_clients_file(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told where to put it; a proxy without one is handed on."""
    secret = environ | {"MCP_LOCAL_PROXY": "http://me:hunter22@proxy.example:8080"}
    assert main(["install", "cursor", "--print"], secret) is ExitCode.OK
    told = capsys.readouterr()
    assert "hunter22" not in told.out + told.err
    assert "MCP_LOCAL_PROXY holds a password" in told.err
    plain = environ | {"MCP_LOCAL_PROXY": "http://proxy.example:8080"}
    assert main(["install", "cursor", "--print"], plain) is ExitCode.OK
    assert "http://proxy.example:8080" in capsys.readouterr().out


def test_what_takes_the_place_of_an_entry_of_ours_is_told(
    environ: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was and what is; a variable goes by its name alone."""
    words = ["install", "cursor", "g", "--policy", "preset:read-only"]
    command = ["--", sys.executable, "s3cret-argument"]
    assert main([*words, *command], environ) is ExitCode.OK
    assert "Added g" in capsys.readouterr().out
    given = environ | {"GIT_TOKEN": "s3cret-value"}
    assert main([*words, "--pass-env", "GIT_TOKEN", *command], given) is ExitCode.OK
    told = capsys.readouterr()
    assert "Replaced g" in told.out
    assert "  pass-env: none → GIT_TOKEN\n" in told.out
    assert "GIT_TOKEN: Cursor must have it in its own environment" in told.err
    assert "s3cret" not in told.out + told.err
    file = tmp_path / ".cursor" / "mcp.json"
    text = file.read_text(encoding="utf-8")
    assert "s3cret-value" not in text
    args = json.loads(text)["mcpServers"]["g"]["args"]
    assert args[:5] == ["run", "--policy", "preset:read-only", "--pass-env", "GIT_TOKEN"]


def test_an_entry_that_is_there_already_is_left_alone(
    environ: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is written, no copy is made, and it is said; with `--replace` as well."""
    words = ["install", "cursor", "g", "--policy", "preset:read-only", "--", sys.executable]
    assert main(words, environ) is ExitCode.OK
    file = tmp_path / ".cursor" / "mcp.json"
    before = file.stat()
    capsys.readouterr()
    for again in (words, [*words[:3], "--replace", *words[3:]]):
        assert main(again, environ) is ExitCode.OK
        assert capsys.readouterr().out == f"g is there already, in {file}.\n"
    assert file.stat().st_mtime_ns == before.st_mtime_ns
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize(
    ("name", "message"),
    [("nope", "Cursor has no server 'nope'"), ("ours", "'ours' has mcp-local before it already")],
)
def test_what_can_not_be_guarded_is_told_before_anything_is_tried(
    name: str,
    message: str,
    environ: dict[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No warning stands before it, and the program isn't started in vain."""
    file = tmp_path / ".cursor" / "mcp.json"
    file.parent.mkdir()
    ours = {"command": "mcp-local", "args": ["run", "--", "npx", "x"]}
    file.write_text(json.dumps({"mcpServers": {"ours": ours}}), encoding="utf-8")
    assert main(["guard", "cursor", name], environ) is ExitCode.USAGE
    told = capsys.readouterr().err
    assert told.startswith(f"error: {message}")
    assert "Making sure" not in told


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--pass-env", "X", "server.py"], "none stands after `--`"),
        (["--pass-env", "MCP_LOCAL_API", "--", "python"], "may be handed on"),
    ],
)
def test_only_commands_are_handed_variables_and_none_of_ours(
    words: list[str], message: str, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """As with `run`, where it would come out first otherwise; flags may stand before TARGET."""
    assert main(["install", "cursor", "g", *words], environ) is ExitCode.USAGE
    assert message in capsys.readouterr().err


def test_a_file_or_an_address_alone_is_no_name(
    environ: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The client calls it as it is called; so `init` can show a line that works as it stands."""
    (tmp_path / "reports.py").touch()
    for target in (str(tmp_path / "reports.py"), "https://reports/mcp"):
        assert main(["install", "cursor", target, "--print", "--json"], environ) is ExitCode.OK
        assert json.loads(capsys.readouterr().out)["name"] == "reports"


def test_an_entry_that_needs_the_emulator_is_told(
    environ: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its exports end with it; `guard` takes them over as well."""
    (tmp_path / "ca.pem").touch()
    tenant = "99999999-9999-4999-8999-999999999999"
    local = environ | {
        "MCP_LOCAL_TENANT_ID": tenant,
        "MCP_LOCAL_CLIENT_ID": tenant,
        "MCP_LOCAL_AUTHORITY": f"https://localhost:1/{tenant}",
        "MCP_LOCAL_CA_FILE": str(tmp_path / "ca.pem"),
    }
    assert main(["install", "cursor", "--print"], local) is ExitCode.OK
    assert "works only while that runs" in (told := capsys.readouterr().err)
    assert "No policy" not in told  # the sample brings one
    file = tmp_path / ".cursor" / "mcp.json"
    file.parent.mkdir()
    file.write_text('{"mcpServers": {"g": {"command": "npx", "args": ["x"]}}}', encoding="utf-8")
    assert main(["guard", "cursor", "g"], local) is ExitCode.OK
    told = capsys.readouterr().err
    assert f"https://localhost:1/{tenant}, and works only" in told
    assert "No policy is named" in told
    assert main(["install", "cursor", "g", "https://x.example/mcp", "--print"], local) == 0
    assert "No policy is named" in capsys.readouterr().err


def test_an_argument_of_this_folder_is_told(
    environ: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A client starts its servers wherever it likes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "server.py").touch()
    words = ["cursor", "g", "--print", "--", sys.executable, "server.py", "--quiet"]
    assert main(["install", *words], environ) is ExitCode.OK
    assert "warning: server.py: a client may start" in capsys.readouterr().err


def test_a_server_that_claude_code_keeps_for_one_folder_is_guarded(
    environ: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What `claude mcp add` writes unless told otherwise is found by its name."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / ".claude.json"
    servers = {"files": {"type": "stdio", "command": "npx", "args": ["x"]}}
    projects = {tmp_path.as_posix(): {"mcpServers": servers}}
    before = json.dumps({"projects": projects, "mcpServers": {"other": {"command": "y"}}})
    file.write_text(before, encoding="utf-8")
    assert main(["guard", "claude-code", "files"], environ) is ExitCode.OK
    after = json.loads(file.read_text(encoding="utf-8"))
    args = after["projects"][tmp_path.as_posix()]["mcpServers"]["files"]["args"]
    assert args == ["run", "--", "npx", "x"]
    assert main(["doctor", "--offline"], environ) is ExitCode.PROBLEMS
    told = capsys.readouterr().out
    assert "For this folder alone, servers of ours: files." in told
    assert "Without a guard: other." in told
    assert main(["unguard", "claude-code", "files"], environ) is ExitCode.OK
    assert file.read_text(encoding="utf-8") == before
