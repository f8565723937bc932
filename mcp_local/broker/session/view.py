"""What one server knows of the person, kept up to date by looking at the profile's files."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from mcp_local.broker.session.reader import Kept, Reader
from mcp_local.broker.state import Phase, Problem, SignInState, Status
from mcp_local.broker.state_file import StateFile, counted, may_renew
from mcp_local.broker.status import with_person
from mcp_local.broker.transitions import WAITING
from mcp_local.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp_local.identity.model import VerifiedToken
    from mcp_local.settings import Settings


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
        self._graced: VerifiedToken | None = None
        """The same token as it may be used beyond its end."""
        self._told = SignInState()
        """What our own processes say of the sign-in; counts where the state file is older."""
        self._seen: object = None
        self._looking = asyncio.Lock()

    def valid(self) -> VerifiedToken | None:
        """Return the verified token within its time."""
        token = self._kept.token
        if token is None or self._clock() >= token.valid_until or time.monotonic() >= self._ends:
            return None
        return token

    def current(self) -> VerifiedToken | None:
        """Return the verified token; past its time, what ``offline.grace`` leaves of it."""
        return self.valid() or self._in_grace()

    def _in_grace(self) -> VerifiedToken | None:
        """Return the expired token while the authority is tried in vain, and has not refused it."""
        grace, graced, state = self._reader.grace, self._graced, self.state
        if graced is None or not state.faults or state.refused or self.wants_person:
            return None
        over = time.monotonic() >= self._ends + grace.seconds  # J25
        return None if over or self._clock() >= grace.end(graced) else graced

    @property
    def waiting(self) -> bool:
        """Whether a person is being asked."""
        return self.state.phase in WAITING

    @property
    def wants_person(self) -> bool:
        """Whether only a person can change anything."""
        return self.state.phase.wants_person

    @property
    def settled(self) -> bool:
        """Whether somebody is signed in and nothing more is asked of them."""
        return self.valid() is not None and not self.wants_person

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

    def known(self) -> tuple[object, ...]:
        """Return what :meth:`status` is made of; the same objects while nothing has changed."""
        return (self.state, self._kept, self.current())

    def status(self, fault: Problem | None, *, renewing: bool = False) -> Status:
        """Return what a person may want to know; ``fault`` where nothing else is wrong."""
        state, token = self.state, self.current()
        status = Status(
            self._phase(renewing=renewing),
            signed_in=token is not None,
            storage=self._reader.storage,
            start_url=state.start_url,
            user_code=state.user_code,
            verification_uri=state.verification_uri,
            problem=state.problem or (None if token else self._kept.problem) or fault,
            development=self._development,
            grace=self._reader.grace,
        )
        return status if token is None else with_person(status, token, self._reader.grace)

    def _phase(self, *, renewing: bool) -> Phase:
        if self.waiting or self.wants_person:
            return self.state.phase
        if renewing:
            return Phase.REFRESHING
        if self.current() is not None:
            return Phase.OFFLINE if self.state.faults else Phase.SIGNED_IN
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
            self._ends = time.monotonic() + token.valid_until - self._clock()
            grace = self._reader.grace
            self._graced = grace.extended(token) if grace.granted else None
        self._kept = kept
        if token is None:
            self._graced = None
