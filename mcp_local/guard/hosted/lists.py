"""What a list shows to the person, whatever the target's own middleware makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from fastmcp.prompts import Prompt
from fastmcp.resources import Resource, ResourceTemplate
from fastmcp.server.middleware.dereference import DereferenceRefsMiddleware
from fastmcp.server.middleware.tool_injection import ToolInjectionMiddleware
from fastmcp.tools import Tool

from mcp_local.guard import account
from mcp_local.guard.hosted.components import check_of, name_of
from mcp_local.guard.hosted.lookup import tool_pages
from mcp_local.guard.live import judged_as
from mcp_local.guard.wish import Wish, wishing
from mcp_local.policy.model import Action

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from fastmcp import FastMCP
    from fastmcp.server.middleware import Middleware

    from mcp_local.guard.judge import Judge
    from mcp_local.identity.model import VerifiedToken
    from mcp_local.log import Log
    from mcp_local.policy.model import ClientInfo

T = TypeVar("T", Tool, Resource, ResourceTemplate, Prompt)
_LOGGED = {Tool: "tool", Resource: "resource", ResourceTemplate: "template", Prompt: "prompt"}
"""What the log calls what was listed."""


class Lists:
    """Tools, resources, templates and prompts as one person sees them."""

    def __init__(self, mcp: FastMCP[Any], judge: Judge, log: Log, own: type[Middleware]) -> None:
        self._mcp = mcp
        self._judge = judge
        self._log = log
        self._transparent = (own, DereferenceRefsMiddleware, ToolInjectionMiddleware)
        """Middleware that shows what FastMCP lists, no more and no less."""

    async def shown(
        self,
        kind: type[T],
        token: VerifiedToken,
        client: ClientInfo,
        run: Callable[[], Awaitable[Sequence[T]]],
    ) -> list[T]:
        """Return the target's list without what the person may not see."""
        wish = Wish(Action.LIST, client=client)
        with wishing(wish), judged_as(token):
            visible = await self._visible(kind, await run(), wish)
        shown = [self._marked(item, judged, token) for item, judged in visible]
        self._log.event(
            "list",
            oid=token.identity.object_id,
            client=client.name,
            kind=_LOGGED[kind],
            listed=len(shown),
            hidden=wish.hidden,
        )
        return shown

    async def _visible(self, kind: type[T], items: Sequence[T], wish: Wish) -> list[tuple[T, T]]:
        """Return the items that may be shown, each with what of it the policy has judged."""
        if all(type(part) in self._transparent for part in self._mcp.middleware):
            return [(item, item) for item in await self._judged(items)]
        # Other middleware may have kept the list of another person, or made something up.
        wish.hidden = 0
        listed = {item.key: item for item in await self._judged(await self._straight(kind))}
        return [(item, listed[item.key]) for item in items if item.key in listed]

    async def _straight(self, kind: type[T]) -> Sequence[T]:
        """Return the list as FastMCP makes it, without any middleware."""
        lists: dict[type, Callable[..., Awaitable[Sequence[Any]]]] = {
            Tool: self._mcp.list_tools,
            Resource: self._mcp.list_resources,
            ResourceTemplate: self._mcp.list_resource_templates,
            Prompt: self._mcp.list_prompts,
        }
        return await lists[kind](run_middleware=False)

    async def _judged(self, items: Sequence[T]) -> list[T]:
        """Return what carries the policy, which FastMCP has just asked, and pages of such tools."""
        unguarded = {item.key for item in items if check_of(item) is None}
        if not unguarded:
            return list(items)
        pages = tool_pages(await self._mcp.list_tools(run_middleware=False))
        return [item for item in items if item.key not in unguarded or name_of(item) in pages]

    def _marked(self, item: T, judged: T, token: VerifiedToken) -> T:
        """Return the item, with a mark in its description where it is listed as locked."""
        if not self._judge.locked:
            return item
        check = check_of(judged)
        decision = None if check is None else check.listing(token)
        if decision is None or not self._judge.is_locked(decision):
            return item
        description = f"{account.locked(decision)} {item.description or ''}".rstrip()
        return item.model_copy(update={"description": description})
