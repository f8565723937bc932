"""``ask``: whether a use may go on is asked of the person, and of nobody else (POLICY.md 2, M27).

Knows no protocol: hosted servers and the relay hand in the ways in which they can ask. A yes is
good for one run of the very call that was shown, for as long as its rule says, or not at all.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol, TypeGuard, final

from mcp_local.guard.yeses import KEPT, Yeses

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mcp_local.guard.question import Question
    from mcp_local.log import Log

PATIENCE: Final = 40.0
"""Seconds that a call waits for the person; clients give up at about 60."""
MOST_OPEN: Final = 4
"""Questions open at a time, all tools together."""
_OWN: Final = "mcp-local-ask."
"""What every ``requestState`` of ours begins with: the target may have some of its own."""


class Answer(StrEnum):
    """What became of a question."""

    YES = "yes"
    """Good for one run, now. The policy must be asked again before it."""
    NO = "no"
    WAITING = "waiting"
    """Still open: the identical call, made again, finds the answer."""
    BUSY = "busy"
    """Not asked: too many questions are open, or one about another call of the same tool."""
    NO_WAY = "no_way"
    """Nobody could be asked, which is a no."""


class NoWay(Exception):
    """The person can't be asked in this way."""


class Withdrawn(Exception):
    """The question was taken back before anybody answered it; it may be asked anew."""


class Way(Protocol):
    """One way to put a question before the person while the call waits."""

    name: str
    """For the log: ``form``, ``page``."""

    async def ask(self, question: Question) -> bool:
        """Return the person's answer; cancelled once the question has lapsed.

        Raises:
            NoWay: they can't be asked so.
            Withdrawn: nobody will answer it any more.
        """
        ...


@dataclass(frozen=True, slots=True)
class Reply:
    """What a call brings along that answers a question between two calls (modern era)."""

    state: str
    """The ``requestState`` of the question."""
    yes: bool


@dataclass(frozen=True, slots=True)
class Form:
    """A question to be sent in answer to a call; its answer comes with the next one."""

    state: str
    """To be sent along as ``requestState``: the answer must bring it, once."""


def is_own_state(state: object) -> TypeGuard[str]:
    """Whether a call's ``requestState`` belongs to a question of ours, open or not."""
    return isinstance(state, str) and state.startswith(_OWN)


@dataclass(slots=True)
class _Open:
    """A question that waits for its answer."""

    question: Question
    until: float
    """When it lapses, on the ledger's clock."""
    yields_at: float
    """From when on another question may take its place."""
    state: str = field(default="", repr=False)
    task: asyncio.Task[Answer] | None = None
    waited_for: bool = False
    """Whether a call waits for it right now."""


