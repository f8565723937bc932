"""The command line's edge."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from mcp_local.cli.catalogue import MODULES
from mcp_local.cli.console import Console
from mcp_local.cli.context import Context
from mcp_local.cli.main import at_edge, main
from mcp_local.errors import Denied, ExitCode, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GUID = "11111111-2222-4333-8444-555555555555"


def raising(error: BaseException) -> Callable[[], ExitCode]:
    """Return an action that fails."""

    def action() -> ExitCode:
        raise error

    return action


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """The version is data."""
    assert main(["--version"], {}) is ExitCode.OK
    assert capsys.readouterr().out.startswith("mcp-local ")


def test_the_help_of_a_command_is_data(capsys: pytest.CaptureFixture[str]) -> None:
    """Help that was asked for goes to stdout and is no failure."""
    assert main(["login", "--help"], {}) is ExitCode.OK
    assert capsys.readouterr().out.startswith("usage: mcp-local login")


def test_the_overview_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """In groups, each with one line."""
    assert main(["-h"], {}) is ExitCode.OK
    said = capsys.readouterr().out
    for name in MODULES:
        assert f"\n  {name} " in said


@pytest.mark.skipif(sys.platform == "win32", reason="a folder in use can't be removed there")
@pytest.mark.parametrize("words", [["tools"], ["whoami"], ["run", "server.py"], ["doctor"]])
def test_a_working_folder_that_is_gone_is_no_fault_of_ours(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As in a terminal whose folder was removed elsewhere."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    code = main(["--tenant", "contoso.com", "--client-id", GUID, *words], os.environ)
    monkeypatch.chdir(tmp_path)
    assert code is ExitCode.USAGE
    assert "The working folder is gone." in capsys.readouterr().err


def test_a_file_that_is_missing_where_the_folder_is_there_is_our_fault(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Somebody should have looked for it."""
    assert at_edge(Console(), raising(FileNotFoundError("secret"))) is ExitCode.FAULT
    said = capsys.readouterr().err
    assert "A fault in mcp-local: FileNotFoundError" in said
    assert "secret" not in said


def test_an_unknown_flag_without_a_command_is_wrong_usage(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is named."""
    assert main(["--wersion"], {}) is ExitCode.USAGE
    assert "'--wersion'" in capsys.readouterr().err


def test_dashes_without_a_command_are_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    """They promise one."""
    assert main(["run", "--"], {}) is ExitCode.USAGE
    assert "no command stands after --" in capsys.readouterr().err


def test_json_before_the_command_holds_too(capsys: pytest.CaptureFixture[str]) -> None:
    """A failure is a document wherever the flag stands."""
    assert main(["--json", "whomai"], {}) is ExitCode.USAGE
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "usage"


def test_json_of_a_command_that_is_wrapped_is_not_ours(capsys: pytest.CaptureFixture[str]) -> None:
    """What stands after -- belongs to another program."""
    assert main(["whomai", "--", "--json"], {}) is ExitCode.USAGE
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Denied("no"), ExitCode.DENIED),
        (Unreachable("away"), ExitCode.UNREACHABLE),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
        (ZeroDivisionError("eyJhbGciOiJub25lIn0.secret"), ExitCode.FAULT),
    ],
)
def test_whatever_happens_ends_with_a_code(
    error: BaseException, code: ExitCode, capsys: pytest.CaptureFixture[str]
) -> None:
    """Never a traceback, never the text of a foreign exception."""
    assert at_edge(Console(), raising(error)) is code
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    assert "secret" not in said.err


def test_a_fault_says_where_and_verbose_says_more(capsys: pytest.CaptureFixture[str]) -> None:
    """The place is told; with --verbose the traceback, without what looks like a token."""
    token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
    console = Console(verbose=True)
    assert at_edge(console, raising(ZeroDivisionError(token))) is ExitCode.FAULT
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert "ZeroDivisionError at" in said
    assert token not in said


@pytest.mark.parametrize("words", [["login", "--help"], ["whomai", "--json"]])
def test_a_reader_that_went_away_is_no_fault(words: list[str]) -> None:
    """As with ``| head``: help and errors, too, end quietly when nobody reads them."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "mcp_local", *words],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(writer)
    assert "Traceback" not in done.stderr
    assert done.returncode == ExitCode.OK


@pytest.mark.usefixtures("forks")
def test_a_servers_code_is_not_told_the_passphrase(tmp_path: Path) -> None:
    """M14: a tool that shows its environment, or starts something, gives nothing away."""
    server = tmp_path / "server.py"
    server.write_text(
        "import os\n"
        "from fastmcp import FastMCP\n"
        "mcp = FastMCP()\n"
        "@mcp.tool(tags={'x'})\n"
        "def show() -> str:\n"
        "    return repr(dict(os.environ))\n",
        encoding="utf-8",
    )
    policy = tmp_path / "policy.yaml"
    policy.write_text("roles: {R: {tags: [x]}}", encoding="utf-8")
    environ = os.environ | {
        "MCP_LOCAL_HOME": str(tmp_path / "home"),
        "MCP_LOCAL_SIGN_IN": "none",
        "MCP_LOCAL_SIGN_IN_ROLES": "R",
        "MCP_LOCAL_CACHE_PASSPHRASE": "canary",
    }
    line = ["call", "show", str(server), "--policy", str(policy)]
    done = subprocess.run(
        [sys.executable, "-m", "mcp_local", *line],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "MCP_LOCAL_SIGN_IN_ROLES" in done.stdout
    assert "canary" not in done.stdout + done.stderr


def test_a_command_does_not_show_its_environment() -> None:
    """Not in a traceback or a log either: the passphrase may be in it."""
    assert "canary" not in repr(Context(Console(), {"MCP_LOCAL_CACHE_PASSPHRASE": "canary"}, []))
