"""What the offline commands say of components with a check of their own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from fastmcp import FastMCP

from mcp_local.guard.hosted import explain_use
from mcp_local.policy.deciding.compile import compile_policy
from mcp_local.policy.load import load_policy
from mcp_local.policy.model import USE, Action, Effect, Kind, Request
from mcp_local.policy.reading.parse import parse_policy
from tests.support.people import token_for

if TYPE_CHECKING:
    from pathlib import Path

    from fastmcp.server.auth import AuthContext

    from mcp_local.guard.hosted import Explained

POLICY = "version: 1\nroles:\n  Reader: {tags: [read]}\n  Admin: {tags: [read, delete]}\n"
SOMEBODY = "33333333-3333-4333-8333-333333333333"


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
    token = token_for({"oid": SOMEBODY, "roles": ["Reader"]})
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


@pytest.mark.parametrize(
    ("action", "kind", "name"),
    [
        (Action.SUBSCRIBE, Kind.RESOURCE, "files://open"),
        (Action.COMPLETE, Kind.PROMPT, "greet"),
    ],
)
def test_what_the_server_does_not_offer_nobody_can_do(
    action: Action, kind: Kind, name: str
) -> None:
    """The policy allows everything; no role would help, and so none is named."""
    explained = _everybody_may(_open_server(), action, kind, name)
    assert explained is not None
    assert explained.decision.effect is Effect.DENY
    assert (explained.decision.rule, explained.decision.needs_roles) == ("server", ())


def test_completions_that_a_server_offers_are_for_the_policy() -> None:
    """The same server, with a handler of its author's."""
    mcp = _open_server()

    @mcp.completion
    def complete(*_asked: object) -> list[str]:
        return []

    explained = _everybody_may(mcp, Action.COMPLETE, Kind.PROMPT, "greet")
    assert explained is not None
    assert explained.decision.effect is Effect.ALLOW


def test_what_is_not_there_is_not_explained_by_what_is_not_offered() -> None:
    """A name that stands for nothing stays one."""
    assert _everybody_may(_open_server(), Action.SUBSCRIBE, Kind.RESOURCE, "files://no") is None


def _open_server() -> FastMCP[None]:
    mcp: FastMCP[None] = FastMCP("open")
    mcp.resource("files://open")(lambda: "")

    @mcp.prompt
    def greet() -> str:
        return ""

    return mcp


def _everybody_may(mcp: FastMCP[None], action: Action, kind: Kind, name: str) -> Explained | None:
    policy = compile_policy([parse_policy("version: 1\ndefault: allow\n", "policy.yaml")])
    token = token_for({"oid": SOMEBODY})
    return asyncio.run(
        explain_use(mcp, name, Request(action), policy=policy, token=token, kind=kind)
    )
