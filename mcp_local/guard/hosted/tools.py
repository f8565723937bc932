"""The account tools as FastMCP tools: always there, whoever is signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastmcp.tools import Tool
from fastmcp.tools.base import InputRequiredToolResult, ToolResult
from mcp_types import ToolAnnotations

from mcp_local.guard import account
from mcp_local.guard.clean import clean
from mcp_local.guard.clients import known
from mcp_local.guard.hosted.client import client_of
from mcp_local.guard.question import sign_out_question
from mcp_local.guard.questions import Answer

if TYPE_CHECKING:
    from fastmcp.server.middleware import MiddlewareContext
    from mcp_types import CallToolRequestParams

    from mcp_local.guard.hosted.asking import Asker
    from mcp_local.guard.invitations import Invitations
    from mcp_local.guard.session import Session
    from mcp_local.policy.live import LivePolicy


def account_tools() -> list[Tool]:
    """Return them as they are listed."""
    return [
        Tool(
            name=tool.name,
            title=tool.title,
            description=tool.description,
            parameters=tool.parameters,
            annotations=ToolAnnotations(
                read_only_hint=tool.read_only, destructive_hint=False, open_world_hint=True
            ),
        )
        for tool in account.TOOLS
    ]


class AccountTools:
    """Answers calls of the account tools."""

    def __init__(
        self, session: Session, asker: Asker, invitations: Invitations, policy: LivePolicy
    ) -> None:
        self._session = session
        self._asker = asker
        self._invitations = invitations
        self._policy = policy
        self.listed = account_tools()

    async def call(self, context: MiddlewareContext[CallToolRequestParams]) -> ToolResult:
        """Answer a call of the account tool that the message names."""
        match context.message.name:
            case account.SIGN_IN:
                return await self._sign_in(context)
            case account.WHOAMI:
                return await self._whoami(context.message.arguments or {})
            case _:
                return await self._sign_out(context)

    async def _sign_in(self, context: MiddlewareContext[CallToolRequestParams]) -> ToolResult:
        ask = self._asker.of(context)
        put = ask.put if ask.opens_pages else None
        async with ask.signing_in():
            needed = await self._invitations.sign_in(put, by_person=True)
        if needed is not None:
            return InputRequiredToolResult(needed)
        status = self._session.status()
        text = account.signed_in(status, rereads=known(client_of(context).name).rereads)
        return ToolResult(text, is_error=not status.signed_in)

    async def _whoami(self, arguments: dict[str, Any]) -> ToolResult:
        await self._session.ready()
        refresh = arguments.get("refresh") is True
        status = await self._session.refresh() if refresh else self._session.status()
        policy = self._policy.now
        text = "\n".join(filter(None, [account.who(status), clean(policy.notice)]))
        return ToolResult(text, structured_content=account.whoami(status) | policy.marks())

    async def _sign_out(self, context: MiddlewareContext[CallToolRequestParams]) -> ToolResult:
        """Sign out once the person, not the model, said yes; no way to ask is a no."""
        await self._session.ready()
        before = self._session.status()
        if not before.signed_in:
            return ToolResult(account.signed_out(before))
        question = sign_out_question((before.tenant_id, before.object_id))
        answer = await self._asker.put(context, question, page=False)
        if not isinstance(answer, Answer):
            return InputRequiredToolResult(answer)
        if answer is not Answer.YES or self._session.status().object_id != before.object_id:
            return ToolResult(account.NOT_SIGNED_OUT, is_error=True)
        return ToolResult(account.signed_out(await self._session.sign_out()))
