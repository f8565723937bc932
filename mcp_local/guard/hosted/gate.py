"""Lets one use of a tool, resource or prompt through to the target, or says why not."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from mcp_local.guard import account
from mcp_local.guard.decision_log import Outcome, note_decision
from mcp_local.guard.hosted.components import check_of
from mcp_local.guard.judge import wishing
from mcp_local.guard.live import judged_as
from mcp_local.policy.model import Action, Request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mcp_local.guard.hosted.components import AnyComponent
    from mcp_local.guard.judge import Judge, Wish
    from mcp_local.guard.session import Session
    from mcp_local.identity.model import VerifiedToken
    from mcp_local.log import Log
    from mcp_local.policy.model import Component, Kind

R = TypeVar("R")


class Refusal(Exception):
    """A use doesn't go ahead; ``text`` is for the model and the person."""

    def __init__(self, outcome: Outcome, text: str = "") -> None:
        super().__init__(text)
        self.outcome = outcome
        self.text = text


class Gate:
    """The way of every use, whatever its kind."""

    def __init__(
        self,
        judge: Judge,
        session: Session,
        log: Log,
        is_listed: Callable[[Component], Awaitable[bool]],
    ) -> None:
        self._judge = judge
        self._session = session
        self._log = log
        self._is_listed = is_listed
        """Whether the person sees a component in the list, all of the target's own filters
        included."""
        self._running: dict[int, Callable[[], None]] = {}
        """How to log each use under way."""

    def abandon(self) -> None:
        """Log what still runs as aborted: the process ends."""
        for note in list(self._running.values()):
            note()

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
    ) -> R:
        """Run the target if the person may; one line in the log either way.

        Raises:
            Refusal: the target heard nothing of it.
        """
        began = time.perf_counter_ns()
        outcome = Outcome.ABORTED
        token: VerifiedToken | None = None

        def note() -> None:
            self._note(kind, wish, token, outcome, time.perf_counter_ns() - began)

        self._running[id(wish)] = note
        try:
            token = await self._somebody()
            with wishing(wish), judged_as(token.identity):
                await self._admit(wish, token, find)
                result = await run()
            outcome = Outcome.ERROR if getattr(result, "is_error", False) else Outcome.OK
        except Refusal as refusal:
            outcome = refusal.outcome
            raise
        except Exception:
            outcome = Outcome.ERROR
            raise
        else:
            return result
        finally:
            del self._running[id(wish)]
            note()

    async def _somebody(self) -> VerifiedToken:
        """Return who is signed in.

        Raises:
            Refusal: nobody; the same for every name.
        """
        token = await self.person(use=True)
        if token is None:
            text = account.sign_in_needed(self._session.status())
            raise Refusal(Outcome.SIGN_IN_NEEDED, text)
        return token

    async def _admit(
        self,
        wish: Wish,
        token: VerifiedToken,
        find: Callable[[], Awaitable[AnyComponent | None]],
    ) -> None:
        """Look the component up, which judges it; end the look-up phase of the wish.

        Raises:
            Refusal: it isn't there, or not for this person.
        """
        try:
            component = await find()
            check = None if component is None else check_of(component)
            if check is not None and check.components:
                wish.granted = check.components[0]
                wish.resolving = False
                return
            refused = await self._refused(wish, token)
        except Exception as fault:  # the guard's edge refuses
            self._judge.report(fault)
            raise Refusal(Outcome.FAULT, account.FAULT) from fault
        raise refused

    async def _refused(self, wish: Wish, token: VerifiedToken) -> Refusal:
        """Return the reason to somebody who sees the component, else what an absent one gets."""
        if wish.refused is None:
            return Refusal(Outcome.UNKNOWN)
        component, decision = wish.refused
        listing = self._judge.decide(token, Request(Action.LIST), component, own_auth=True)
        if self._judge.shows(listing) and await self._is_listed(component):
            return Refusal(Outcome.DENIED, account.denied(component, decision))
        return Refusal(Outcome.UNKNOWN)

    def _note(
        self,
        kind: Kind,
        wish: Wish,
        token: VerifiedToken | None,
        outcome: Outcome,
        elapsed_ns: int,
    ) -> None:
        note_decision(
            self._log,
            kind=kind,
            wish=wish,
            token=token,
            outcome=outcome,
            elapsed_ns=elapsed_ns,
        )
