"""What was asked and isn't answered yet: by the client, by the server, and by the relay itself."""

from __future__ import annotations

import itertools
import os
from collections import deque
from typing import TYPE_CHECKING, Final, final

from mcp_local.guard.stdio import MAX_LINE

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from mcp_local.guard.question import Question
    from mcp_local.guard.relay.message import Id, Message
    from mcp_local.guard.relay.uses import Use

    Answered = Callable[[Message | None], None]
    """Is told an answer, or ``None`` for never."""
    Known = tuple[bytes, bytes]
    """An answer of before: what stood before the id, and after it."""

MOST: Final = 4096
"""Requests of one side that may be open at a time."""
MOST_HELD: Final = 64 * 1024 * 1024
"""Bytes of requests that wait here."""
_MOST_CANCELLED: Final = 256
"""Cancelled requests that a server may still answer."""
_DIGITS: Final = 20
"""Of no id are there more."""
_PREFIX: Final = "mcp-local-"


@final
class Asked:
    """One request of the client. No dataclass: they take a while to load, and this comes early."""

    __slots__ = (
        *("cancelled", "ident", "life", "method", "modern"),
        *("question", "sent", "size", "task", "use"),
    )

    def __init__(self, message: Message, ident: Id) -> None:
        self.method = message.method
        self.ident = ident
        self.modern = message.modern
        self.size = len(message.raw)
        """Bytes."""
        self.use: Use | None = None
        """What is used, where something is."""
        self.question: Question | None = None
        """What the person said yes to, for this use."""
        self.task: asyncio.Task[None] | None = None
        """What works on it, while it is held."""
        self.life: int | None = None
        """That of the server whose lists it is judged by (see ``Relay.life``); ``None``: none."""
        self.sent = False
        """Whether the server is to answer it."""
        self.cancelled = False
        """Whether the client no longer waits for the answer."""


@final
class Open:
    """The open requests of the client. Each method is one step, so any thread may call it."""

    def __init__(self) -> None:
        self._asked: dict[Id, Asked] = {}
        self._cancelled: deque[Asked] = deque()

    def begin(self, message: Message) -> Asked | None:
        """Open a request; ``None`` where its id is in use, or looks like one of ours."""
        ident = message.ident
        if ident is None or (isinstance(ident, str) and ident.startswith(_PREFIX)):
            return None
        asked = Asked(message, ident)
        return asked if self._asked.setdefault(ident, asked) is asked else None

    def has_room(self, size: int) -> bool:
        """Whether one more, of so many bytes, can be open."""
        if len(self._asked) < MOST_HELD // MAX_LINE:  # then even the longest have it
            return True
        held = sum(asked.size for asked in self.all() if not asked.sent)
        return len(self._asked) < MOST and held + size <= MOST_HELD

    def find(self, ident: object) -> Asked | None:
        """Return an open request."""
        return self._asked.get(ident) if isinstance(ident, int | str) else None

    def answered_by(self, ident: Id) -> Asked | None:
        """Return the open request that an answer is for; SDKs take ``"7"`` for ``7``, too."""
        asked = self._asked.get(ident)
        if asked is None and isinstance(ident, str) and ident.isdecimal() and len(ident) < _DIGITS:
            return self._asked.get(int(ident))
        return asked

    def end(self, asked: Asked) -> bool:
        """Close a request; whether it was still open."""
        if self._asked.get(asked.ident) is not asked:
            return False
        return self._asked.pop(asked.ident, None) is asked

    def cancel(self, asked: Asked) -> Asked | None:
        """Keep a cancelled one for an answer on its way; return another that is given up for it."""
        asked.cancelled = True
        self._cancelled.append(asked)
        if len(self._cancelled) <= _MOST_CANCELLED:
            return None
        oldest = self._cancelled.popleft()
        return oldest if self.end(oldest) else None

    def all(self) -> list[Asked]:
        """Return them, oldest first."""
        return list(self._asked.values())


@final
class Own:
    """Requests of the relay's own to one side. Each method is one step."""

    def __init__(self) -> None:
        self._waiting: dict[object, Answered] = {}
        self._known: dict[str, Known] = {}
        self._prefix = f"{_PREFIX}{os.urandom(8).hex()}-"
        """Of this side alone: the other one can't answer in its place (M27)."""
        self._numbers = itertools.count(1)

    def ask(self, answered: Answered, known: Known | None = None) -> str:
        """Return the id of a new request; ``answered`` is called once, by the thread that hears.

        ``known`` is the answer of before; one just like it needn't be read again.
        """
        ident = f"{self._prefix}{next(self._numbers):08d}"
        self._waiting[ident] = answered
        if known is not None:
            self._known[ident] = known
        return ident

    def recognise(self, line: bytes) -> str:
        """Return the id of the request that a line answers just as before; empty: none."""
        for ident, (head, tail) in list(self._known.items()) if self._known else ():
            size = len(head) + len(ident) + len(tail)
            if len(line) == size and line.startswith(head) and line.endswith(tail):
                return ident if line[len(head) : len(line) - len(tail)] == ident.encode() else ""
        return ""

    def is_own(self, ident: object) -> bool:
        """Whether an id is one of these, open or not."""
        return isinstance(ident, str) and ident.startswith(self._prefix)

    def is_open(self, ident: str) -> bool:
        """Whether somebody still waits for the answer."""
        return ident in self._waiting

    def take(self, ident: object) -> Answered | None:
        """Return whom to tell the answer to a request, once."""
        if self._known and isinstance(ident, str):
            self._known.pop(ident, None)
        return self._waiting.pop(ident, None) if isinstance(ident, str) else None

    def drain(self) -> list[Answered]:
        """Forget all who wait; return them, who are to be told that there will be no answer."""
        self._known.clear()
        waiting = (self._waiting.pop(ident, None) for ident in list(self._waiting))
        return [answered for answered in waiting if answered is not None]


@final
class OfServer:
    """Requests of the server that the client is to answer. Each method is one step."""

    def __init__(self) -> None:
        self._methods: dict[Id, str] = {}

    def begin(self, ident: Id, method: str) -> bool:
        """Note a request that is passed on; False: its id is in use, or there are too many."""
        if ident in self._methods or len(self._methods) >= MOST:
            return False
        self._methods[ident] = method
        return True

    def end(self, ident: object) -> bool:
        """Note that one was answered or taken back; whether it was open."""
        return isinstance(ident, int | str) and self._methods.pop(ident, None) is not None

    def clear(self) -> None:
        """Forget all: the server that asked is gone."""
        self._methods.clear()
