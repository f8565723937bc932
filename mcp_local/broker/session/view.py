"""What one server knows of the person, kept up to date by looking at the profile's files."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from mcp_local.broker.session.reader import Kept, Reader
from mcp_local.broker.state import Phase, Problem, SignInState, Status
from mcp_local.broker.state_file import StateFile, counted, may_renew
from mcp_local.broker.transitions import WAITING
from mcp_local.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp_local.identity.model import Identity, VerifiedToken
    from mcp_local.settings import Settings

_WANTS_PERSON = frozenset({Phase.NEEDS_YOU, Phase.BLOCKED})


class View:
    """The last verified token and the state of the sign-in. For one event loop."""

    def __init__(
        self, settings: Settings, reader: Reader, file: StateFile, clock: Callable[[], float]
    ) -> None:
        self.state = SignInState()
        self._development = settings.development
        self._reader = reader
        self._file = file
        self._clock = clock
        self._kept = Kept()
        self._ends = 0.0
        """``time.monotonic()`` when the token ends, whatever is done to the clock (J25)."""
        self._told = SignInState()
        """What our own processes say of the sign-in; counts where the state file is older."""
        self._seen: object = None
        self._looking = asyncio.Lock()

    def current(self) -> VerifiedToken | None:
        """Return the verified token while it is valid."""
        token = self._kept.token
        if token is None or self._clock() >= token.valid_until or time.monotonic() >= self._ends:
            return None
        return token

    def identity(self) -> Identity | None:
        """Return who is signed in."""
        token = self.current()
        return None if token is None else token.identity

    @property
    def waiting(self) -> bool:
        """Whether a person is being asked."""
        return self.state.phase in WAITING

    @property
    def wants_person(self) -> bool:
        """Whether only a person can change anything."""
        return self.state.phase in _WANTS_PERSON

    @property
    def settled(self) -> bool:
        """Whether somebody is signed in and nothing more is asked of them."""
        return self.current() is not None and not self.wants_person

    def renewal_due(self) -> bool:
        """Tell whether the authority should be asked for a new token now."""
        now = self._clock()
        return (
            self._kept.renewable
            and now >= self._kept.renew_at
            and may_renew(self.state, now)
            and not self.waiting
            and not self.wants_person
        )

    async def look(self) -> None:
        """Read again what has changed. Two calls of ``stat`` when nothing has."""
        async with self._looking:
            seen = (self._file.version(), self._reader.version(), self._told)
            if seen != self._seen:
                self.state, kept = await asyncio.to_thread(self._read)
                self._take(kept)
                self._seen = seen

    async def update(self, step: Callable[[SignInState], SignInState]) -> None:
        """Take one step of the state machine, for all instances where that is possible."""
        try:
            await asyncio.to_thread(self._file.update, step)
        except StorageError:
            self.hear(counted(self.state, step))
        await self.look()

    def hear(self, state: SignInState) -> None:
        """Take in what a process of ours says; from any thread."""
        self._told = state

    def status(self, fault: Problem | None) -> Status:
        """Return what a person may want to know; ``fault`` where nothing else is wrong."""
        state, token = self.state, self.current()
        status = Status(
            self._phase(),
            signed_in=token is not None,
            storage=self._reader.storage,
            start_url=state.start_url,
            user_code=state.user_code,
            verification_uri=state.verification_uri,
            problem=state.problem or (None if token else self._kept.problem) or fault,
            development=self._development,
        )
        return status if token is None else _with_person(status, token)

    def _phase(self) -> Phase:
        if self.waiting or self.wants_person:
            return self.state.phase
        if self.current() is not None:
            return Phase.SIGNED_IN
        return Phase.SIGNED_OUT if self.state.phase is Phase.SIGNED_IN else self.state.phase

    def _read(self) -> tuple[SignInState, Kept]:
        """Read the state before the token: a state of *signed in* comes after its token."""
        state = self._told
        try:
            kept_state = self._file.read()
        except StorageError:
            kept_state = SignInState()
        if kept_state.generation >= state.generation:
            state = kept_state
        return state, self._reader.read()

    def _take(self, kept: Kept) -> None:
        token = kept.token
        if token is not None and token is not self._kept.token:
            self._ends = time.monotonic() + max(0.0, token.valid_until - self._clock())
        self._kept = kept


def _with_person(status: Status, token: VerifiedToken) -> Status:
    who = token.identity
    return replace(
        status,
        name=who.name,
        username=who.username,
        object_id=who.object_id,
        tenant_id=who.tenant_id,
        roles=tuple(sorted(who.roles)),
        scopes=tuple(sorted(who.scopes)),
        expires_at=float(who.expires_at),
        usable_until=token.valid_until,
    )
