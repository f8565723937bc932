"""Tokens for remote servers, as a running server gets them; to be called from its threads.

``ResourceTokens`` fetches those of other APIs by broker processes; ``OwnTokens`` hands out the one
that says who is signed in, where the remote server is the very API that it was issued for.
"""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, TypeVar, final

from mcp_local.broker.resources import ResourceToken, key_of, load_resources
from mcp_local.broker.state import Wanted
from mcp_local.errors import SignInNeeded, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from mcp_local.broker.session.errands import Errands
    from mcp_local.broker.session.reader import Reader
    from mcp_local.broker.state import Problem, Status
    from mcp_local.identity.model import VerifiedToken
    from mcp_local.secret import Secret

T = TypeVar("T")

_LOOP = 10.0
"""Seconds until the session must have begun."""


class Person(Protocol):
    """What is needed of the session."""

    def current(self) -> VerifiedToken | None:
        """Return the verified, unexpired token."""
        ...

    async def ready(self, *, hold: float = 0.0, use: bool = False) -> None:
        """Wait until :meth:`current` is as good as it gets by itself."""
        ...

    async def sign_in(self, *, wait: float) -> Status:
        """Have the person asked; wait so many seconds."""
        ...

    async def refresh(self) -> Status:
        """Fetch a new token now."""
        ...

    async def ask_for(self, wanted: Wanted, *, wait: float) -> Status:
        """Have the person asked for another API; wait so many seconds."""
        ...


class Loop:
    """The session's event loop, which other threads may have work done on."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._there = threading.Event()

    def here(self) -> None:
        """Take the running loop."""
        self._loop = asyncio.get_running_loop()
        self._there.set()

    def run(self, work: Coroutine[object, object, T], *, seconds: float) -> T:
        """Return what ``work`` returns.

        Raises:
            Unreachable: it takes longer than ``seconds``.
        """
        if not self._there.wait(_LOOP) or self._loop is None:
            work.close()
            raise Unreachable("The session isn't there yet.", hint="Try again in a moment.")
        running = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return running.result(seconds)
        except TimeoutError:
            raise Unreachable(
                "The token takes too long to come.", hint="Try again in a moment."
            ) from None


@final
class OwnTokens:
    """The person's own token: for a remote server whose API is the one of the settings."""

    def __init__(self, person: Person, loop: Loop) -> None:
        self._person = person
        self._loop = loop

    def held(self, scopes: Sequence[str]) -> Secret | None:
        """Return the token, if it is there; never an expired one. No I/O."""
        del scopes
        token = self._person.current()
        return None if token is None or token.only_tags is not None else token.token

    def get(
        self, scopes: Sequence[str], *, wait: float, used: Secret | None = None, claims: str = ""
    ) -> Secret:
        """Return the token; another than ``used``, which was refused.

        Raises:
            SignInNeeded: there is none without the person.
        """
        if claims:
            raise SignInNeeded("The server asks for a stronger sign-in.")
        if used is not None:
            self._loop.run(self._person.refresh(), seconds=wait + _LOOP)
        else:
            self._loop.run(self._person.ready(use=True), seconds=wait + _LOOP)
        token = self.held(scopes)
        if token is None or token == used:
            raise SignInNeeded("Nobody is signed in.", hint="Sign in: `mcp-local login`.")
        return token

    def sign_in(self, scopes: Sequence[str], *, claims: str, again: bool, wait: float) -> Status:
        """Have the person asked; return where that stands after ``wait`` seconds.

        ``again``: even if there is a token without it.
        """
        work = self._person.ask_for(Wanted(tuple(scopes), claims, again), wait=wait)
        return self._loop.run(work, seconds=wait + _LOOP)


