"""What the offline commands say of components with a check of their own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from fastmcp import FastMCP

from mcp_local.guard.hosted import explain_use
from mcp_local.policy.load import load_policy
from mcp_local.policy.model import Action, Effect, Kind, Request
from tests.support.people import token_for

if TYPE_CHECKING:
    from pathlib import Path

    from fastmcp.server.auth import AuthContext

    from mcp_local.guard.hosted import Explained

POLICY = "version: 1\nroles:\n  Reader: {tags: [read]}\n  Admin: {tags: [read, delete]}\n"
USE = {Kind.TOOL: Action.CALL, Kind.RESOURCE: Action.READ, Kind.PROMPT: Action.GET}


def _no(context: AuthContext) -> bool:
    del context
    return False


def _server() -> FastMCP[None]:
    mcp: FastMCP[None] = FastMCP("own checks")

    @mcp.tool(tags={"read"}, auth=_no)
    def look() -> str:
        return ""

    @mcp.tool(tags={"delete"}, auth=_no)
    def wipe() -> str:
        return ""

    @mcp.resource("files://all", tags={"read"}, auth=_no)
    def files() -> str:
        return ""

    @mcp.resource("files://{name}/text", tags={"read"}, auth=_no)
    def file(name: str) -> str:
        return name

    @mcp.prompt(tags={"read"}, auth=_no)
    def sum_up() -> str:
        return ""

    return mcp


def _explain(folder: Path, kind: Kind, name: str) -> Explained | None:
    path = folder / "policy.yaml"
    path.write_text(POLICY, encoding="utf-8")
    token = token_for({"oid": "33333333-3333-4333-8333-333333333333", "roles": ["Reader"]})
    request = Request(USE[kind])
    return asyncio.run(explain_use(_server(), name, request, policy=load_policy(path), token=token))


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Kind.TOOL, "look"),
        (Kind.RESOURCE, "files://all"),
        (Kind.RESOURCE, "files://a/text"),
        (Kind.PROMPT, "sum_up"),
    ],
)
def test_own_check_that_refuses_hides_nothing_from_the_person(
    tmp_path: Path, kind: Kind, name: str
) -> None:
    """It is there, the policy allows it, its own check doesn't: all of it is told."""
    explained = _explain(tmp_path, kind, name)
    assert explained is not None
    assert explained.component.kind is kind
    assert explained.decision.effect is Effect.ALLOW
    assert not explained.own_auth


def test_both_refuse(tmp_path: Path) -> None:
    """The policy's reason is there too, with the role that is missing."""
    explained = _explain(tmp_path, Kind.TOOL, "wipe")
    assert explained is not None
    assert explained.decision.needs_roles == ("Admin",)
    assert not explained.own_auth


@pytest.mark.parametrize("kind", Kind)
def test_nothing_of_that_name(tmp_path: Path, kind: Kind) -> None:
    """What isn't there isn't explained, in any kind."""
    assert _explain(tmp_path, kind, "files://nothing") is None
