"""Lets one use of a tool, resource or prompt through to the target, or says why not."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from mcp_local.guard import account
from mcp_local.guard.decision_log import Outcome, note_decision
from mcp_local.guard.hosted.components import check_of
from mcp_local.guard.live import judged_as
from mcp_local.guard.question import question_of
from mcp_local.guard.question_words import CHANGED, OUTCOMES, not_confirmed
from mcp_local.guard.questions import Answer
from mcp_local.guard.wish import wishing
from mcp_local.policy.model import Action, Effect, Request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from mcp_types import InputRequiredResult

    from mcp_local.guard.hosted.asking import Ask
    from mcp_local.guard.hosted.components import AnyComponent
    from mcp_local.guard.invitations import Invitations
    from mcp_local.guard.judge import Judge
    from mcp_local.guard.question import Question
    from mcp_local.guard.questions import Questions
    from mcp_local.guard.session import Session
    from mcp_local.guard.wish import Wish
    from mcp_local.identity.model import VerifiedToken
    from mcp_local.log import Log
    from mcp_local.policy.model import Component, Decision, Kind

R = TypeVar("R")


class Refusal(Exception):
    """A use doesn't go ahead; ``text`` is for the model and the person."""

    def __init__(self, outcome: Outcome, text: str = "") -> None:
        super().__init__(text)
        self.outcome = outcome
        self.text = text


class InputNeeded(Exception):
    """A use waits for the person: the client is to ask them between two calls."""

    def __init__(self, result: InputRequiredResult) -> None:
        super().__init__()
        self.result = result


@dataclass(slots=True, eq=False)
class _Use:
    """A use under way: what its line in the log will tell."""

    kind: Kind
    wish: Wish
    token: VerifiedToken | None = None
    outcome: Outcome = Outcome.ABORTED
    began: int = field(default_factory=time.perf_counter_ns)