@final
class Questions:
    """All questions of one server process. To be used on one event loop only."""

    def __init__(
        self,
        log: Log | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        patience: float = PATIENCE,
    ) -> None:
        self._log = log
        self._clock = clock
        self._patience = patience
        self._yeses = Yeses(clock)
        self._open: dict[object, _Open] = {}

    async def settle(self, question: Question, ways: Sequence[Way]) -> Answer:
        """Ask in the first of ``ways`` that works, and wait for the answer, 40 s at most.

        Afterwards the question stays open: the identical call joins it. On YES the caller asks
        the policy again before the run, as the person or the policy may have changed meanwhile.
        """
        answer = self._known(question)
        if answer is not None:
            return answer
        opened = self._open.get(question.about)
        if opened is None:
            if len(self._open) >= MOST_OPEN:
                return Answer.BUSY
            opened = self._remember_open(question)
            opened.task = asyncio.create_task(self._run(opened, ways))
        elif opened.question.call != question.call or opened.waited_for:
            return Answer.BUSY
        return await self._wait(opened)

    def between_calls(self, question: Question, reply: Reply | None) -> Answer | Form:
        """Take the answer that a call brings along; else return the form to send.

        For clients that are asked between two calls. The same holds as for :meth:`settle`; a
        question that was lost on its way gives way to another one after 40 s.
        """
        self._drop_lapsed()
        opened = self._open.get(question.about)
        if reply is not None and opened is not None and _answers(reply, opened, question):
            answer = self._answered(opened, reply.yes, "form")
            self._yeses.take(question)
            return answer
        answer = self._known(question)
        if answer is not None:
            return answer
        if opened is not None and self._clock() < opened.yields_at:
            same = opened.question.call == question.call
            return Answer.WAITING if same else Answer.BUSY
        if opened is None and len(self._open) >= MOST_OPEN:
            return Answer.BUSY
        opened = self._remember_open(question)
        opened.yields_at = self._clock() + self._patience
        opened.state = _OWN + secrets.token_urlsafe(24)
        self._note("question_asked", question, way="form")
        return Form(opened.state)

    def remembered(self, question: Question) -> bool:
        """Whether the person said yes before, and that holds for this call, too."""
        return self._yeses.holds(question)

    def once_more(self, question: Question) -> None:
        """Let the identical call pass once more: its run itself asked the client for something."""
        self._yeses.let_pass(question)

    def forget(self) -> None:
        """Forget every yes that holds for more than its call: the policy has changed."""
        self._yeses.forget()

    def close(self) -> None:
        """Give up what is open: the server ends."""
        for opened in self._open.values():
            if opened.task is not None:
                opened.task.cancel()
        self._open.clear()

    def _known(self, question: Question) -> Answer | None:
        """Return the answer that is there without asking; a yes for one run is used up."""
        self._drop_lapsed()
        if self._yeses.take(question):
            return Answer.YES
        return Answer.NO if self._yeses.refuses(question) else None

    def _remember_open(self, question: Question) -> _Open:
        until = self._clock() + KEPT
        opened = self._open[question.about] = _Open(question, until, yields_at=until)
        return opened

    def _drop_lapsed(self) -> None:
        for about, opened in list(self._open.items()):
            if opened.task is None and self._clock() >= opened.until:
                del self._open[about]

    async def _run(self, opened: _Open, ways: Sequence[Way]) -> Answer:
        """Ask until there is an answer, or the question lapses."""
        question = opened.question
        try:
            async with asyncio.timeout(opened.until - self._clock()):
                for way in ways:
                    try:
                        self._note("question_asked", question, way=way.name)
                        return self._answered(opened, await way.ask(question), way.name)
                    except NoWay:
                        continue
        except (TimeoutError, Withdrawn):
            self._note("question_answered", question, answer="lapsed")
            return Answer.NO
        finally:
            self._close(opened)
        self._note("question_answered", question, answer=Answer.NO_WAY.value)
        return Answer.NO_WAY

    async def _wait(self, opened: _Open) -> Answer:
        """Wait for the task of a question; it goes on if the call gives up first."""
        task = opened.task
        if task is None:  # asked between calls; its answer comes with one
            return Answer.WAITING
        opened.waited_for = True
        try:
            done, _ = await asyncio.wait([task], timeout=self._patience)
        finally:
            opened.waited_for = False
        if not done:
            return Answer.WAITING
        if task.cancelled():
            return Answer.NO
        answer = task.result()
        return self._known(opened.question) or Answer.NO if answer is Answer.YES else answer

    def _answered(self, opened: _Open, yes: bool, way: str) -> Answer:  # noqa: FBT001 - the answer
        """Write the person's answer down."""
        question = opened.question
        self._close(opened)
        answer = Answer.YES if yes else Answer.NO
        self._note("question_answered", question, way=way, answer=answer.value)
        if yes:
            self._yeses.agree(question)
        else:
            self._yeses.decline(question)
        return answer

    def _close(self, opened: _Open) -> None:
        if self._open.get(opened.question.about) is opened:
            del self._open[opened.question.about]

    def _note(self, event: str, question: Question, **more: str) -> None:
        """Log what is asked and answered; never the arguments."""
        if self._log is not None:
            self._log.event(
                event,
                oid=question.person[1],
                kind=question.kind.value,
                component=question.name[:256],
                rule=question.rule,
                call=question.call[:16],
                **more,
            )


def _answers(reply: Reply, opened: _Open, question: Question) -> bool:
    """Whether a reply is that to the question which is open, and comes with the very call (M27)."""
    return (
        bool(opened.state)
        and hmac.compare_digest(reply.state.encode(), opened.state.encode())
        and opened.question.call == question.call
    )
