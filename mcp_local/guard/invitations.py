"""Has the person sign in while their call waits: the client opens the page where it can.

Knows no protocol: hosted servers and the relay hand in how their client is asked. What the client
answers only says whether it has opened the page (CLIENTS.md 13).
"""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import TYPE_CHECKING, ClassVar, TypeVar, final

from mcp_local.guard.question import sign_in_question
from mcp_local.guard.questions import PATIENCE, Answer, NoWay, Withdrawn
from mcp_local.guard.yeses import KEPT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mcp_local.guard.question import Question
    from mcp_local.guard.session import Session, Wanted

R = TypeVar("R")


@final
class Invitations:
    """The sign-ins that calls wait for. On the event loop only."""

    def __init__(self, session: Session, *, patience: float = PATIENCE) -> None:
        """Prepare; a call waits ``patience`` seconds for the person."""
        self._session = session
        self._patience = patience

    async def sign_in(
        self,
        put: Callable[[Question], Awaitable[Answer | R]] | None,
        wanted: Wanted | None = None,
        *,
        by_person: bool,
    ) -> R | None:
        """Wait for the sign-in that a call needs, and begin it where that is allowed.

        ``put`` asks the client to open a page; ``None``: it can't, and the browser is opened
        without it. ``wanted`` and ``by_person`` as in ``Session.invite``. Returns what the client
        is to be answered so that it asks between two calls; else ``None``, when the sign-in is
        over, the person doesn't want it, or the time is up.
        """
        deadline = time.monotonic() + self._patience
        session = self._session
        url = "" if put is None else await session.invite(by_person=by_person, wanted=wanted)
        if put is not None and url:
            question = sign_in_question(url, again=wanted is not None)
            return await self._through_client(put, question, deadline)
        if wanted is not None:
            await session.consent(wanted, wait=deadline - time.monotonic())
        elif by_person:
            await session.sign_in(wait=deadline - time.monotonic())
        else:
            await session.ready(hold=deadline - time.monotonic(), use=True)
        return None

    async def _through_client(
        self, put: Callable[[Question], Awaitable[Answer | R]], question: Question, deadline: float
    ) -> R | None:
        asking = asyncio.ensure_future(put(question))
        over = asyncio.ensure_future(self._session.finished(wait=deadline - time.monotonic()))
        try:
            await asyncio.wait({asking, over}, return_when=asyncio.FIRST_COMPLETED)
            answer = asking.result() if asking.done() else Answer.WAITING
            return await self._after(answer, over)
        finally:
            asking.cancel()
            over.cancel()

    async def _after(self, answer: Answer | R, over: asyncio.Future[None]) -> R | None:
        """Do what the answer wants, and wait for the end of the sign-in."""
        match answer:
            case Answer.YES:
                self._session.opened()
            case Answer.NO:
                return None
            case Answer.NO_WAY:
                await self._session.open_page()
            case Answer.WAITING | Answer.BUSY:  # asked already, perhaps for another call
                await over
                await self._session.open_page()
            case result:
                return result
        await over
        return None


@final
class ClientPageWay:
    """A client of the handshake era that opens pages, if the person lets it."""

    name = "client"
    _waiting: ClassVar[set[asyncio.Task[None]]] = set()
    """What tells clients of the end of sign-ins that they opened the page of."""

    def __init__(
        self,
        session: Session,
        elicit: Callable[[Question, str], Awaitable[str]],
        complete: Callable[[str], Awaitable[None]],
    ) -> None:
        """Prepare. ``elicit`` asks, with an id for it, and returns the action that was chosen.

        ``complete`` tells the client that what has this id is over.
        """
        self._session = session
        self._elicit = elicit
        self._complete = complete

    async def ask(self, question: Question) -> bool:
        """Ask whether the page may be opened.

        Raises:
            NoWay: the client can't, or the person put the question aside.
            Withdrawn: the sign-in was over before anybody answered.
        """
        ident = secrets.token_urlsafe(16)
        asking = asyncio.ensure_future(self._elicit(question, ident))
        over = asyncio.ensure_future(self._session.finished(wait=KEPT))
        try:
            await asyncio.wait({asking, over}, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                raise Withdrawn
            action = asking.result()
        finally:
            asking.cancel()
            over.cancel()
        if action == "cancel":
            raise NoWay
        if action != "accept":
            return False
        task = asyncio.ensure_future(self._tell_of_end(ident))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)
        return True

    async def _tell_of_end(self, ident: str) -> None:
        await self._session.finished(wait=KEPT)
        await self._complete(ident)