class Gate:
    """The way of every use, whatever its kind."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that `protect` puts together
        self,
        judge: Judge,
        session: Session,
        log: Log,
        questions: Questions,
        invitations: Invitations,
        is_listed: Callable[[Component], Awaitable[bool]],
    ) -> None:
        self._judge = judge
        self._session = session
        self._log = log
        self._questions = questions
        self._invitations = invitations
        self._is_listed = is_listed
        """Whether the person sees a component in the list, all of the target's own filters
        included."""
        self._running: set[_Use] = set()

    def abandon(self) -> None:
        """Log what still runs as aborted: the process ends."""
        for use in list(self._running):
            self._note(use)

    async def person(self, *, hold: float = 0.0, use: bool = False) -> VerifiedToken | None:
        """Return who is signed in, after a silent renewal under way (DESIGN.md 9).

        ``hold`` is how many seconds a sign-in under way is waited for; ``use`` says that something
        is to be used, which may start one. Asked even while a token is valid: near its end that
        begins its renewal, without a wait.
        """
        await self._session.ready(hold=hold, use=use)
        return self._session.current()

    async def use(
        self,
        kind: Kind,
        wish: Wish,
        find: Callable[[], Awaitable[AnyComponent | None]],
        run: Callable[[], Awaitable[R]],
        ask: Ask | None = None,
    ) -> R:
        """Run the target if the person may; one line in the log either way.

        ``ask`` is used where nobody is signed in, and where the policy wants the person's yes;
        without it nothing waits for the person.

        Raises:
            Refusal: the target heard nothing of it.
            InputNeeded: the same, but the client is to ask the person.
        """
        use = _Use(kind, wish)
        with self._noting(use):
            use.token = await self._somebody(ask)
            with wishing(wish), judged_as(use.token):
                agreed = await self._admit(wish, use.token, find, ask)
                result = await self._run(run, agreed)
            use.outcome = Outcome.ERROR if getattr(result, "is_error", False) else Outcome.OK
            return result

    @contextmanager
    def _noting(self, use: _Use) -> Generator[None]:
        """Log how the use ends; as aborted when it is cut off."""
        self._running.add(use)
        try:
            yield
        except Refusal as refusal:
            use.outcome = refusal.outcome
            raise
        except InputNeeded:
            use.outcome = Outcome.ASKED
            raise
        except Exception:
            use.outcome = Outcome.ERROR
            raise
        finally:
            self._running.remove(use)
            self._note(use)

    async def _run(self, run: Callable[[], Awaitable[R]], agreed: Question | None) -> R:
        """Run the target; where that itself waits for the person, what they agreed to still holds.

        The same call comes again then, and must not be asked about once more.
        """
        try:
            result = await run()
        except InputNeeded:
            self._let_pass_again(agreed)
            raise
        if hasattr(result, "input_required"):  # the target asks between two calls
            self._let_pass_again(agreed)
        return result

    def _let_pass_again(self, agreed: Question | None) -> None:
        if agreed is not None:
            self._questions.once_more(agreed)

    async def _somebody(self, ask: Ask | None) -> VerifiedToken:
        """Return who is signed in, perhaps after the sign-in that the call waits for.

        Raises:
            Refusal: nobody; the same for every name.
            InputNeeded: the client is to open the page of the sign-in.
        """
        token = await self.person(use=ask is None)
        if token is None and ask is not None:
            async with ask.signing_in():
                put = ask.put if ask.opens_pages else None
                needed = await self._invitations.sign_in(put, by_person=False)
            if needed is not None:
                raise InputNeeded(needed)
            token = self._session.current()
        if token is None:
            text = account.sign_in_needed(self._session.status())
            raise Refusal(Outcome.SIGN_IN_NEEDED, text)
        return token

    async def _admit(
        self,
        wish: Wish,
        token: VerifiedToken,
        find: Callable[[], Awaitable[AnyComponent | None]],
        ask: Ask | None,
    ) -> Question | None:
        """Let the wish through; return the question that the person said yes to, if one was asked.

        Raises:
            Refusal: it isn't there, or not for this person, or they didn't say yes.
            InputNeeded: the client is to ask them.
        """
        if await self._is_found(wish, find):
            return None
        component, decision = await self._denied(wish, token)
        if decision.effect is not Effect.ASK or ask is None:
            raise Refusal(Outcome.DENIED, account.denied(component, decision))
        with self._refusing_faults():
            question = question_of(
                token.identity, wish.action, component, wish.arguments or {}, decision
            )
        await self._confirm(question, ask)
        wish.agreed = (component, decision)
        wish.anew()
        if not await self._is_found(wish, find):  # the person or the policy may have changed
            await self._denied(wish, token)
            raise Refusal(Outcome.DENIED, CHANGED)
        return question

    async def _confirm(self, question: Question, ask: Ask) -> None:
        """Return once the person has said yes."""
        with self._refusing_faults():
            answer = await ask.put(question)
        if not isinstance(answer, Answer):
            raise InputNeeded(answer)
        if answer is not Answer.YES:
            raise Refusal(OUTCOMES[answer], not_confirmed(answer, question))

    async def _is_found(
        self, wish: Wish, find: Callable[[], Awaitable[AnyComponent | None]]
    ) -> bool:
        """Look the component up, which judges it; end the look-up phase where it may be used.

        What needs a yes comes before an older version that doesn't: it is what lists show.
        """
        with self._refusing_faults():
            component = await find()
            check = None if component is None else check_of(component)
            asks = wish.refused is not None and wish.refused[1].effect is Effect.ASK
            if check is None or not check.components or asks:
                return False
            wish.granted = check.components[0]
            wish.resolving = False
            return True

    async def _denied(self, wish: Wish, token: VerifiedToken) -> tuple[Component, Decision]:
        """Return what was denied to somebody who sees it in lists.

        Raises:
            Refusal: what an absent one gets.
        """
        with self._refusing_faults():
            if wish.refused is not None:
                component, _ = wish.refused
                listing = self._judge.decide(token, Request(Action.LIST), component, own_auth=True)
                if self._judge.shows(listing) and await self._is_listed(component):
                    return wish.refused
        raise Refusal(Outcome.UNKNOWN)

    @contextmanager
    def _refusing_faults(self) -> Generator[None]:
        """Turn whatever goes wrong in the guard into a refusal."""
        try:
            yield
        except Exception as fault:  # the guard's edge refuses
            self._judge.report(fault)
            raise Refusal(Outcome.FAULT, account.FAULT) from fault

    def _note(self, use: _Use) -> None:
        note_decision(
            self._log,
            kind=use.kind,
            wish=use.wish,
            token=use.token,
            outcome=use.outcome,
            elapsed_ns=time.perf_counter_ns() - use.began,
        )
