"""``run -- COMMAND``: any stdio server behind the guard, over real processes."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

import pytest

from tests.support.relayed import PLAIN, PYTHON, logged, settings_folder
from tests.support.wire import ERAS, Wire

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

POLICY = "version: 1\nroles:\n  any: {tools: [echo, slow]}\n"


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of somebody with role ``any``, and a policy beside."""
    (folder / "own.yaml").write_text(POLICY, encoding="utf-8")
    return settings_folder(folder, ["unused"])


@contextmanager
def spoken(folder: Path, *words: str, stdout: int = subprocess.DEVNULL) -> Generator[IO[str]]:
    """Give the standard error of a ``run`` whose client stays."""
    with subprocess.Popen(
        [*PYTHON, "run", *words],
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=environment(folder),
        cwd=folder,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        yield process.stderr
        process.stdin.close()


@pytest.mark.parametrize("era", ERAS)
def test_a_command_is_wrapped(era: str, tmp_path: Path) -> None:
    """It is guarded by the policy that is named, and its settings are read while it starts."""
    command = ("run", "--policy", "own.yaml", "--", sys.executable, PLAIN, str(tmp_path))
    with Wire((*PYTHON, *command), tmp_path, era=era, environ=environment(tmp_path)) as wire:
        assert wire.open()["result"]["capabilities"]["tools"] == {"listChanged": True}
        names = [tool["name"] for tool in wire.request("tools/list")["result"]["tools"]]
        assert names[3:] == ["echo", "slow"]
        assert wire.text("echo", {"text": "hi"}) == "hi"
        assert wire.text("secret") == "Unknown tool: 'secret'"
    assert (tmp_path / "ran").read_text(encoding="utf-8").splitlines()[-1] == "tools/call echo"
    assert {line["outcome"] for line in logged(tmp_path, "decision")} == {"ok", "unknown"}
    assert logged(tmp_path, "server_started")


def test_the_last_words_of_a_client_are_answered(tmp_path: Path) -> None:
    """A script that writes all it has to say and closes its end gets its answers."""
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x"}}
    lines = [
        {"id": 1, "method": "initialize", "params": hello},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "ping"},
    ]
    done = subprocess.run(
        [*PYTHON, "run", "--", sys.executable, PLAIN, str(tmp_path)],
        input="".join(json.dumps({"jsonrpc": "2.0", **line}) + "\n" for line in lines),
        env=environment(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == [1, 2]


@pytest.mark.parametrize("words", [["--", sys.executable, PLAIN, "."], ["it"]])
def test_settings_that_are_wrong_end_it(tmp_path: Path, words: list[str]) -> None:
    """Though the command was started before they were read: exit code 2 and what is wrong."""
    environ = settings_folder(tmp_path, [sys.executable, PLAIN, "."])
    for name in ("MCP_LOCAL_SIGN_IN", "MCP_LOCAL_SIGN_IN_ROLES"):
        del environ[name]
    with subprocess.Popen(
        [*PYTHON, "run", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environ,
        cwd=tmp_path,
    ) as process:
        assert process.wait(30) == 2
        assert process.stderr is not None
        assert b"`tenant` and `client_id` are not set." in process.stderr.read()
    assert logged(tmp_path, "not_served")


@pytest.mark.parametrize("stdout", [subprocess.PIPE, subprocess.DEVNULL])
def test_a_broken_policy_is_told_while_the_server_runs(tmp_path: Path, stdout: int) -> None:
    """Whatever standard output is: it was taken for the protocol by then."""
    words = ["--policy", "absent.yaml", "--", sys.executable, PLAIN, str(tmp_path)]
    with spoken(tmp_path, *words, stdout=stdout) as stderr:
        said = stderr.readline()
    assert said.startswith("error: The policy ")
    assert "absent.yaml can't be read" in said


def test_why_nothing_is_served_stands_on_standard_error(tmp_path: Path) -> None:
    """Many clients keep it as the log of the server; exit code 5."""
    done = subprocess.run(
        [*PYTHON, "run", "--", "no-such-command"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment(tmp_path),
        cwd=tmp_path,
        text=True,
        timeout=30,
        check=False,
    )
    assert "error: The command 'no-such-command' is not on the PATH.\n" in done.stderr
    assert "Install it first" in done.stderr
    assert "mcp-local logs" not in done.stderr
    assert done.returncode == 5


def test_what_a_server_said_last_stands_beside_it(tmp_path: Path) -> None:
    """Nobody who reads the client's log must know of ours to learn that a variable is missing."""
    script = "import sys; sys.exit('Please set NEED to your key.')"
    with spoken(tmp_path, "--", sys.executable, "-I", "-S", "-c", script) as stderr:
        said = [stderr.readline() for _ in range(3)]
    assert said[0].endswith(" ended with exit code 1.\n")
    assert said[1:] == ["  Please set NEED to your key.\n", "  More of it: mcp-local logs\n"]


def test_a_variable_that_is_not_there_to_hand_on_is_told(tmp_path: Path) -> None:
    """A server without its key fails in words of its own, or not at all."""
    environ = settings_folder(
        tmp_path, [sys.executable, PLAIN, str(tmp_path)], env={"KEY": "${THEIR_KEY}"}
    )
    for extra, told in (({}, True), ({"THEIR_KEY": "x"}, False)):
        done = subprocess.run(
            [*PYTHON, "tools", "it"],
            env=environ | extra,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        assert ("There is no THEIR_KEY to hand on: it starts without it." in done.stderr) is told
    (line,) = logged(tmp_path, "variable_missing")
    assert line["variable"] == "THEIR_KEY"