@final
class ResourceTokens:
    """Tokens of other APIs, kept sealed by the processes that fetch them."""

    def __init__(
        self,
        person: Person,
        loop: Loop,
        errands: Errands,
        reader: Reader,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._person = person
        self._loop = loop
        self._errands = errands
        self._reader = reader
        self._clock = clock
        self._known: dict[str, tuple[object, ResourceToken]] = {}
        """By the scopes: which sign-in it belongs to, and the token."""
        self._renewals: set[asyncio.Task[ResourceToken]] = set()

    def held(self, scopes: Sequence[str]) -> Secret | None:
        """Return the token while nothing need be done about it. One ``stat``."""
        whose, kept = self._known.get(key_of(scopes), (None, ResourceToken()))
        if self._clock() >= kept.renew_at or whose != self._whose():
            return None
        return kept.token

    def get(
        self, scopes: Sequence[str], *, wait: float, used: Secret | None = None, claims: str = ""
    ) -> Secret:
        """Return a token; another than ``used``, which was refused, and one that meets ``claims``.

        A token that is due is renewed beside its use (O16).

        Raises:
            SignInNeeded: only the person can help; ``claims`` of it go to the sign-in.
            Unreachable: the authority doesn't answer, or somebody else must act.
        """
        work = self._get(scopes, used, claims)
        kept = self._loop.run(work, seconds=max(wait, _LOOP))
        if kept.token is not None and kept.token != used and self._clock() < kept.expires_at:
            return kept.token
        raise _why(kept)

    def sign_in(self, scopes: Sequence[str], *, claims: str, again: bool, wait: float) -> Status:
        """Have the person asked; return where that stands after ``wait`` seconds.

        ``again``: even if there is a token without it.
        """
        work = self._person.ask_for(Wanted(tuple(scopes), claims, again), wait=wait)
        return self._loop.run(work, seconds=wait + _LOOP)

    def challenged(self, wanted: Wanted) -> Wanted:
        """Return it with the claims that the authority demanded when the token was last tried."""
        known = self._known.get(key_of(wanted.scopes), (None, ResourceToken()))[1]
        return replace(wanted, claims=wanted.claims or known.claims)

    async def _get(self, scopes: Sequence[str], used: Secret | None, claims: str) -> ResourceToken:
        await self._person.ready(use=True)
        kept = await self._read(scopes)
        good = kept.token is not None and kept.token != used and self._clock() < kept.expires_at
        if not good or claims:
            return await self._fetch(scopes, used, claims)
        if self._clock() >= kept.renew_at and not self._renewals:
            renewal = asyncio.get_running_loop().create_task(self._fetch(scopes, kept.token, ""))
            self._renewals.add(renewal)
            renewal.add_done_callback(self._renewals.discard)
        return kept

    async def _fetch(
        self, scopes: Sequence[str], used: Secret | None, claims: str
    ) -> ResourceToken:
        """Send for a token, unless another instance has brought one meanwhile."""
        began = self._clock()

        async def needed() -> bool:
            kept = await self._read(scopes)
            fresh = kept.token is not None and kept.token != used
            return kept.tried_at < began and (bool(claims) or not fresh or self._due(kept))

        await self._errands.fetch(scopes, force=used is not None, claims=claims, needed=needed)
        return await self._read(scopes)

    def _due(self, kept: ResourceToken) -> bool:
        return self._clock() >= kept.renew_at

    async def _read(self, scopes: Sequence[str]) -> ResourceToken:
        key = key_of(scopes)
        whose = self._whose()
        resources = await asyncio.to_thread(lambda: load_resources(self._reader.store()))
        kept = resources.get(key, ResourceToken())
        self._known[key] = (whose, kept)
        return kept

    def _whose(self) -> object:
        """Return what changes whenever somebody signs in or out."""
        token = self._person.current()
        return token and token.identity.key


def _why(kept: ResourceToken) -> SignInNeeded | Unreachable:
    problem: Problem | None = kept.problem
    if problem is None:
        return SignInNeeded("No token was brought for it.", hint="See `mcp-local logs`.")
    kind = SignInNeeded if kept.person_helps else Unreachable
    return kind(problem.message, hint=problem.hint)
