"""Puts questions to the person through the client of a request, in either era, or on a page."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, final

from mcp_local.guard.question import CONFIRM, form_schema, said_yes
from mcp_local.guard.questions import Answer, Form, NoWay, Questions, Reply, is_own_state
from mcp_local.guard.relay import answers
from mcp_local.guard.relay.message import Message, as_dict
from mcp_local.guard.relay.methods import CANCELLED
from mcp_local.guard.relay.threads import on_loop

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.guard.question import Question
    from mcp_local.guard.questions import Way
    from mcp_local.guard.relay.client import Client
    from mcp_local.guard.relay.relay import Relay


@final
class Asker:
    """Finds the way in which the person can be asked. On the event loop only."""

    def __init__(
        self, questions: Questions, relay: Relay, client: Client, page: Way | None
    ) -> None:
        self.questions = questions
        self._relay = relay
        self._client = client
        self._page = page
        """Where the client can't ask; ``None``: nowhere."""

    async def put(
        self, message: Message, question: Question, *, page: bool = True
    ) -> Answer | Mapping[str, object]:
        """Return the person's answer, or the result that has a client ask between two calls.

        ``page`` says whether a page may be opened where the client can't ask.
        """
        ways = [self._page] if page and self._page is not None else []
        if not _can_elicit(self._client.capabilities(message)):
            return await self.questions.settle(question, ways)
        if message.modern:
            return self._between_calls(message, question)
        return await self.questions.settle(question, [_FormWay(self._relay), *ways])

    def _between_calls(self, message: Message, question: Question) -> Answer | Mapping[str, object]:
        outcome = self.questions.between_calls(question, _reply(message))
        if not isinstance(outcome, Form):
            return outcome
        request = {"method": "elicitation/create", "params": _form(question)}
        return {
            "resultType": "input_required",
            "inputRequests": {CONFIRM: request},
            "requestState": outcome.state,
        }


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
        loop = asyncio.get_running_loop()
        got: asyncio.Future[Message | None] = loop.create_future()

        def answered(message: Message | None) -> None:
            on_loop(loop, _settle, got, message)

        ident = self._relay.ask_client("elicitation/create", _form(question), answered)
        try:
            answer = await got
        finally:
            if self._relay.own_of_client.take(ident) is not None:  # nobody waits for it any more
                self._relay.write_soon(answers.notification(CANCELLED, {"requestId": ident}))
        result = None if answer is None else answer.body.get("result")
        if not isinstance(result, dict):
            raise NoWay
        said = as_dict(answer.body.get("result")) if answer is not None else {}
        return said_yes(str(said.get("action")), as_dict(said.get("content")))


def _settle(got: asyncio.Future[Message | None], answer: Message | None) -> None:
    if not got.done():
        got.set_result(answer)


def _form(question: Question) -> dict[str, object]:
    return {"message": question.message(), "requestedSchema": form_schema(question.button)}


def _reply(message: Message) -> Reply | None:
    """Return what the call brings along as an answer to a question of ours."""
    state = message.params.get("requestState")
    if not is_own_state(state):
        return None
    answer = as_dict(as_dict(message.params.get("inputResponses")).get(CONFIRM))
    if not answer:
        return None
    return Reply(state, said_yes(str(answer.get("action")), as_dict(answer.get("content"))))


def without_reply(message: Message) -> Message:
    """Return the call without an answer to a question of ours, which the server doesn't get."""
    if not is_own_state(message.params.get("requestState")):
        return message
    dropped = {"requestState", "inputResponses"}
    params = {key: value for key, value in message.params.items() if key not in dropped}
    body = {**message.body, "params": params}
    return Message(answers.encode(body), message.method, message.ident, params, body)


def _can_elicit(capabilities: Mapping[str, object]) -> bool:
    """Whether the client shows forms; one that names no mode shows forms (2025-06-18)."""
    elicitation = capabilities.get("elicitation")
    return isinstance(elicitation, dict) and ("form" in elicitation or "url" not in elicitation)
