"""The account tools as FastMCP tools: always there, whoever is signed in."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any, Final

import anyio
from fastmcp.tools import Tool
from fastmcp.tools.base import InputRequiredToolResult, ToolResult
from mcp_types import (
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
    ToolAnnotations,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from mcp_local.guard import account
from mcp_local.guard.clean import clean
from mcp_local.guard.clients import known
from mcp_local.guard.hosted.client import client_of

if TYPE_CHECKING:
    from fastmcp.server.middleware import MiddlewareContext
    from mcp.server.session import ServerSession
    from mcp_types import CallToolRequestParams, InputRequests

    from mcp_local.guard.session import Session

_CONFIRM: Final = "confirm"
_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {_CONFIRM: {"type": "boolean", "title": "Sign out", "default": False}},
    "required": [_CONFIRM],
}


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


class _Question:
    """The one question that may be open, so that a model can't flood the person (M27)."""

    def __init__(self) -> None:
        self._state = ""
        self._until = 0.0

    def open(self, object_id: str) -> str:
        """Return the state that its answer must bring; empty while another one is open."""
        if self._state and time.monotonic() < self._until:
            return ""
        self._state = f"{object_id} {secrets.token_hex(16)}"
        self._until = time.monotonic() + account.SIGN_IN_WAIT
        return self._state

    def close(self, state: str | None) -> bool:
        """Whether ``state`` is that of the last question; it is good once."""
        if not state or state != self._state:
            return False
        self._state = ""
        return True


class AccountTools:
    """Answers calls of the account tools."""

    def __init__(self, session: Session, notice: str = "") -> None:
        self._session = session
        self._notice = notice
        """What whoami tells beside the person: why a policy isn't in force, for one."""
        self._question = _Question()
        self.listed = account_tools()

    async def call(self, context: MiddlewareContext[CallToolRequestParams]) -> ToolResult:
        """Answer a call of the account tool that the message names."""
        match context.message.name:
            case account.SIGN_IN:
                status = await self._session.sign_in(wait=account.SIGN_IN_WAIT)
                text = account.signed_in(status, rereads=known(client_of(context).name).rereads)
                return ToolResult(text, is_error=not status.signed_in)
            case account.WHOAMI:
                return await self._whoami(context.message.arguments or {})
            case _:
                return await self._sign_out(context)

    async def _whoami(self, arguments: dict[str, Any]) -> ToolResult:
        await self._session.ready()
        refresh = arguments.get("refresh") is True
        status = await self._session.refresh() if refresh else self._session.status()
        text = "\n".join(filter(None, [account.who(status), clean(self._notice)]))
        return ToolResult(text, structured_content=account.whoami(status))

    async def _sign_out(self, context: MiddlewareContext[CallToolRequestParams]) -> ToolResult:
        """Sign out once the person, not the model, said yes; no way to ask is a no."""
        await self._session.ready()
        before = self._session.status()
        if not before.signed_in:
            return ToolResult(account.signed_out(before))
        answer = await self._ask(context, before.object_id)
        if isinstance(answer, InputRequiredToolResult):
            return answer
        if not answer or self._session.status().object_id != before.object_id:
            return ToolResult(account.NOT_SIGNED_OUT, is_error=True)
        return ToolResult(account.signed_out(await self._session.sign_out()))

    async def _ask(
        self, context: MiddlewareContext[CallToolRequestParams], object_id: str
    ) -> bool | InputRequiredToolResult:
        """Return the person's answer, or the question for a client that asks between two calls."""
        session = _session_of(context)
        if session is None or not _can_elicit(session):
            return False
        question = ElicitRequestFormParams(
            message=account.CONFIRM_SIGN_OUT, requested_schema=_SCHEMA
        )
        if session.protocol_version in MODERN_PROTOCOL_VERSIONS:
            # The state is sealed by the SDK for this person, tool and arguments.
            if self._question.close(context.message.request_state):
                return _said_yes((context.message.input_responses or {}).get(_CONFIRM))
            state = self._question.open(object_id)
            requests: InputRequests = {_CONFIRM: ElicitRequest(params=question)}
            return bool(state) and InputRequiredToolResult(
                InputRequiredResult(input_requests=requests, request_state=state)
            )
        state = self._question.open(object_id)
        if not state:
            return False
        try:
            with anyio.move_on_after(account.SIGN_IN_WAIT):
                answer = await session.elicit_form(
                    question.message, _SCHEMA, related_request_id=_request_id(context)
                )
                return _said_yes(answer)
        finally:
            self._question.close(state)
        return False


def _said_yes(answer: object) -> bool:
    return (
        isinstance(answer, ElicitResult)
        and answer.action == "accept"
        and (answer.content or {}).get(_CONFIRM) is True
    )


def _session_of(context: MiddlewareContext[Any]) -> ServerSession | None:
    request = context.fastmcp_context and context.fastmcp_context.request_context
    return request.session if request else None


def _request_id(context: MiddlewareContext[Any]) -> str | None:
    request = context.fastmcp_context and context.fastmcp_context.request_context
    return request.request_id if request else None


def _can_elicit(session: ServerSession) -> bool:
    """Whether the client shows forms; one that names no mode shows forms (2025-06-18)."""
    capabilities = session.client_capabilities
    elicitation = capabilities.elicitation if capabilities else None
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)
