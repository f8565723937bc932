"""``logs`` and ``settings``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mcp_local.cli.main import main
from mcp_local.cli.upkeep import _follow  # pyright: ignore[reportPrivateUsage]
from mcp_local.errors import ExitCode
from mcp_local.log import Log
from mcp_local.log.writer import Rotation


@pytest.fixture
def log(home: Path) -> Log:
    """Return the log that the command shows."""
    return Log(
        home / "log" / "mcp-local.jsonl", "debug", "json", rotation=Rotation(max_bytes=5_000)
    )


def run(*words: str) -> ExitCode:
    """Run one command in this process."""
    return main(words, os.environ)


def test_the_last_lines_are_shown(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    """For people without the process number; anything but info is marked."""
    for number in range(5):
        log.event("decision", component=f"tool-{number}", empty="")
    log.event("refused", level="warning", text="\x1b[31m")
    assert run("logs", "-n", "2") is ExitCode.OK
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith(" decision component=tool-4")
    assert second.endswith(" refused [warning] text=\\x1b[31m")


def test_scripts_get_the_lines_as_they_are(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    """One JSON document a line."""
    log.event("decision", component="a")
    assert run("logs", "--json") is ExitCode.OK
    assert json.loads(capsys.readouterr().out)["component"] == "a"


def test_a_log_as_text_is_shown_as_it_is(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The settings may ask for text."""
    Log(home / "log" / "mcp-local.jsonl", "info", "text").event("decision", component="a")
    assert run("logs") is ExitCode.OK
    assert "INFO" in capsys.readouterr().out


def test_an_empty_log_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    """It says where the log will be."""
    assert run("logs") is ExitCode.OK
    assert "nothing in" in capsys.readouterr().err


def test_broken_settings_hide_no_log(
    log: Log, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The log is looked into when something is wrong; what is wrong is told beside it."""
    log.event("decision", component="a")
    (home / "config.toml").write_text("[[[", encoding="utf-8")
    assert run("logs", "--json") is ExitCode.OK
    told = capsys.readouterr()
    assert json.loads(told.out)["component"] == "a"
    assert "config.toml" in told.err


def test_a_negative_number_of_lines_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    """It is told as wrong usage."""
    assert run("logs", "--lines=-1") is ExitCode.USAGE
    assert "--lines" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="folders have no such permissions")
def test_a_log_that_can_not_be_read_is_an_error(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder in its place, say."""
    (home / "log" / "mcp-local.jsonl").mkdir(parents=True)
    assert run("logs") is ExitCode.FAULT
    assert "can't be read" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT is sent otherwise there")
def test_following_survives_rotation(log: Log) -> None:
    """No line is lost when the file is moved away while somebody watches."""
    log.event("before")
    line = [sys.executable, "-m", "mcp_local", "logs", "-f", "--json"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, encoding="utf-8") as process:
        output = process.stdout
        assert output is not None
        watchdog = threading.Timer(30, process.kill)
        watchdog.start()
        assert json.loads(output.readline())["event"] == "before"
        wanted = 40
        for number in range(wanted):
            log.event("event", number=number, filler="x" * 60)
        log.event("end")
        seen: list[int] = []
        while (record := json.loads(output.readline()))["event"] != "end":
            if record["event"] == "event":
                seen.append(record["number"])
        watchdog.cancel()
        process.send_signal(signal.SIGINT)
    assert seen == list(range(wanted))


def test_following_reads_a_file_to_its_end_before_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line that is written between the last look and the rotation is seen, too."""
    path = tmp_path / "log.jsonl"
    path.write_text("one\n", encoding="ascii")
    lines = _follow(path, 10)
    assert next(lines) == "one"
    look = Path.stat

    def rotated_meanwhile(self: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        if self == path:
            monkeypatch.setattr(Path, "stat", look)
            path.write_text("one\ntwo\n", encoding="ascii")
            path.rename(tmp_path / "log.jsonl.1")
            path.write_text("three\n", encoding="ascii")
        return look(self, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", rotated_meanwhile)
    assert [next(lines), next(lines)] == ["two", "three"]


def test_following_waits_for_the_file_that_comes_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between a rotation and the next line there is none, whichever moment that comes to light."""
    path = tmp_path / "log.jsonl"

    def is_made(_seconds: float) -> None:
        path.write_text("one\n", encoding="ascii")

    def was_there(_self: Path) -> bool:
        return True

    monkeypatch.setattr(Path, "exists", was_there)
    monkeypatch.setattr(time, "sleep", is_made)
    assert next(_follow(path, 10)) == "one"


def test_settings_are_shown_with_their_places(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table for people, a document for scripts; unused secrets are warned of, never shown."""
    monkeypatch.setenv("MCP_LOCAL_CLIENT_SECRET", "hush-hush")
    assert run("settings", "show", "--tenant", "contoso.com", "--json") is ExitCode.OK
    said = capsys.readouterr()
    shown = {each["name"]: each for each in json.loads(said.out)["settings"]}
    assert shown["tenant"] == {
        "name": "tenant",
        "value": "contoso.com",
        "source": "flag",
        "place": "--tenant",
    }
    assert "MCP_LOCAL_CLIENT_SECRET" in said.err
    assert "hush-hush" not in said.err + said.out
    assert run("settings") is ExitCode.OK
    assert "log.format" in capsys.readouterr().out


def test_a_pipe_is_given_whole_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is looked for by a program must not be folded, however narrow the terminal is."""
    long = f"/policies/{'x' * 300}.yaml"
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("MCP_LOCAL_POLICY", long)
    assert run("settings", "show") is ExitCode.OK
    assert long in capsys.readouterr().out
