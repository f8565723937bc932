"""One log holds the lines of all servers: what it tells of each (docs/rollout.md)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mcp_local.errors import ExitCode
from tests.support import warm
from tests.support.chat import LEGACY, PROGRAM, chat, run

if TYPE_CHECKING:
    from collections.abc import Sequence

LEDGER = Path(__file__).parents[1] / "transcripts" / "servers" / "ledger.py"
HOSTED = """
from fastmcp import FastMCP
import mcp_local

mcp = FastMCP("notes")


@mcp.tool
def find(text: str) -> str:
    return text


if __name__ == "__main__":
    mcp_local.run(mcp, policy="policy.yaml")
"""
POLICY = "version: 1\nmode: observe\n"


@pytest.fixture(name="environ")
def _environ(tmp_path: Path) -> dict[str, str]:
    """Return the environment of somebody with declared roles; there are servers, and a policy."""
    (tmp_path / "notes.py").write_text(HOSTED, encoding="utf-8")
    (tmp_path / "policy.yaml").write_text(POLICY, encoding="utf-8")
    settings = f"[servers.ledger]\ncommand = '{sys.executable}'\nargs = ['-I', '{LEDGER}']\n"
    (tmp_path / "settings.toml").write_text(settings, encoding="utf-8")
    return {
        **os.environ,
        "MCP_LOCAL_HOME": str(tmp_path / "home"),
        "MCP_LOCAL_CONFIG": str(tmp_path / "settings.toml"),
        "MCP_LOCAL_SIGN_IN": "none",
        "MCP_LOCAL_SIGN_IN_ROLES": "Reader",
    }


def serve(words: Sequence[str], environ: dict[str, str], tool: str, program: str = PROGRAM) -> None:
    """Serve to a client that uses one tool."""

    async def session() -> None:
        async with chat(words, environ, era=LEGACY, program=program) as client:
            await client.say(tool, **({"text": "x"} if tool == "find" else {}))

    run(session())


def test_each_line_names_its_server(tmp_path: Path, environ: dict[str, str]) -> None:
    """By its name in the settings, its file, or its program; a policy is made for one of them."""
    notes = tmp_path / "notes.py"
    policy = ("--policy", str(tmp_path / "policy.yaml"))
    serve(("run", "ledger", *policy), environ, "read_rows")
    serve(("run", str(notes), *policy), environ, "find")
    serve((str(notes),), environ, "find", sys.executable)
    serve(("run", *policy, "--", sys.executable, "-I", str(LEDGER)), environ, "read_rows")
    subprocess.run(warm.ours("tools", "ledger", *policy), env=environ, check=True)
    log = (tmp_path / "home" / "log" / "mcp-local.jsonl").read_text(encoding="ascii")
    events = [json.loads(line) for line in log.splitlines()]
    named, *hosted, unnamed = [each["server"] for each in events if each["event"] == "decision"]
    assert (named, hosted) == ("ledger", [str(notes.resolve())] * 2)
    assert unnamed.startswith(f"{Path(sys.executable).name}#")
    assert {each.get("server") for each in events} == {named, hosted[0], unnamed}
    line = [PROGRAM, "policy", "init", "ledger", "--from-log", "--output", "-"]
    done = subprocess.run(line, env=environ, capture_output=True, text=True, check=True)
    assert "read_rows" in done.stdout
    assert "find" not in done.stdout


def test_a_refused_call_starts_its_server_once(tmp_path: Path, environ: dict[str, str]) -> None:
    """Why it was refused is known from what the server told in the session, at first use too."""
    words = ["call", "drop_table", "ledger", "--policy", "preset:read-only"]
    done = subprocess.run(
        warm.ours(*words), env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == ExitCode.DENIED
    assert "drop_table: Not marked read-only by its server." in done.stderr
    log = (tmp_path / "home" / "log" / "mcp-local.jsonl").read_text(encoding="ascii")
    assert log.count('"event":"server_started"') == 1
