"""Who has yet to sign in: asked at the start, and when a tool's own API wants more of them."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from mcp_local.guard.account import SIGNING_IN
from mcp_local.guard.decision_log import Outcome
from mcp_local.guard.hosted.gate import InputNeeded, Refusal
from mcp_local.guard.hosted.progress import telling
from mcp_local.guard.invitations import Invitations
from mcp_local.guard.step_up import StepUps, step_up_in

if TYPE_CHECKING:
    from fastmcp.server.middleware import CallNext, MiddlewareContext
    from mcp.server.session import ServerSession

    from mcp_local.guard.hosted.asking import Asker
    from mcp_local.guard.session import Invite, Session

R = TypeVar("R")


class Newcomers:
    """Has people sign in. On the event loop only."""

    def __init__(self, session: Session, asker: Asker) -> None:
        self.invitations = Invitations(session)
        self._step_ups = StepUps(session, self.invitations)
        self._asker = asker
        self._greeting: asyncio.Future[Invite | None] | None = None

    @property
    def greeting(self) -> asyncio.Future[Invite | None]:
        """How the client is asked at the start, once :meth:`greet` knows."""
        if self._greeting is None:
            self._greeting = asyncio.get_running_loop().create_future()
        return self._greeting

    def greet(self, client: ServerSession, *, modern: bool) -> None:
        """Take note of the client; one of the modern era can't be asked outside of a call."""
        if self.greeting.done():
            return
        put = None if modern else self._asker.outside_of_calls(client)
        sign_in = self.invitations.sign_in
        self.greeting.set_result(None if put is None else partial(sign_in, put, by_person=False))

    async def run(self, context: MiddlewareContext[Any], call_next: CallNext[Any, R]) -> R:
        """Run the target, without what the call brings along for us.

        Raises:
            Refusal: an API behind it wants a stronger sign-in; what became of that.
            InputNeeded: the same, but the client is to open the page of that sign-in.
        """
        ask = self._asker.of(context)
        self._asker.drop_reply(context)
        if ask.replies:
            async with telling(context, SIGNING_IN):
                unmet = await self._step_ups.go_on(ask.put)
            if unmet:
                raise Refusal(Outcome.SIGN_IN_NEEDED, unmet)
        try:
            return await call_next(context)
        except Exception as error:
            needed = step_up_in(error)
            if needed is None:
                raise
        async with telling(context, SIGNING_IN):
            met = await self._step_ups.meet(needed, ask.put if ask.opens_pages else None)
        if isinstance(met, str):
            raise Refusal(Outcome.SIGN_IN_NEEDED, met)
        raise InputNeeded(met)
