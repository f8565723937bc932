"""Puts questions to the person through the client of a request, in either era, or on a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from mcp.shared.exceptions import MCPError
from mcp_types import ElicitRequest, ElicitRequestFormParams, ElicitResult, InputRequiredResult
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from mcp_local.guard.hosted.insides import drop_reply
from mcp_local.guard.question import CONFIRM, form_schema, said_yes
from mcp_local.guard.questions import Answer, Form, NoWay, Questions, Reply, is_own_state

if TYPE_CHECKING:
    from fastmcp import Context
    from fastmcp.server.middleware import MiddlewareContext
    from mcp.server.session import ServerSession
    from mcp_types import InputRequests, RequestId

    from mcp_local.guard.question import Question
    from mcp_local.guard.questions import Way


@final
class Asker:
    """Finds the way in which the person can be asked."""

    def __init__(self, questions: Questions, page: Way | None = None) -> None:
        self.questions = questions
        self._page = page
        """Where the client can't ask; ``None``: nowhere."""

    async def put(
        self, context: MiddlewareContext[Any], question: Question, *, page: bool = True
    ) -> Answer | InputRequiredResult:
        """Return the person's answer, or the question for a client that asks between two calls.

        ``page`` says whether a page may be opened where the client can't ask.
        """
        ways = [self._page] if page and self._page is not None else []
        fastmcp = context.fastmcp_context
        request = fastmcp and fastmcp.request_context
        if fastmcp is None or request is None or not _can_elicit(request.session):
            return await self.questions.settle(question, ways)
        if request.session.protocol_version in MODERN_PROTOCOL_VERSIONS:
            return self._between_calls(fastmcp, question)
        form = _FormWay(request.session, request.request_id)
        return await self.questions.settle(question, [form, *ways])

    def _between_calls(self, context: Context, question: Question) -> Answer | InputRequiredResult:
        outcome = self.questions.between_calls(question, _take_reply(context))
        if not isinstance(outcome, Form):
            return outcome
        params = ElicitRequestFormParams(
            message=question.message(), requested_schema=form_schema(question.button)
        )
        requests: InputRequests = {CONFIRM: ElicitRequest(params=params)}
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
        return said_yes(answer.action, answer.content)


def _take_reply(context: Context) -> Reply | None:
    """Take what the call brings along as an answer; the SDK has unsealed its state.

    The target doesn't get to see it: what it may ask for itself is answered in calls to come.
    """
    state, answers = context.request_state, context.input_responses or {}
    if not is_own_state(state):
        return None
    drop_reply(context)
    answer = answers.get(CONFIRM)
    if not isinstance(answer, ElicitResult):
        return None
    return Reply(state, said_yes(answer.action, answer.content))


def _can_elicit(session: ServerSession) -> bool:
    """Whether the client shows forms; one that names no mode shows forms (2025-06-18)."""
    capabilities = session.client_capabilities
    elicitation = capabilities.elicitation if capabilities else None
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)
