"""Puts questions to the person through the client of a request, in either era, or on a page."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, final

from mcp_local.guard.invitations import ClientPageWay
from mcp_local.guard.question import CONFIRM, form_schema
from mcp_local.guard.questions import Answer, Form, NoWay, Questions, Reply, is_own_state
from mcp_local.guard.relay import answers
from mcp_local.guard.relay.message import Message, as_dict
from mcp_local.guard.relay.methods import CANCELLED, COMPLETED
from mcp_local.guard.relay.threads import on_loop

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.guard.question import Question
    from mcp_local.guard.questions import Way
    from mcp_local.guard.relay.client import Client
    from mcp_local.guard.relay.relay import Relay
    from mcp_local.guard.session import Session


@final
class Asker:
    """Finds the way in which the person can be asked. On the event loop only."""

    def __init__(
        self,
        questions: Questions,
        relay: Relay,
        client: Client,
        session: Session,
        page: Way | None,
    ) -> None:
        self.questions = questions
        self._session = session
        self._relay = relay
        self._client = client
        self._page = page
        """Where the client can't ask; ``None``: nowhere."""

    def opens_pages(self, message: Message) -> bool:
        """Whether the client of a request opens a page when it is asked to."""
        return _can_elicit(self._client.capabilities(message), url=True)

    async def put(
        self, message: Message, question: Question, *, page: bool = True
    ) -> Answer | Mapping[str, object]:
        """Return the person's answer, or the result that has a client ask between two calls.

        ``page`` says whether a page may be opened where the client can't ask.
        """
        ways = [self._page] if page and self._page is not None else []
        if not _can_elicit(self._client.capabilities(message), url=bool(question.url)):
            return await self.questions.settle(question, ways)
        if message.modern:
            return self._between_calls(message, question)
        if question.url:
            way = ClientPageWay(self._session, self._open_page, self._completed)
            return await self.questions.settle(question, [way])
        return await self.questions.settle(question, [_FormWay(self._relay), *ways])

    def _between_calls(self, message: Message, question: Question) -> Answer | Mapping[str, object]:
        outcome = self.questions.between_calls(question, _reply(message, question))
        if not isinstance(outcome, Form):
            return outcome
        request = {"method": "elicitation/create", "params": _params(question)}
        return {
            "resultType": "input_required",
            "inputRequests": {CONFIRM: request},
            "requestState": outcome.state,
        }

    async def _open_page(self, question: Question, ident: str) -> str:
        """Have the client of the handshake era ask whether it may open a page.

        Raises:
            NoWay: it can't, whatever it said.
        """
        params = {**_params(question), "elicitationId": ident}
        return str((await _elicit(self._relay, params)).get("action"))

    async def _completed(self, ident: str) -> None:
        self._relay.write_soon(answers.notification(COMPLETED, {"elicitationId": ident}))


@final
class _FormWay:
    """A form in a client of the handshake era."""

    name = "form"

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    async def ask(self, question: Question) -> bool:
        """Show the form.

        Raises:
            NoWay: the client can't, whatever it said.
        """
        said = await _elicit(self._relay, _params(question))
        return question.agreed(str(said.get("action")), as_dict(said.get("content")))


async def _elicit(relay: Relay, params: Mapping[str, object]) -> Mapping[str, object]:
    """Return what the client answers to a question.

    Raises:
        NoWay: it can't ask.
    """
    loop = asyncio.get_running_loop()
    got: asyncio.Future[Message | None] = loop.create_future()

    def answered(message: Message | None) -> None:
        on_loop(loop, _settle, got, message)

    ident = relay.ask_client("elicitation/create", params, answered)
    try:
        answer = await got
    finally:
        if relay.own_of_client.take(ident) is not None:  # nobody waits for it any more
            relay.write_soon(answers.notification(CANCELLED, {"requestId": ident}))
    if answer is None or not isinstance(answer.body.get("result"), dict):
        raise NoWay
    return as_dict(answer.body.get("result"))


def _settle(got: asyncio.Future[Message | None], answer: Message | None) -> None:
    if not got.done():
        got.set_result(answer)


def _params(question: Question) -> dict[str, object]:
    if question.url:
        return {"mode": "url", "message": question.message(), "url": question.url}
    return {"message": question.message(), "requestedSchema": form_schema(question.button)}


def _reply(message: Message, question: Question) -> Reply | None:
    """Return what the call brings along as an answer to a question of ours."""
    state = message.params.get("requestState")
    if not is_own_state(state):
        return None
    answer = as_dict(as_dict(message.params.get("inputResponses")).get(CONFIRM))
    if not answer:
        return None
    return Reply(state, question.agreed(str(answer.get("action")), as_dict(answer.get("content"))))


def without_reply(message: Message) -> Message:
    """Return the call without an answer to a question of ours, which the server doesn't get."""
    if not is_own_state(message.params.get("requestState")):
        return message
    dropped = {"requestState", "inputResponses"}
    params = {key: value for key, value in message.params.items() if key not in dropped}
    body = {**message.body, "params": params}
    return Message(answers.encode(body), message.method, message.ident, params, body)


def _can_elicit(capabilities: Mapping[str, object], *, url: bool = False) -> bool:
    """Whether the client shows forms, or opens pages (``url``).

    One that names no mode shows forms (2025-06-18).
    """
    elicitation = capabilities.get("elicitation")
    if not isinstance(elicitation, dict):
        return False
    return "url" in elicitation if url else "form" in elicitation or "url" not in elicitation
