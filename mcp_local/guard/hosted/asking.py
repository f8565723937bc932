"""Puts questions to the person through the client of a request, in either era, or on a page."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, final

from mcp.shared.exceptions import MCPError
from mcp_types import (
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitRequestURLParams,
    ElicitResult,
    InputRequiredResult,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from mcp_local.guard.account import SIGNING_IN
from mcp_local.guard.hosted.insides import drop_reply
from mcp_local.guard.hosted.progress import telling
from mcp_local.guard.invitations import ClientPageWay
from mcp_local.guard.question import CONFIRM, form_schema
from mcp_local.guard.questions import Answer, Form, NoWay, Questions, Reply, is_own_state

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from fastmcp import Context
    from fastmcp.server.middleware import MiddlewareContext
    from mcp.server.session import ServerSession
    from mcp_types import InputRequests, RequestId

    from mcp_local.guard.question import Question
    from mcp_local.guard.questions import Way
    from mcp_local.guard.session import Session


class Brought(NamedTuple):
    """What a call brings along of a client that was asked in the answer to the one before."""

    state: str
    answer: ElicitResult | None


class Ask(NamedTuple):
    """How the person of one request is asked."""

    put: Callable[[Question], Awaitable[Answer | InputRequiredResult]]
    opens_pages: bool
    """Whether their client opens a page when it is asked to."""
    replies: bool
    """Whether the call brings along an answer to a question of ours."""
    signing_in: Callable[[], AbstractAsyncContextManager[None]]
    """Tells the client of what runs inside that it waits for the sign-in."""


@final
class Asker:
    """Finds the way in which the person can be asked."""

    def __init__(self, questions: Questions, session: Session, page: Way | None = None) -> None:
        self.questions = questions
        self._session = session
        self._page = page
        """Where the client can't ask; ``None``: nowhere."""

    def of(self, context: MiddlewareContext[Any]) -> Ask:
        """Return how the person of a request is asked."""
        request = context.fastmcp_context and context.fastmcp_context.request_context
        opens_pages = request is not None and _can_elicit(request.session, url=True)
        fastmcp = context.fastmcp_context
        brought = None if fastmcp is None else _brought(fastmcp)
        return Ask(
            partial(self.put, context, brought=brought),
            opens_pages,
            brought is not None,
            lambda: telling(context, SIGNING_IN),
        )

    def outside_of_calls(
        self, client: ServerSession
    ) -> Callable[[Question], Awaitable[Answer]] | None:
        """Return how a client of the handshake era is asked to open a page; ``None``: not."""
        if not _can_elicit(client, url=True):
            return None
        way = _page_way(client, None, self._session)
        return lambda question: self.questions.settle(question, [way])

    def drop_reply(self, context: MiddlewareContext[Any]) -> None:
        """Keep an answer to a question of ours from the target."""
        fastmcp = context.fastmcp_context
        if fastmcp is not None and is_own_state(fastmcp.request_state):
            drop_reply(fastmcp)

    async def put(
        self,
        context: MiddlewareContext[Any],
        question: Question,
        *,
        page: bool = True,
        brought: Brought | None = None,
    ) -> Answer | InputRequiredResult:
        """Return the person's answer, or the question for a client that asks between two calls.

        ``page`` says whether a page may be opened where the client can't ask. ``brought`` is what
        the call brought along, by default what it still has.
        """
        ways = [self._page] if page and self._page is not None else []
        fastmcp = context.fastmcp_context
        request = fastmcp and fastmcp.request_context
        url = bool(question.url)
        if fastmcp is None or request is None or not _can_elicit(request.session, url=url):
            return await self.questions.settle(question, ways)
        if request.session.protocol_version in MODERN_PROTOCOL_VERSIONS:
            return self._between_calls(fastmcp, question, brought or _brought(fastmcp))
        client, ident = request.session, request.request_id
        if question.url:
            return await self.questions.settle(question, [_page_way(client, ident, self._session)])
        return await self.questions.settle(question, [_FormWay(client, ident), *ways])

    def _between_calls(
        self, context: Context, question: Question, brought: Brought | None
    ) -> Answer | InputRequiredResult:
        if brought is not None:
            drop_reply(context)  # what the target may ask for itself is answered in calls to come
        outcome = self.questions.between_calls(question, _reply(brought, question))
        if not isinstance(outcome, Form):
            return outcome
        requests: InputRequests = {CONFIRM: ElicitRequest(params=_params(question))}
        return InputRequiredResult(input_requests=requests, request_state=outcome.state)


@final
class _FormWay:
    """A form in a client of the handshake era."""

    name = "form"

    def __init__(self, session: ServerSession, request_id: RequestId | None) -> None:
        self._session = session
        self._request_id = request_id

    async def ask(self, question: Question) -> bool:
        """Show the form.

        Raises:
            NoWay: the client can't, whatever it said.
        """
        try:
            answer = await self._session.elicit_form(
                question.message(),
                form_schema(question.button),
                related_request_id=self._request_id,
            )
        except MCPError:
            raise NoWay from None
        return question.agreed(answer.action, answer.content)


def _page_way(
    client: ServerSession, request_id: RequestId | None, session: Session
) -> ClientPageWay:
    """Return the way of a client of the handshake era that opens pages."""

    async def elicit(question: Question, ident: str) -> str:
        try:
            answer = await client.elicit_url(
                question.message(), question.url, ident, related_request_id=request_id
            )
        except MCPError:
            raise NoWay from None
        return answer.action

    return ClientPageWay(session, elicit, client.send_elicit_complete)


def _params(question: Question) -> ElicitRequestFormParams | ElicitRequestURLParams:
    if question.url:
        return ElicitRequestURLParams(message=question.message(), url=question.url)
    return ElicitRequestFormParams(
        message=question.message(), requested_schema=form_schema(question.button)
    )


def _brought(context: Context) -> Brought | None:
    """Return what a call brings along as an answer of ours; the SDK has unsealed its state."""
    state, answers = context.request_state, context.input_responses or {}
    answer = answers.get(CONFIRM)
    if not is_own_state(state):
        return None
    return Brought(state, answer if isinstance(answer, ElicitResult) else None)


def _reply(brought: Brought | None, question: Question) -> Reply | None:
    if brought is None or brought.answer is None:
        return None
    return Reply(brought.state, question.agreed(brought.answer.action, brought.answer.content))


def _can_elicit(session: ServerSession, *, url: bool = False) -> bool:
    """Whether the client shows forms, or opens pages (``url``).

    One that names no mode shows forms (2025-06-18).
    """
    capabilities = session.client_capabilities
    elicitation = capabilities.elicitation if capabilities else None
    if elicitation is None:
        return False
    if url:
        return elicitation.url is not None
    return elicitation.form is not None or elicitation.url is None
