"""However a tool is called, nothing runs that the policy forbids, and what isn't listed never runs.

The full count of SECURITY.md M26: ``pytest -m heavy tests/properties/test_hosted_calls.py``.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import pytest
from fastmcp import Client, Context, FastMCP, FastMCPApp
from fastmcp.exceptions import NotFoundError, ToolError
from fastmcp.server.middleware.tool_injection import ToolInjectionMiddleware
from fastmcp.server.providers.addressing import hashed_backend_name
from fastmcp.server.transforms.search import RegexSearchTransform
from fastmcp.tools import Tool
from fastmcp.utilities.versions import VersionSpec

from mcp_local.guard.hosted import protect
from mcp_local.log import Log
from mcp_local.policy.deciding.compile import compile_policy
from mcp_local.policy.reading.parse import parse_policy
from tests.support.people import MemorySession, person

if TYPE_CHECKING:
    from pathlib import Path

TAGS = ("read", "write", "admin", "delete")
POLICY = """
version: 1
roles:
  Read: {tags: [read], tools: [attic_call_tool, around]}
  Write: {includes: [Read], tags: [write]}
  All: {includes: [Write], tags: [admin]}
  Admin: {includes: [All], tags: [delete]}
  Odd: {tools: [kid_write_1, "attic_*"], tags: [delete]}
"""
GRANTS = {
    "Read": {"read"},
    "Write": {"read", "write"},
    "All": {"read", "write", "admin"},
    "Admin": set(TAGS),
    "Odd": {"delete"},
}
"""What each role grants by tag, worked out by hand."""


class Server:
    """A server with many tools by many ways; ``ran`` holds the tag and name of what ran."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, str]] = []
        self.mcp = FastMCP("root", middleware=[ToolInjectionMiddleware(self._injected())])
        self._fill(self.mcp, "")
        self._mount("kid", search=False)
        self._mount("attic", search=True)
        app = FastMCPApp("crm")
        app.tool(self._tool("none", "save"), name="save")
        self.mcp.add_provider(app)

        @self.mcp.tool
        async def around(ctx: Context, name: str, *, run_middleware: bool) -> str:
            """Call another tool from within."""
            try:
                await ctx.fastmcp.call_tool(name, {}, run_middleware=run_middleware)
            except (NotFoundError, ToolError):
                return "refused"
            return "ran"

    def _tool(self, tag: str, name: str) -> Any:
        def tool() -> str:
            self.ran.append((tag, name))
            return tag

        return tool

    def _fill(self, mcp: FastMCP[Any], prefix: str) -> None:
        for tag in TAGS:
            for number in (1, 2):
                name = f"{tag}_{number}"
                mcp.tool(self._tool(tag, f"{prefix}{name}"), name=name, tags={tag})
        for version, tag in (("1", "read"), ("2", "write"), ("3", "delete")):
            tool = self._tool(tag, f"{prefix}edition")
            mcp.tool(tool, name="edition", version=version, tags={tag})

    def _mount(self, namespace: str, *, search: bool) -> None:
        child = FastMCP(namespace)
        self._fill(child, f"{namespace}_")
        if search:
            child.add_transform(RegexSearchTransform())
        self.mcp.mount(child, namespace=namespace)

    def _injected(self) -> list[Tool]:
        return [
            Tool.from_function(
                self._tool(tag, f"injected_{tag}"), name=f"injected_{tag}", tags={tag}
            )
            for tag in TAGS
        ]


NAMES = [
    *(f"{prefix}{tag}_{n}" for prefix in ("", "kid_", "attic_") for tag in TAGS for n in (1, 2)),
    *(f"injected_{tag}" for tag in TAGS),
    *("edition", "kid_edition", "attic_edition", "save", hashed_backend_name("crm", "save")),
    *("absent", "READ_1", "kid_kid_read_1", "mcp_local_read_1"),
]


def one_call(chance: random.Random) -> tuple[str, dict[str, Any], VersionSpec | None]:
    """Return the name, arguments and version of some call."""
    name = chance.choice(NAMES)
    version = None
    if chance.random() < 0.3:
        version = VersionSpec(eq=chance.choice(["1", "2", "3", "9"]))
    way = chance.random()
    if way < 0.2:
        return "around", {"name": name, "run_middleware": chance.random() < 0.5}, None
    if way < 0.4:
        return "attic_call_tool", {"name": name.removeprefix("attic_"), "arguments": {}}, None
    return name, {}, version


async def use(
    mcp: FastMCP[Any], name: str, arguments: dict[str, Any], version: VersionSpec | None
) -> bool:
    """Call a tool as FastMCP's handler of the method does; return whether it went well."""
    try:
        result = await mcp.call_tool(name, arguments, version=version)
    except (NotFoundError, ToolError):
        return False
    return not result.is_error


def allowed(roles: list[str], tag: str, name: str) -> bool:
    """Whether any of the roles grants it, by the table and not by the engine."""
    if tag in set[str]().union(*(GRANTS[role] for role in roles)):
        return True
    return "Odd" in roles and (name == "kid_write_1" or name.startswith("attic_"))


async def calls(count: int, seed: int, folder: Path) -> int:
    """Make ``count`` calls in changing roles; return how many tools ran."""
    chance = random.Random(seed)  # noqa: S311 - a test repeats itself
    server, session = Server(), MemorySession()
    policy = compile_policy([parse_policy(POLICY, "policy.yaml")])
    protect(server.mcp, policy=policy, session=session, log=Log(folder / "log", "error"), hold=0)
    total = 0
    async with Client(server.mcp):  # its first request puts the guard on all that is mounted
        while count > 0:
            roles = chance.sample(list(GRANTS), chance.choice([0, 1, 1, 2]))
            session.token = person("ada", *roles) if chance.random() < 0.9 else None
            listed = {tool.name for tool in await server.mcp.list_tools()}
            for _ in range(min(count, 25)):
                count -= 1
                name, arguments, version = one_call(chance)
                done = await use(server.mcp, name, arguments, version)
                for tag, ran in server.ran:
                    assert session.token is not None
                    assert allowed(roles, tag, ran), (roles, name, arguments, version, tag, ran)
                    assert ran in listed or ran.startswith("attic_")  # found by its search
                if name not in listed and not name.startswith("attic_"):
                    assert not done
                    assert server.ran == []
                total += len(server.ran)
                server.ran.clear()
    return total


@pytest.mark.parametrize("count", [400, pytest.param(100_000, marks=pytest.mark.heavy)])
@pytest.mark.timeout(1800)
def test_nothing_runs_that_the_policy_forbids(count: int, tmp_path: Path) -> None:
    """Random calls in random roles by name, version, hash, search, and from within (M26)."""
    ran = asyncio.run(calls(count, count, tmp_path))
    assert ran > count // 20, "a guard that refuses everything proves nothing"
