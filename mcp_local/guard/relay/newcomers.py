"""Whoever a request of the client comes from; where that is nobody, they sign in while it waits."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, final

from mcp_local.guard.account import SIGNING_IN
from mcp_local.guard.invitations import Invitations
from mcp_local.guard.relay.progress import telling

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.guard.relay.asking import Asker
    from mcp_local.guard.relay.message import Message
    from mcp_local.guard.relay.relay import Relay
    from mcp_local.guard.session import Invite, Session
    from mcp_local.identity.model import VerifiedToken

ASKS_BACK = frozenset({"tools/call", "resources/read", "prompts/get"})
"""The uses that a person waits for, and whose answer may have the client ask them something."""


@final
class Newcomers:
    """Has people sign in whose requests wait. On the event loop only."""

    def __init__(self, relay: Relay, session: Session, asker: Asker) -> None:
        self._relay = relay
        self._session = session
        self._asker = asker
        self._invitations = Invitations(session)
        self.greeting: asyncio.Future[Invite | None] = asyncio.get_running_loop().create_future()
        """How the client is asked at the start, once :meth:`greet` knows."""

    def greet(self, message: Message) -> None:
        """Take note of the client; one of the modern era can't be asked outside of a call."""
        if self.greeting.done():
            return
        can = not message.modern and self._asker.opens_pages(message)
        put = partial(self._asker.put, message)
        sign_in = self._invitations.sign_in
        self.greeting.set_result(partial(sign_in, put, by_person=False) if can else None)

    async def somebody(self) -> VerifiedToken | None:
        """Return who is signed in, after a renewal under way (DESIGN.md 9)."""
        await self._session.ready(use=True)
        return self._session.current()

    async def user(self, message: Message) -> VerifiedToken | Mapping[str, object] | None:
        """Return who wants to use something, perhaps after the sign-in that it waits for.

        A mapping is the result that has the client open the page of the sign-in.
        """
        if message.method not in ASKS_BACK:
            return await self.somebody()
        await self._session.ready()
        if self._session.current() is None:
            result = await self.sign_in(message, by_person=False)
            if result is not None:
                return result
        return self._session.current()

    async def sign_in(self, message: Message, *, by_person: bool) -> Mapping[str, object] | None:
        """Wait for a sign-in; return what the client is to be answered first, if anything."""
        can = self._asker.opens_pages(message)
        put = partial(self._asker.put, message) if can else None
        async with telling(self._relay, message, SIGNING_IN):
            return await self._invitations.sign_in(put, by_person=by_person)
