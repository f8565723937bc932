"""The composition root."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fastmcp import Client, FastMCP

from mcp_local.broker.session.local import DeclaredSession, LocalSession
from mcp_local.guard.target import FileTarget
from mcp_local.log import read_tail
from mcp_local.log.place import log_file, open_log
from mcp_local.settings import Settings, load
from mcp_local.settings.model import Server
from mcp_local.targets import HostedTarget, RemoteTarget, WrappedTarget
from mcp_local.wiring import choose_policy, guard_server, log_name, open_session

if TYPE_CHECKING:
    from mcp_local.targets import Target

POLICY = "version: 1\nroles:\n  Task.Read: {tags: [read]}\n"
BROKEN = "version: 1\nrolls: {}\n"
DIGITS = "[0-9a-f]{8}"


@pytest.fixture
def settings(home: Path) -> Settings:
    """Settings under which roles are declared."""
    declared = {"MCP_LOCAL_SIGN_IN": "none", "MCP_LOCAL_SIGN_IN_ROLES": "Task.Read"}
    return load({}, {"MCP_LOCAL_HOME": str(home), **declared})


def test_the_nearer_policy_wins(home: Path, tmp_path: Path) -> None:
    """A flag or the environment outranks the server's own, which outranks the settings file."""
    for name in ("own", "file", "environment", "flag"):
        (tmp_path / f"{name}.yaml").write_text(POLICY, encoding="utf-8")
    home.mkdir()
    (home / "config.toml").write_text(f"policy = '{tmp_path / 'file.yaml'}'\n", encoding="utf-8")
    own = str(tmp_path / "own.yaml")
    environ = {"MCP_LOCAL_HOME": str(home)}

    def chosen(flag: str | None, environ: dict[str, str], own: str) -> str:
        path = choose_policy(load({"policy": flag}, environ), own).now.path
        return path.removeprefix(str(tmp_path)).strip("/\\")

    assert chosen(None, environ, "") == "file.yaml"
    assert chosen(None, environ, own) == "own.yaml"
    environ["MCP_LOCAL_POLICY"] = str(tmp_path / "environment.yaml")
    assert chosen(None, environ, own) == "environment.yaml"
    assert chosen(str(tmp_path / "flag.yaml"), environ, own) == "flag.yaml"


def test_a_broken_policy_leaves_the_account_tools_only(
    settings: Settings, home: Path, tmp_path: Path
) -> None:
    """The reason is in the log and told by whoami; nothing is served by a guess."""
    path = tmp_path / "broken.yaml"
    path.write_text(BROKEN, encoding="utf-8")
    server: FastMCP[object] = FastMCP("s")
    server.tool(lambda: "x", name="read_it", tags={"read"})
    log = open_log(settings)
    session = open_session(settings, os.environ, log)
    guard_server(server, str(path), settings, session, log, os.environ)

    async def look() -> tuple[set[str], str]:
        async with Client(server) as client:
            names = {tool.name for tool in await client.list_tools()}
            whoami = await client.call_tool("mcp_local_whoami", {})
            return names, "".join(getattr(block, "text", "") for block in whoami.content)

    names, told = asyncio.run(look())
    assert names == {"mcp_local_sign_in", "mcp_local_sign_out", "mcp_local_whoami"}
    assert "Nothing but the account tools is served" in told
    assert "broken.yaml:2" in told
    assert any('"policy_broken"' in line for line in read_tail(log_file(settings), 10))
    assert log_file(settings).is_relative_to(home)


def test_the_session_is_the_one_that_the_settings_ask_for(settings: Settings) -> None:
    """Roles are declared only where nobody signs in."""
    log = open_log(settings)
    assert isinstance(open_session(settings, {}, log), DeclaredSession)
    environ = {"MCP_LOCAL_HOME": str(settings.home), "MCP_LOCAL_TENANT_ID": "contoso.com"}
    assert isinstance(open_session(load({}, environ), environ, log), LocalSession)


def test_the_log_can_be_heard(settings: Settings) -> None:
    """With --verbose each line is told too."""
    heard: list[str] = []
    open_log(settings, heard.append).event("something")
    assert len(heard) == 1


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (HostedTarget(FileTarget(Path("notes.py"), "app")), "notes.py:app"),
        (HostedTarget(FileTarget(Path("notes.py")), namespace="notes"), "notes"),
        (WrappedTarget(Server("git", command="uvx"), Path()), "git"),
        (
            WrappedTarget(Server("", command="/bin/uvx", args=("--key", "s3")), Path()),
            rf"uvx#{DIGITS}",
        ),
        (RemoteTarget(Server("", url="https://x.example:8/mcp?k=s3")), rf"x\.example:8#{DIGITS}"),
    ],
)
def test_what_the_log_calls_a_server(target: Target, name: str) -> None:
    """A name that tells it from others, without arguments or a query, which may hold a secret."""
    assert re.fullmatch(name, log_name(target))
