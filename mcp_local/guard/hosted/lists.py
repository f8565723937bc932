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
from mcp_local.guard.judge import Wish, wishing
from mcp_local.guard.live import judged_as
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


class Lists:
    """Tools, resources, templates and prompts as one person sees them."""

    def __init__(self, mcp: FastMCP[Any], judge: Judge, log: Log, own: type[Middleware]) -> None:
        self._mcp = mcp
        self._judge = judge
        self._log = log
        self._transparent = (own, DereferenceRefsMiddleware, ToolInjectionMiddleware)

    async def shown(
        self,
        kind: type[T],
        token: VerifiedToken,
        client: ClientInfo,
        run: Callable[[], Awaitable[Sequence[T]]],
    ) -> list[T]:
        """Return the target's list without what the person may not see."""
        wish = Wish(Action.LIST, client=client)
        with wishing(wish), judged_as(token.identity.key):
            items = await run()
            truth = items
            if not all(
                isinstance(middleware, self._transparent) for middleware in self._mcp.middleware
            ):
                # Somebody else's middleware may have kept the list of another person or made it up.
                wish.hidden = 0
                truth = await self._straight(kind)
            visible = await self._visible(truth)
            shown = [
                self._presented(item, visible[item.key], token)
                for item in items
                if item.key in visible
            ]
        self._log.event(
            "list",
            oid=token.identity.object_id,
            client=client.name,
            kind=kind.__name__,
            listed=len(shown),
            hidden=wish.hidden,
        )
        return shown

    async def _straight(self, kind: type[T]) -> Sequence[T]:
        """Return the list as FastMCP makes it, without any middleware."""
        lists: dict[type, Callable[..., Awaitable[Sequence[Any]]]] = {
            Tool: self._mcp.list_tools,
            Resource: self._mcp.list_resources,
            ResourceTemplate: self._mcp.list_resource_templates,
            Prompt: self._mcp.list_prompts,
        }
        return await lists[kind](run_middleware=False)

    async def _visible(self, truth: Sequence[T]) -> dict[str, T]:
        """Return by key what carries the policy, or is the page of a tool that the person sees."""
        visible: dict[str, T] = {}
        pages: frozenset[str] | None = None
        for item in truth:
            check = check_of(item)
            if check is None:
                if pages is None:
                    pages = tool_pages(list(await self._mcp.list_tools(run_middleware=False)))
                if name_of(item) in pages:
                    visible[item.key] = item
            elif self._judge.admits(check):
                visible[item.key] = item
        return visible

    def _presented(self, item: T, judged: T, token: VerifiedToken) -> T:
        """Return the item, marked where it is listed as locked."""
        check = check_of(judged)
        decision = None if check is None else check.listing(token)
        if decision is None or not self._judge.is_locked(decision):
            return item
        description = f"{account.locked(decision)} {item.description or ''}".rstrip()
        return item.model_copy(update={"description": description})
