"""Calls of the account tools: the same answers as from hosted servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from mcp_local.guard import account
from mcp_local.guard.clean import clean
from mcp_local.guard.clients import known
from mcp_local.guard.question import sign_out_question
from mcp_local.guard.questions import Answer
from mcp_local.guard.relay import answers
from mcp_local.guard.relay.message import as_dict
from mcp_local.guard.relay.progress import telling

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mcp_local.guard.relay.asking import Asker
    from mcp_local.guard.relay.message import Message
    from mcp_local.guard.relay.newcomers import Newcomers
    from mcp_local.guard.relay.relay import Relay
    from mcp_local.guard.session import Session
    from mcp_local.policy.model import ClientInfo

    Notice = Callable[[], tuple[str, dict[str, object]]]
    """Gives what whoami tells beside the person, in words and as data."""

_ASKING: Final = "Waiting for the person's answer."


@final
class AccountTools:
    """Answers calls of the account tools."""

    def __init__(
        self, relay: Relay, session: Session, asker: Asker, newcomers: Newcomers, notice: Notice
    ) -> None:
        self._relay = relay
        self._newcomers = newcomers
        self._session = session
        self._asker = asker
        self._notice = notice

    async def call(self, message: Message, client: ClientInfo) -> bytes:
        """Answer a call of the account tool that the message names."""
        arguments = message.params.get("arguments")
        if arguments is not None and not isinstance(arguments, dict):
            return answers.invalid(message)
        match message.params.get("name"):
            case account.SIGN_IN:
                result = await self._sign_in(message, client)
            case account.WHOAMI:
                result = await self._whoami(as_dict(message.params.get("arguments")))
            case _:
                result = await self._sign_out(message)
        return answers.result(message.ident, result, modern=message.modern)

    async def _sign_in(self, message: Message, client: ClientInfo) -> Mapping[str, object]:
        needed = await self._newcomers.sign_in(message, by_person=True)
        if needed is not None:
            return needed
        status = self._session.status()
        text = account.signed_in(status, rereads=known(client.name).rereads)
        return answers.text_result(text, is_error=not status.signed_in)

    async def _whoami(self, arguments: Mapping[str, object]) -> Mapping[str, object]:
        await self._session.ready()
        refresh = arguments.get("refresh") is True
        status = await self._session.refresh() if refresh else self._session.status()
        notice, marks = self._notice()
        text = "\n".join(filter(None, [account.who(status), clean(notice)]))
        structured = account.whoami(status) | marks
        return {**answers.text_result(text, is_error=False), "structuredContent": structured}

    async def _sign_out(self, message: Message) -> Mapping[str, object]:
        """Sign out once the person, not the model, said yes; no way to ask is a no."""
        await self._session.ready()
        before = self._session.status()
        if not before.signed_in:
            return answers.text_result(account.signed_out(before), is_error=False)
        question = sign_out_question((before.tenant_id, before.object_id))
        async with telling(self._relay, message, _ASKING):
            answer = await self._asker.put(message, question, page=False)
        if not isinstance(answer, Answer):
            return answer
        if answer is not Answer.YES or self._session.status().object_id != before.object_id:
            return answers.text_result(account.NOT_SIGNED_OUT, is_error=True)
        text = account.signed_out(await self._session.sign_out())
        return answers.text_result(text, is_error=False)
