"""What was asked and isn't answered yet: by the client, by the server, and by the relay itself."""

from __future__ import annotations

import itertools
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from mcp_local.guard.relay.message import Id, Message
    from mcp_local.guard.relay.uses import Use

MOST: Final = 4096
"""Requests of one side that may be open at a time."""


@dataclass(slots=True, eq=False)
class Asked:
    """One request of the client."""

    method: str
    ident: Id
    modern: bool
    use: Use | None = None
    """What is used, where something is."""
    task: asyncio.Task[None] | None = None
    """What works on it, while it is held."""
    sent: bool = False
    """Whether the server is to answer it."""
    cancelled: bool = False
    """Whether the client no longer waits for the answer."""


@final
class Open:
    """All open requests. Each method is one step, so any thread may call it."""

    def __init__(self) -> None:
        self._asked: dict[Id, Asked] = {}
        self._own: dict[Id, Callable[[Message | None], None]] = {}
        self._of_server: dict[Id, str] = {}
        self._prefix = f"mcp-local-{secrets.token_hex(8)}-"
        self._numbers = itertools.count(1)

    def begin(self, message: Message) -> Asked | None:
        """Open a request of the client; ``None`` where its id is in use, or is one of ours."""
        ident = message.ident
        if ident is None or (isinstance(ident, str) and ident.startswith(self._prefix)):
            return None
        asked = Asked(message.method, ident, message.modern)
        return asked if self._asked.setdefault(ident, asked) is asked else None

    @property
    def full(self) -> bool:
        """Whether no more can be open."""
        return len(self._asked) >= MOST

    def find(self, ident: Id | None) -> Asked | None:
        """Return an open request of the client."""
        return None if ident is None else self._asked.get(ident)

    def end(self, asked: Asked) -> bool:
        """Close a request; whether it was still open."""
        return self._asked.pop(asked.ident, None) is not None

    def all(self) -> list[Asked]:
        """Return the open requests of the client."""
        return list(self._asked.values())

    def own(self, answered: Callable[[Message | None], None]) -> str:
        """Return the id of a request of ours; ``answered`` is called once, with ``None`` for never.

        It is called by the thread that heard the answer.
        """
        ident = f"{self._prefix}{next(self._numbers):08d}"
        self._own[ident] = answered
        return ident

    def take_own(self, ident: Id | None) -> Callable[[Message | None], None] | None:
        """Return what is to be told the answer to a request of ours."""
        return None if ident is None else self._own.pop(ident, None)

    def forget_own(self) -> None:
        """Tell all who wait for an answer to ours that there will be none."""
        for ident in list(self._own):
            answered = self._own.pop(ident, None)
            if answered is not None:
                answered(None)

    def pass_on(self, ident: Id, method: str) -> bool:
        """Note a request of the server that the client is to answer; False: that can't be."""
        if ident in self._of_server or len(self._of_server) >= MOST:
            return False
        self._of_server[ident] = method
        return True

    def take_answered(self, ident: Id | None) -> str:
        """Return the method of the server's request that the client has answered; empty: none."""
        return "" if ident is None else self._of_server.pop(ident, "")
