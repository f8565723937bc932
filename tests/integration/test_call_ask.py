"""``mcp-local call`` on what needs a yes: it asks on the terminal, and nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support import warm
from tests.support.chat import SERVERS

if TYPE_CHECKING:
    from pathlib import Path

POLICY = """
version: 1
rules:
  - {name: confirm, effect: ask, tools: {names: [add_note]}, reason: Notes are for ever.}
"""
DECLARED = {"MCP_LOCAL_SIGN_IN": "none", "MCP_LOCAL_SIGN_IN_ROLES": "Anyone"}


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    """The command that needs a yes."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY, encoding="utf-8")
    server = str(SERVERS / "notes.py")
    words = ["call", "add_note", server, "--policy", str(policy), "--args", '{"text": "x"}']
    return [*warm.ours(*words)]


def test_without_a_terminal_it_is_denied(command: list[str]) -> None:
    """Exit code 4, and words that say what to do; no browser is opened for it."""
    done = subprocess.run(
        command,
        env={**os.environ, **DECLARED, "BROWSER": "touch %s-opened"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
    )
    assert done.returncode == 4, done.stderr
    assert "add_note needs your yes, and nobody can be asked here." in done.stderr
    assert "Use it in a terminal" in done.stderr
    assert done.stdout == ""


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX's")
@pytest.mark.parametrize(("typed", "code"), [("y\n", 0), ("\n", 4)], ids=["yes", "no"])
def test_on_a_terminal_the_person_is_asked(command: list[str], typed: str, code: int) -> None:
    """With tool, arguments and reason; everything but a yes is a no."""
    ours, theirs = os.openpty()
    os.write(ours, typed.encode())
    done = subprocess.Popen(
        command,
        env={**os.environ, **DECLARED},
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    assert done.stdout is not None
    with done.stdout as stdout:
        answer = stdout.read().decode()
    assert done.wait(30) == code
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    for words in ("May this tool run?", "add_note", 'text: "x"', "Notes are for ever.", "[y/N]"):
        assert words in shown, shown
    assert ("3 notes" in answer) == (code == 0)
    assert ("you didn't say yes" in shown) == (code == 4)
