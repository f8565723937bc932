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
from typing import TYPE_CHECKING, Final, Protocol, final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mcp_local.guard.question import Question
    from mcp_local.log import Log

PATIENCE: Final = 40.0
"""Seconds that a call waits for the person; clients give up at about 60."""
KEPT: Final = 300.0
"""Seconds in which a question can be answered, and a late yes serves the identical retry."""
PAUSE: Final = 10.0
"""Seconds in which the same call is refused without a question after a no."""
WEARY: Final = 3
"""So many noes in a row to one tool, whatever its arguments, and it isn't asked about for KEPT
seconds: who is asked often enough says yes in the end."""
MOST_OPEN: Final = 4
"""Questions open at a time, all tools together."""


class Answer(StrEnum):
    """What became of a question."""

    YES = "yes"
    """Good for one run, now. The policy must be asked again before it."""
    NO = "no"
    WAITING = "waiting"
    """Still open: the identical call, made again, finds the answer."""
    BUSY = "busy"
    """Not asked: a question about another call of the same tool is open."""
    NO_WAY = "no_way"
    """Nobody could be asked, which is a no."""


class NoWay(Exception):
    """The person can't be asked in this way."""


class Way(Protocol):
    """One way to put a question before the person, while the call waits."""

    name: str
    """For the log: ``form``, ``page``."""

    async def ask(self, question: Question) -> bool:
        """Return the person's answer; cancelled when the question has lapsed.

        Raises:
            NoWay: they can't be asked so.
        """
        ...


@dataclass(slots=True)
class _Open:
    """A question that waits for its answer."""

    question: Question
    until: float
    """When it lapses, on the ledger's clock."""
    state: str = ""
    """What the answer must bring, where it comes with another call."""
    next_at: float = 0.0
    """From when on another question may take its place."""
    task: asyncio.Task[None] | None = None
    waited_for: bool = False
    """Whether a call waits right now."""


@dataclass(slots=True)
class _Noes:
    """How often in a row the person said no to a tool, and when last."""

    count: int = 0
    at: float = field(default=0.0)


@final
class Questions:
    """All questions of one server process. Use it on one event loop only."""

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
        self._open: dict[object, _Open] = {}
        self._passes: dict[str, float] = {}
        """Calls that were said yes to and have not run yet, with the end of their time."""
        self._refused: dict[str, float] = {}
        """Calls that were said no to, and until when that is the answer."""
        self._remembered: dict[object, float] = {}
        self._noes: dict[object, _Noes] = {}

    async def settle(self, question: Question, ways: Sequence[Way]) -> Answer:
        """Ask in the first of ``ways`` that works, and wait for the answer, 40 s at most.

        Afterwards the question stays open: the identical call joins it. On YES the caller asks
        the policy again before the run, as the person or the policy may have changed meanwhile.
        """
        raise NotImplementedError

    def between_calls(self, question: Question, state: str, said: bool | None) -> Answer | str:
        """Take the answer that a call brings along; else return the state of a new question.

        For clients that ask between two calls (modern era): a text that is no :class:`Answer` is
        the ``requestState`` to send with the form. ``state`` and ``said`` are what the call
        brought, empty and ``None`` where it brought nothing.
        """
        raise NotImplementedError

    def remembered(self, question: Question) -> bool:
        """Whether the person said yes before and the rule lets that hold for this call, too."""
        raise NotImplementedError

    def once_more(self, question: Question) -> None:
        """Let the identical call pass once more: its run itself asked the client for something."""
        raise NotImplementedError

    def forget(self) -> None:
        """Forget what was to be remembered: the policy has changed."""
        raise NotImplementedError
