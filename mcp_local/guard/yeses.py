"""What the person said to questions before, and for how long it counts (POLICY.md 2, M27)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

from mcp_local.policy.model import CALL_ONLY

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp_local.guard.question import Question
    from mcp_local.policy.model import Kind

KEPT: Final = 300.0
"""Seconds in which a question can be answered, and in which a late yes serves its retry."""
PAUSE: Final = 10.0
"""Seconds in which a call that was said no to is refused without a question."""
WEARY: Final = 3
"""So many noes in a row to one tool, whatever its arguments, and nothing of it is asked for KEPT
seconds: who is asked often enough says yes in the end."""


@dataclass(frozen=True, slots=True)
class _Noes:
    """Noes in a row to one tool."""

    count: int
    until: float
    """When they are forgotten."""


@final
class Yeses:
    """The answers that count beyond the moment. Times are seconds of ``clock``."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._passes: dict[str, float] = {}
        """Calls that may run once, by their hash, with the end of their time."""
        self._refused: dict[str, float] = {}
        """Calls that may not, the same way."""
        self._holding: dict[object, float] = {}
        """Person, component (of a template the address shown) and rule for which a yes holds, with
        the end of its time."""
        self._noes: dict[tuple[Kind, str], _Noes] = {}

    def agree(self, question: Question) -> None:
        """Write a yes down: for one run of the call, and for as long as its rule says."""
        self._noes.pop(question.about, None)
        self.let_pass(question)
        if question.remember > CALL_ONLY:
            self._holding[_held(question)] = self._clock() + question.remember

    def let_pass(self, question: Question) -> None:
        """Let the very call run once, within five minutes."""
        self._prune()
        self._passes[question.call] = self._clock() + KEPT

    def decline(self, question: Question) -> None:
        """Write a no down."""
        self._prune()
        now = self._clock()
        before = self._noes.get(question.about)
        count = 1 + (before.count if before else 0)
        self._noes[question.about] = _Noes(count, now + KEPT)
        self._refused[question.call] = now + PAUSE

    def take(self, question: Question) -> bool:
        """Whether the call may run now; a yes for one run is used up."""
        once = self._passes.pop(question.call, 0.0) > self._clock()
        return once or self.holds(question)

    def holds(self, question: Question) -> bool:
        """Whether a yes to an earlier call holds for this one."""
        return self._holding.get(_held(question), 0.0) > self._clock()

    def refuses(self, question: Question) -> bool:
        """Whether the person's no still counts."""
        now = self._clock()
        noes = self._noes.get(question.about)
        weary = noes is not None and noes.count >= WEARY and noes.until > now
        return weary or self._refused.get(question.call, 0.0) > now

    def forget(self) -> None:
        """Forget what holds for more than one call."""
        self._holding.clear()

    def _prune(self) -> None:
        """Drop what no longer counts, so that memory stays bounded."""
        now = self._clock()
        for kept in (self._passes, self._refused):
            for call in [call for call, until in kept.items() if until <= now]:
                del kept[call]
        for about in [about for about, noes in self._noes.items() if noes.until <= now]:
            del self._noes[about]


def _held(question: Question) -> tuple[object, ...]:
    rule = (question.rule, question.reason, question.remember)
    return (question.person, question.about, question.subject, rule)
