"""Calls of the account tools: the same answers as from hosted servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from mcp_local.guard import account
from mcp_local.guard.clean import clean
from mcp_local.guard.clients import known
from mcp_local.guard.relay import answers
from mcp_local.guard.relay.message import as_dict

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp_local.guard.relay.message import Message
    from mcp_local.guard.session import Session
    from mcp_local.policy.model import ClientInfo


@final
class AccountTools:
    """Answers calls of the account tools."""

    def __init__(self, session: Session, notice: Callable[[], str]) -> None:
        self._session = session
        self._notice = notice

    async def call(self, message: Message, client: ClientInfo) -> bytes:
        """Answer a call of the account tool that the message names."""
        match message.params.get("name"):
            case account.SIGN_IN:
                status = await self._session.sign_in(wait=account.SIGN_IN_WAIT)
                text = account.signed_in(status, rereads=known(client.name).rereads)
                result = answers.text_result(text, is_error=not status.signed_in)
            case account.WHOAMI:
                result = await self._whoami(as_dict(message.params.get("arguments")))
            case _:
                result = answers.text_result(account.NOT_SIGNED_OUT, is_error=True)
        return answers.result(message.ident, result, modern=message.modern)

    async def _whoami(self, arguments: dict[str, object]) -> dict[str, object]:
        await self._session.ready()
        refresh = arguments.get("refresh") is True
        status = await self._session.refresh() if refresh else self._session.status()
        text = "\n".join(filter(None, [account.who(status), clean(self._notice())]))
        return {
            **answers.text_result(text, is_error=False),
            "structuredContent": account.whoami(status),
        }
