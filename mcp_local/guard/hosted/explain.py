"""What the guard would do, for the offline commands: the very same checks, only written down."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from fastmcp.resources.template import match_uri_template
from fastmcp.server.context import Context

from mcp_local.guard.explained import Explained
from mcp_local.guard.hosted.components import check_of, kind_of, name_of
from mcp_local.guard.hosted.insides import lifespan
from mcp_local.guard.hosted.lookup import find_prompt, find_resource, find_tool
from mcp_local.guard.hosted.root import has_hook
from mcp_local.guard.hosted.tree import Tree
from mcp_local.guard.hosted.user import LiveUser, install
from mcp_local.guard.judge import Judge
from mcp_local.guard.wish import Wish, wishing
from mcp_local.policy.model import Action, Decision, Effect, Kind

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from fastmcp import FastMCP

    from mcp_local.guard.hosted.components import AnyComponent
    from mcp_local.identity.model import VerifiedToken
    from mcp_local.policy.model import Component, Decides, Request

_NOT_ALL_OFFER: Final = {
    Action.COMPLETE: ("completion/complete", "The server offers no completions."),
    Action.SUBSCRIBE: ("resources/subscribe", "Servers of one's own offer no subscriptions."),
}
"""Action → its method, and what to say where nobody answers that."""
_KINDS = {Action.CALL: Kind.TOOL, Action.GET: Kind.PROMPT}


async def inventory(mcp: FastMCP[Any]) -> list[Component]:
    """Return every enabled component, whoever may see it."""
    return [explained.component for explained in await explain_all(mcp, policy=None, token=None)]


async def explain_all(
    mcp: FastMCP[Any], *, policy: Decides | None, token: VerifiedToken | None
) -> list[Explained]:
    """Say of every enabled component whether it is listed to the token's person, and why."""
    wish = Wish(Action.LIST, explained={})
    async with _watching(mcp, policy, token, wish) as decided:
        items = [item for kind in Kind for item in await _list(mcp, kind)]
    admitted = {(kind_of(item), name_of(item), item.version or "") for item in items}
    return [
        Explained(component, decision, _key(component) in admitted)
        for component, decision in decided.items()
    ]


async def explain_use(  # noqa: PLR0913 - what a command line knows, each by its name
    mcp: FastMCP[Any],
    name: str,
    request: Request,
    *,
    policy: Decides | None,
    token: VerifiedToken | None,
    kind: Kind | None = None,
) -> Explained | None:
    """Say what the guard would do with one use; ``None`` where nothing has that name or URI.

    The kind follows from the action where it is left out: call is a tool, get a prompt, and the
    rest a resource or a template.
    """
    wish = Wish(request.action, name, request.arguments, request.client, explained={})
    find = {Kind.TOOL: find_tool, Kind.PROMPT: find_prompt, Kind.RESOURCE: find_resource}
    kind = kind or _KINDS.get(request.action, Kind.RESOURCE)
    async with _watching(mcp, policy, token, wish, request.now) as decided:
        found = await find[kind](mcp, name)
        asked = list(decided)
        if found is None and not asked:  # looked up, its own check comes before ours; listed, after
            await _list(mcp, kind)
            asked = [component for component in decided if _stands_for(component, kind, name)]
    check = None if found is None else check_of(found)
    component = check.components[0] if check else next(iter(asked), None)
    if component not in decided:
        return None
    decision = _not_offered(mcp, request.action) or decided[component]
    return Explained(component, decision, own_auth=check is not None)


def _not_offered(mcp: FastMCP[Any], action: Action) -> Decision | None:
    """Return why nobody can do it, whatever the policy says; ``None`` where the policy decides."""
    method, why = _NOT_ALL_OFFER.get(action, ("", ""))
    return Decision(Effect.DENY, "server", why) if method and not has_hook(mcp, method) else None


@asynccontextmanager
async def _watching(
    mcp: FastMCP[Any],
    policy: Decides | None,
    token: VerifiedToken | None,
    wish: Wish,
    now: float | None = None,
) -> AsyncGenerator[dict[Component, Decision]]:
    """Run the server as ``run`` would, with checks that let through and write down."""
    judge = (
        Judge(policy, lambda: token, None)
        if now is None
        else Judge(policy, lambda: token, None, clock=lambda: now)
    )
    tree = Tree(mcp, judge, None)
    fixed = _Fixed(token)
    install(LiveUser(fixed), fixed)
    decided: dict[Component, Decision] = {}
    wish.explained = decided
    async with lifespan(mcp), Context(fastmcp=mcp):
        await tree.extend()
        try:
            with wishing(wish):
                yield decided
        finally:
            tree.remove()


async def _list(mcp: FastMCP[Any], kind: Kind) -> list[AnyComponent]:
    match kind:
        case Kind.TOOL:
            return [*await mcp.list_tools()]
        case Kind.RESOURCE:
            return [*await mcp.list_resources(), *await mcp.list_resource_templates()]
        case Kind.PROMPT:
            return [*await mcp.list_prompts()]


def _stands_for(component: Component, kind: Kind, name: str) -> bool:
    if component.template and match_uri_template(name, component.name) is not None:
        return kind is Kind.RESOURCE
    return component.kind is kind and component.name == name


class _Fixed:
    """A session in which one person, or nobody, is signed in."""

    def __init__(self, token: VerifiedToken | None) -> None:
        self._token = token

    def current(self) -> VerifiedToken | None:
        return self._token


def _key(component: Component) -> tuple[Kind, str, str]:
    return (component.kind, component.name, component.version)
