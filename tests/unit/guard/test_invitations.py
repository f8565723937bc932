"""Who opens the page of a sign-in, for every way that a client may answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from mcp_local.guard.invitations import ClientPageWay, Invitations
from mcp_local.guard.question import sign_in_question
from mcp_local.guard.questions import Answer, NoWay, Withdrawn
from tests.support.people import MemorySession

if TYPE_CHECKING:
    from mcp_local.broker.state import Wanted
    from mcp_local.guard.question import Question

URL = "http://localhost:4242/start/abc"


class Waiting(MemorySession):
    """A sign-in that waits for its page to be opened, until the test ends it."""

    def __init__(self) -> None:
        super().__init__()
        self.did: list[str] = []
        self.over = asyncio.Event()

    async def invite(self, *, by_person: bool, wanted: Wanted | None = None) -> str:
        """Give the address, as often as it is asked for."""
        del by_person, wanted
        return URL

    def opened(self) -> None:
        """Note that the client has opened it."""
        self.did.append("by client")

    async def open_page(self) -> None:
        """Note that the browser has opened it."""
        self.did.append("by browser")

    async def finished(self, *, wait: float) -> None:
        """Wait for the test."""
        try:
            await asyncio.wait_for(self.over.wait(), wait)
        except TimeoutError:
            return


@pytest.mark.parametrize(
    ("answer", "did"),
    [
        (Answer.YES, ["by client"]),
        (Answer.NO, []),
        (Answer.NO_WAY, ["by browser"]),
        (Answer.WAITING, ["by browser"]),
        (Answer.BUSY, ["by browser"]),
    ],
)
def test_answer_says_who_opens_the_page(answer: Answer, did: list[str]) -> None:
    """The client, on a yes; nobody, on a no; else the browser, in the end."""

    async def story() -> None:
        session = Waiting()

        async def put(question: Question) -> Answer:
            assert question.url == URL
            return answer

        assert await Invitations(session, patience=0.05).sign_in(put, by_person=False) is None
        assert session.did == did

    asyncio.run(story())


def test_client_that_never_answers_is_not_waited_for() -> None:
    """After the time limit a browser opens the page, and the call goes on."""

    async def story() -> None:
        session = Waiting()

        async def put(_: Question) -> Answer:
            await asyncio.sleep(60)
            return Answer.YES

        assert await Invitations(session, patience=0.05).sign_in(put, by_person=True) is None
        assert session.did == ["by browser"]

    asyncio.run(story())


@pytest.mark.parametrize("action", ["accept", "decline", "cancel", "of the future"])
def test_action_of_a_client(action: str) -> None:
    """Accepted is a yes, and the client hears of the end; put aside is no answer; else a no."""

    async def story() -> None:
        session, told = Waiting(), list[str]()
        asked: list[str] = []

        async def elicit(_: Question, ident: str) -> str:
            asked.append(ident)
            return action

        async def complete(ident: str) -> None:
            told.append(ident)

        way = ClientPageWay(session, elicit, complete)
        if action == "cancel":
            with pytest.raises(NoWay):
                await way.ask(sign_in_question(URL))
        else:
            assert await way.ask(sign_in_question(URL)) is (action == "accept")
        session.over.set()
        await asyncio.sleep(0.01)
        assert told == (asked if action == "accept" else [])

    asyncio.run(story())


def test_question_goes_with_its_sign_in() -> None:
    """Once the sign-in is over nobody need answer."""

    async def story() -> None:
        session = Waiting()
        session.over.set()

        async def elicit(_: Question, __: str) -> str:
            await asyncio.sleep(60)
            return "accept"

        async def complete(_: str) -> None:
            raise AssertionError

        with pytest.raises(Withdrawn):
            await ClientPageWay(session, elicit, complete).ask(sign_in_question(URL))

    asyncio.run(story())


def test_question_is_bound_to_its_sign_in() -> None:
    """The address changes with each use, its port doesn't; another sign-in is another question."""
    question = sign_in_question(URL)
    assert sign_in_question("http://localhost:4242/start/xyz").about == question.about
    assert sign_in_question("http://localhost:4243/start/abc").about != question.about
    assert URL not in repr(question)
