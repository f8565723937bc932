"""Questions of ``ask`` for tests, and somebody at the edge who answers them when the test says."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mcp_local.guard.question import question_of
from mcp_local.guard.questions import NoWay, Withdrawn
from mcp_local.policy.model import Action, Component, Decision, Effect, Kind
from tests.support.people import person

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.guard.question import Question

ADA, BOB = person("ada", "reader"), person("bob", "reader")
DELETE = Component(Kind.TOOL, "delete_row")
PURGE = Component(Kind.TOOL, "purge")


def asks(
    rule: str = "confirm-deletes",
    *,
    remember: float = 0.0,
    reason: str = "Deleting needs a yes.",
    redact: tuple[str, ...] = (),
) -> Decision:
    """Return a decision that wants the person's yes."""
    return Decision(Effect.ASK, rule, reason, remember=remember, redact=redact)


def about(
    arguments: Mapping[str, object] | None = None,
    *,
    tool: Component = DELETE,
    decision: Decision | None = None,
    who: str = "ada",
) -> Question:
    """Return the question about one call."""
    identity = (ADA if who == "ada" else BOB).identity
    given = {"id": 5} if arguments is None else arguments
    return question_of(identity, Action.CALL, tool, given, decision or asks())


class Clock:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now


class Person:
    """Somebody who answers when the test lets them."""

    name = "form"

    def __init__(self) -> None:
        self.asked: list[Question] = []
        self.stopped = False
        """Whether a question was taken from them before they answered."""
        self._answers: asyncio.Queue[str] = asyncio.Queue()

    def says(self, *answers: str) -> None:
        """Let them answer ``yes`` or ``no``, or ``taken back`` for what nobody answers."""
        for answer in answers:
            self._answers.put_nowait(answer)

    async def ask(self, question: Question) -> bool:
        """Wait for what the test lets them say."""
        self.asked.append(question)
        try:
            answer = await self._answers.get()
        except asyncio.CancelledError:
            self.stopped = True
            raise
        if answer == "taken back":
            raise Withdrawn
        return answer == "yes"


class Nobody:
    """A way that leads nowhere."""

    name = "page"

    async def ask(self, question: Question) -> bool:
        """Reach nobody."""
        del question
        raise NoWay
