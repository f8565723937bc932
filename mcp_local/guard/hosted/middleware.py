"""The first FastMCP middleware: every list and every use passes here before anything of the target.

A use is looked up by FastMCP itself, with the policy on every component, before the target hears
of it. What isn't found, whether hidden or not there, takes one and the same way out (M1, M2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from fastmcp.exceptions import AuthorizationError, NotFoundError, to_mcp_error
from fastmcp.prompts import Prompt
from fastmcp.prompts.base import InputRequiredPromptResult
from fastmcp.resources import Resource, ResourceTemplate
from fastmcp.resources.base import InputRequiredResourceResult
from fastmcp.server.middleware import Middleware
from fastmcp.tools import Tool
from fastmcp.tools.base import InputRequiredToolResult, ToolResult
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, INVALID_REQUEST

from mcp_local.guard.account import RESERVED
from mcp_local.guard.decision_log import Outcome
from mcp_local.guard.hosted.client import client_of
from mcp_local.guard.hosted.components import name_of
from mcp_local.guard.hosted.gate import Gate, InputNeeded, Refusal
from mcp_local.guard.hosted.lists import Lists
from mcp_local.guard.hosted.lookup import (
    find_prompt,
    find_reference,
    find_resource,
    find_tool,
    requested_version,
)
from mcp_local.guard.hosted.newcomers import Newcomers
from mcp_local.guard.hosted.tools import AccountTools
from mcp_local.guard.wish import Wish
from mcp_local.policy.model import Action, Kind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    import mcp_types as mt
    from fastmcp import FastMCP
    from fastmcp.prompts.base import PromptResult
    from fastmcp.resources.base import ResourceResult
    from fastmcp.server.middleware import CallNext, MiddlewareContext

    from mcp_local.guard.hold import Hold
    from mcp_local.guard.hosted.asking import Ask, Asker
    from mcp_local.guard.hosted.components import AnyComponent
    from mcp_local.guard.judge import Judge
    from mcp_local.guard.session import Session
    from mcp_local.log import Log
    from mcp_local.policy.live import LivePolicy
    from mcp_local.policy.model import Component

T = TypeVar("T", Tool, Resource, ResourceTemplate, Prompt)
R = TypeVar("R")


class GuardMiddleware(Middleware):
    """Answers for what isn't there, isn't allowed, or needs a sign-in; trims lists."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that `protect` puts together
        self,
        mcp: FastMCP[Any],
        judge: Judge,
        session: Session,
        log: Log,
        hold: Hold,
        asker: Asker,
        policy: LivePolicy,
        announce: Callable[[], None],
    ) -> None:
        self._mcp = mcp
        self._log = log
        self._policy = policy
        self._announce = announce
        """Tells clients that the lists changed."""
        self._hold = hold
        self._asker = asker
        self.newcomers = Newcomers(session, asker)
        invitations = self.newcomers.invitations
        self._gate = Gate(judge, session, log, asker.questions, invitations, self._is_listed)
        self._lists = Lists(mcp, judge, log, GuardMiddleware)
        self._account = AccountTools(session, asker, invitations, policy)
        self._listings: dict[Kind, Callable[[], Awaitable[Sequence[Any]]]] = {
            Kind.TOOL: mcp.list_tools,
            Kind.PROMPT: mcp.list_prompts,
            Kind.RESOURCE: self._all_resources,
        }

    def lead(self) -> None:
        """Come first again, if a lifespan or a tool has put middleware of its own there since."""
        chain = self._mcp.middleware
        if not chain or chain[0] is not self:
            chain[:] = [self, *(part for part in chain if part is not self)]

    async def follow_policy(self) -> None:
        """Follow the policy's files, for ever."""
        await self._policy.watch(self._policy_changed, self._log)

    def _policy_changed(self) -> None:
        self._asker.questions.forget()
        self._announce()

    def abandon(self) -> None:
        """Log the uses that the end of the process cuts off."""
        self._gate.abandon()

    async def on_request(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        """Judge what a completion is asked for; the other methods have hooks of their own."""
        if context.method != "completion/complete":
            return await call_next(context)
        kind, name = _referred(context.message.get("ref"))
        try:
            return await self._use(
                kind,
                Wish(Action.COMPLETE, name, {}, client_of(context)),
                lambda: find_reference(self._mcp, kind, name),
                lambda: call_next(context),
            )
        except Refusal as refusal:
            raise to_mcp_error(_as_error(refusal, f"Unknown reference: {name!r}")) from None

    async def on_call_tool(
        self,
        context: MiddlewareContext[mt.CallToolRequestParams],
        call_next: CallNext[mt.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Let a call through, or answer it as a tool answers."""
        message = context.message
        if message.name in RESERVED:
            return await self._account.call(context)
        wish = Wish(Action.CALL, message.name, message.arguments or {}, client_of(context))
        version = requested_version(message.meta)
        try:
            return await self._use(
                Kind.TOOL,
                wish,
                lambda: find_tool(self._mcp, message.name, version),
                lambda: self.newcomers.run(context, call_next),
                self._asker.of(context),
            )
        except InputNeeded as needed:
            return InputRequiredToolResult(needed.result)
        except Refusal as refusal:
            if refusal.outcome is Outcome.UNKNOWN:
                raise NotFoundError(f"Unknown tool: {message.name!r}") from None
            return ToolResult(refusal.text, is_error=True)

    async def on_read_resource(
        self,
        context: MiddlewareContext[mt.ReadResourceRequestParams],
        call_next: CallNext[mt.ReadResourceRequestParams, ResourceResult],
    ) -> ResourceResult:
        """Let a read through, or answer it with an error."""
        uri = str(context.message.uri)
        version = requested_version(context.message.meta)
        try:
            return await self._use(
                Kind.RESOURCE,
                Wish(Action.READ, uri, {}, client_of(context)),
                lambda: find_resource(self._mcp, uri, version),
                lambda: self.newcomers.run(context, call_next),
                self._asker.of(context),
            )
        except InputNeeded as needed:
            return InputRequiredResourceResult(needed.result)
        except Refusal as refusal:
            raise _as_error(refusal, f"Unknown resource: {uri!r}") from None

    async def on_get_prompt(
        self,
        context: MiddlewareContext[mt.GetPromptRequestParams],
        call_next: CallNext[mt.GetPromptRequestParams, PromptResult],
    ) -> PromptResult:
        """Let a prompt through, or answer with an error."""
        message = context.message
        wish = Wish(Action.GET, message.name, message.arguments or {}, client_of(context))
        version = requested_version(message.meta)
        try:
            return await self._use(
                Kind.PROMPT,
                wish,
                lambda: find_prompt(self._mcp, message.name, version),
                lambda: self.newcomers.run(context, call_next),
                self._asker.of(context),
            )
        except InputNeeded as needed:
            return InputRequiredPromptResult(needed.result)
        except Refusal as refusal:
            raise _as_error(refusal, f"Unknown prompt: {message.name!r}") from None

    async def on_list_tools(
        self,
        context: MiddlewareContext[mt.ListToolsRequest],
        call_next: CallNext[mt.ListToolsRequest, Sequence[Tool]],
    ) -> Sequence[Tool]:
        """Show the account tools and what the person may see."""
        return [*self._account.listed, *await self._list(Tool, context, call_next)]

    async def on_list_resources(
        self,
        context: MiddlewareContext[mt.ListResourcesRequest],
        call_next: CallNext[mt.ListResourcesRequest, Sequence[Resource]],
    ) -> Sequence[Resource]:
        """Show what the person may see."""
        return await self._list(Resource, context, call_next)

    async def on_list_resource_templates(
        self,
        context: MiddlewareContext[mt.ListResourceTemplatesRequest],
        call_next: CallNext[mt.ListResourceTemplatesRequest, Sequence[ResourceTemplate]],
    ) -> Sequence[ResourceTemplate]:
        """Show what the person may see."""
        return await self._list(ResourceTemplate, context, call_next)

    async def on_list_prompts(
        self,
        context: MiddlewareContext[mt.ListPromptsRequest],
        call_next: CallNext[mt.ListPromptsRequest, Sequence[Prompt]],
    ) -> Sequence[Prompt]:
        """Show what the person may see."""
        return await self._list(Prompt, context, call_next)

    async def _list(
        self,
        kind: type[T],
        context: MiddlewareContext[Any],
        call_next: CallNext[Any, Sequence[T]],
    ) -> list[T]:
        client = client_of(context)
        token = await self._gate.person(hold=self._hold.left(client.name))
        if token is None:
            return []
        return await self._lists.shown(kind, token, client, lambda: call_next(context))

    async def _use(
        self,
        kind: Kind,
        wish: Wish,
        find: Callable[[], Awaitable[AnyComponent | None]],
        run: Callable[[], Awaitable[R]],
        ask: Ask | None = None,
    ) -> R:
        """Let a use through; what the target's own filters hide from lists stays unknown."""
        try:
            return await self._gate.use(kind, wish, find, run, ask)
        except AuthorizationError:
            if wish.granted is not None and await self._is_listed(wish.granted):
                raise
            raise Refusal(Outcome.UNKNOWN) from None

    async def _is_listed(self, component: Component) -> bool:
        """Whether the person sees it in the list, all filters of the target included."""
        items = await self._listings[component.kind]()
        return any(name_of(item) == component.name for item in items)

    async def _all_resources(self) -> list[Resource | ResourceTemplate]:
        return [*await self._mcp.list_resources(), *await self._mcp.list_resource_templates()]


def _as_error(refusal: Refusal, unknown: str) -> Exception:
    """Return a refusal as resources and prompts answer it: they have no error results."""
    if refusal.outcome is Outcome.UNKNOWN:
        return NotFoundError(unknown)
    return MCPError(code=INVALID_REQUEST, message=refusal.text)


def _referred(reference: object) -> tuple[Kind, str]:
    """Return what a completion's ``ref`` names.

    Raises:
        MCPError: it names neither a prompt nor a resource.
    """
    match reference:
        case {"type": "ref/prompt", "name": str(name)}:
            return Kind.PROMPT, name
        case {"type": "ref/resource", "uri": str(uri)}:
            return Kind.RESOURCE, uri
        case _:
            raise MCPError(code=INVALID_PARAMS, message="Invalid request parameters", data="")
