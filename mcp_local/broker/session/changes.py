"""Tells of changes: servers, of another person or other roles; the log, of each state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_local.broker.state import Phase
from mcp_local.broker.status import WORDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp_local.broker.state import Status, Storage
    from mcp_local.identity.model import VerifiedToken
    from mcp_local.log import Log


class Changes:
    """Compares what is known now with what was known at the last look. For one event loop."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._callbacks: list[Callable[[], None]] = []
        self._known: object = None
        self._person: object = None
        self._state = ""
        self._storage: Storage | None = None

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` each time the signed-in person or what they may do changes."""
        self._callbacks.append(callback)

    def note(
        self,
        known: tuple[object, ...],
        token: Callable[[], VerifiedToken | None],
        status: Callable[[], Status],
    ) -> None:
        """Take in what is known now; ``token`` and ``status`` follow from it alone."""
        if known != self._known:  # asked at each look, all day long: most of them find nothing
            self._known = known
            self._compare(token(), status())

    def _compare(self, token: VerifiedToken | None, status: Status) -> None:
        self._warn_of(status.storage)
        state = WORDS[status.phase]
        if state != self._state:
            self._state = state
            told = None if status.phase is Phase.SIGNED_IN else status.problem  # that of before
            code = told.code if told else ""
            self._log.event("state", level="info", now=state, why=code, grace=status.in_grace)
        who = token and token.identity
        person = who and (who.key, who.roles, who.scopes, who.groups, token and token.only_tags)
        if person != self._person:
            self._person = person
            for callback in self._callbacks:
                callback()

    def _warn_of(self, storage: Storage | None) -> None:
        """Say where a sign-in ends with the server (C12, C13)."""
        if storage != self._storage and storage is not None and storage.kind == "memory":
            self._log.event("memory_only", level="warning", why=storage.detail)
        self._storage = storage
