"""A guard before a server that a client has already, from ``guard`` to ``unguard``."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, cast

import pytest

from mcp_local.cli.main import main
from mcp_local.errors import ExitCode
from tests.support.relayed import SERVERS
from tests.support.wire import HANDSHAKE, Wire

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT = {"mcp_local_sign_in", "mcp_local_sign_out", "mcp_local_whoami"}
NEEDY = """
import json, os, sys
assert os.environ["FILES_TOKEN"] == "x"
tool = {"name": "look", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": True}}
hello = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
         "serverInfo": {"name": "needy", "version": "1"}}
for line in sys.stdin:
    asked = json.loads(line)
    result = {"initialize": hello, "tools/list": {"tools": [tool]},
              "tools/call": {"content": [{"type": "text", "text": "look"}]}}.get(asked["method"])
    if "id" in asked:
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result or {}}), flush=True)
"""
"""A server that doesn't start without a variable of its own."""
POOR = {"PATH": "/usr/bin:/bin"}
"""What a desktop client's environment has, and hardly more (CLIENTS.md 8)."""


@pytest.fixture
def environ(home: Path) -> dict[str, str]:
    """Return the environment of somebody who tries roles out."""
    return {
        **POOR,
        "MCP_LOCAL_HOME": str(home),
        "MCP_LOCAL_CONFIG": str(home / "config.toml"),
        "MCP_LOCAL_SIGN_IN": "none",
        "MCP_LOCAL_SIGN_IN_ROLES": "any",
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a client's file with one server in it, which is given a secret of its own."""
    entry = {
        "command": sys.executable,
        "args": [str(SERVERS / "files.py")],
        "env": {"FILES_TOKEN": "the-servers-own"},
    }
    file = tmp_path / "claude.json"
    file.write_text(json.dumps({"mcpServers": {"files": entry}}, indent=3), encoding="utf-8")
    return file


def test_a_guarded_server_shows_only_what_reads_until_it_is_unguarded(
    environ: dict[str, str], file: Path, tmp_path: Path
) -> None:
    """Its variables still reach it, none of ours does; afterwards the file is as it was."""
    before = file.read_bytes()
    words = ["claude-desktop", "files", "--file", str(file)]
    assert main(["guard", *words, "--policy", "preset:read-only"], environ) is ExitCode.OK
    entry = json.loads(file.read_bytes())["mcpServers"]["files"]
    line = [entry["command"], *entry["args"]]
    assert "the-servers-own" not in line
    with Wire(line, tmp_path, era=HANDSHAKE, environ={**POOR, **entry["env"]}) as client:
        client.open()
        listed = cast("list[dict[str, str]]", client.request("tools/list")["result"]["tools"])
        assert {tool["name"] for tool in listed} == {"show_environment"} | ACCOUNT
        found = json.loads(client.text("show_environment"))
        assert found["FILES_TOKEN"] == "the-servers-own"
        assert not [name for name in found if name.startswith("MCP_LOCAL_")]
        assert client.call("write_file")["isError"]
    assert main(["unguard", *words], environ) is ExitCode.OK
    assert file.read_bytes() == before


def test_every_command_hands_on_what_is_named(environ: dict[str, str], tmp_path: Path) -> None:
    """Whoever looks at a wrapped server, or calls its tools, starts it as the client does."""
    needy = tmp_path / "needy.py"
    needy.write_text(NEEDY, encoding="utf-8")
    command = ["--", sys.executable, str(needy)]
    given = {**environ, "FILES_TOKEN": "x", "MCP_LOCAL_POLICY": "preset:read-only"}
    for words in (["tools"], ["can", "look"], ["call", "look"]):
        assert main([*words, "--pass-env", "FILES_TOKEN", *command], given) is ExitCode.OK


@pytest.mark.parametrize("command", ["run", "tools", "policy matrix"])
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--pass-env", "TOKEN"], "none stands after `--`"),
        (["--pass-env", "MCP_LOCAL_TENANT_ID", "--", sys.executable], "may be handed on"),
        (["--pass-env", "A=B", "--", sys.executable], "may be handed on"),
    ],
)
def test_what_may_not_be_handed_on_is_refused(
    command: str,
    words: list[str],
    message: str,
    environ: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Only a command of the command line takes variables, and none of ours."""
    assert main([*command.split(), *words], environ) is ExitCode.USAGE
    assert message in capsys.readouterr().err
