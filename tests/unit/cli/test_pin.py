"""``pin``: what people are told of what was approved."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import pytest

from mcp_local.cli.main import main
from mcp_local.errors import ExitCode
from mcp_local.guard.definition_record import (
    TOOLS,
    Definitions,
    Record,
    ServerKey,
    key_of,
)
from mcp_local.guard.record_file import RecordFile
from mcp_local.settings.model import Server

CONFIG = """
client_secret = "hush"
[servers.git]
command = "uvx"
"""


def known(home: Path, key: ServerKey, approved: str, seen: str) -> Record:
    """Write down what a server said of one tool, at first and last."""
    before, after = (Definitions({TOOLS: {"a": {"name": text}}}, "") for text in (approved, seen))
    return RecordFile(home, key).update(lambda _: Record(approved=before, seen=after))


@pytest.fixture
def git(home: Path) -> Record:
    """A server that says something else than it did."""
    home.mkdir()
    (home / "config.toml").write_text(CONFIG, encoding="utf-8")
    return known(home, ServerKey("server-git", "git"), "one", "two")


def run(*words: str) -> ExitCode:
    """Run one command in this process."""
    return main(words, os.environ)


@pytest.mark.usefixtures("git")
@pytest.mark.parametrize("seen", ["", "0", "a0de237028"])
def test_too_little_of_a_hash_approves_nothing(
    seen: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script whose variable is empty would approve whatever is there."""
    assert run("pin", "approve", "git", "--seen", seen) is ExitCode.USAGE
    assert "--seen takes the 12 digits" in capsys.readouterr().err
    assert run("pin", "show", "git") is ExitCode.PROBLEMS


def test_what_was_shown_is_approved(git: Record) -> None:
    """In capitals as well, and whole."""
    assert run("pin", "approve", "git", "--seen", git.offer.upper()) is ExitCode.OK
    assert run("pin", "show", "git") is ExitCode.OK


@pytest.mark.parametrize("named", [("git",), ("--", "uvx", "other server")])
def test_the_command_that_is_shown_approves(
    named: tuple[str, ...], home: Path, git: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names the same server of the same settings, also one that is a command line."""
    config = str((home / "config.toml").rename(home / "my own.toml"))
    if named[0] == "--":
        server = Server("", command=named[1], args=named[2:])
        known(home, key_of(server, Path.cwd()), "one", "two")
    assert run("pin", "show", "--config", config, *named) is ExitCode.PROBLEMS
    _, shown = capsys.readouterr().err.split("mcp-local ")
    assert shlex.split(shown)[:4] == ["pin", "approve", "--seen", git.offer[:12]]
    assert run(*shlex.split(shown)) is ExitCode.OK
    assert run("pin", "show", "--config", config, *named) is ExitCode.OK


@pytest.mark.usefixtures("git")
def test_a_warning_of_the_settings_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    """However often they are read."""
    assert run("pin", "approve", "git") is ExitCode.OK
    assert capsys.readouterr().err.count("client_secret") == 1


def test_servers_of_one_title_are_told_apart(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same command in two folders is two servers; what one says hides nothing of the other."""
    for file, seen in (("command-a", "two"), ("command-b", "one")):
        known(home, ServerKey(file, "python server.py"), "one", seen)
    assert run("pin", "show", "--json") is ExitCode.PROBLEMS
    servers = json.loads(capsys.readouterr().out)["servers"]
    assert [each["changes"] for each in servers] == [1, 0]
