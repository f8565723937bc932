"""A namespace is the mount prefix in a hosted server (POLICY.md 9): in lists and in uses."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.support import warm
from tests.support.wire import HANDSHAKE, Wire

if TYPE_CHECKING:
    from pathlib import Path

SERVER = """
from fastmcp import FastMCP

mcp, files, deep = FastMCP("app"), FastMCP("files"), FastMCP("deep")

@mcp.tool
def fs_look_alike() -> str: return "outside"

@files.tool
def look() -> str: return "looked"

@files.resource("notes://today")
def today() -> str: return "note"

@files.resource("pages://{name}")
def page(name: str) -> str: return name

@files.prompt
def hello() -> str: return "hello"

@deep.tool
def dig() -> str: return "dug"

files.mount(deep, namespace="deep")
mcp.mount(files, namespace="fs")
"""
NAMED = "rules: [{name: r, effect: allow, %s}]"
ALL = ", ".join(f"{kind}: {{namespaces: [%s]}}" for kind in ("tools", "resources", "prompts"))


@pytest.fixture
def environ(tmp_path: Path, home: Path) -> dict[str, str]:
    """A server file in the folder; return the environment of somebody who tries it out."""
    (tmp_path / "server.py").write_text(SERVER, encoding="utf-8")
    ours = {"MCP_LOCAL_HOME": str(home), "MCP_LOCAL_POLICY": str(tmp_path / "policy.yaml")}
    others = {name: each for name, each in os.environ.items() if not name.startswith("MCP_LOCAL_")}
    return others | ours | {"MCP_LOCAL_SIGN_IN": "none", "MCP_LOCAL_SIGN_IN_ROLES": "any"}


@pytest.mark.parametrize(
    ("namespace", "tools"),
    [("fs", {"fs_look", "fs_deep_dig"}), ("FS", set[str]()), ("deep", set[str]())],
)
def test_rules_ask_for_the_mount_prefix(
    namespace: str, tools: set[str], environ: dict[str, str], tmp_path: Path
) -> None:
    """The outermost one, exactly; a name that looks like it lies outside."""
    about = ALL.replace("%s", namespace)
    (tmp_path / "policy.yaml").write_text(NAMED % about, encoding="utf-8")
    words = warm.ours("run", "server.py")
    with Wire(words, tmp_path, era=HANDSHAKE, environ=environ) as wire:
        wire.open()
        listed = wire.request("tools/list")["result"]["tools"]
        assert {each["name"] for each in listed if "mcp_local" not in each["name"]} == tools
        for name, text in (("fs_look", "looked"), ("fs_deep_dig", "dug")):
            assert (wire.text(name) == text) is (name in tools)
        assert wire.call("fs_look_alike")["isError"]
        for uri in ("notes://fs/today", "pages://fs/one"):
            assert ("result" in wire.request("resources/read", {"uri": uri})) is bool(tools)
        assert ("result" in wire.request("prompts/get", {"name": "fs_hello"})) is bool(tools)
