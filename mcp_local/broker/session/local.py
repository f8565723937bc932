"""Who is signed in, live, for the servers; ``LocalSession`` is a ``guard.session.Session``.

It reads sealed results, watches for those of other instances, and sends processes where something
must be asked of the authority or of the person. It imports nothing heavy: servers start with it.
"""

from __future__ import annotations

import asyncio
import math
import time
from functools import partial
from typing import TYPE_CHECKING

from mcp_local.broker import transitions
from mcp_local.broker.session.changes import Changes
from mcp_local.broker.session.declared import DeclaredSession
from mcp_local.broker.session.errands import Errands
from mcp_local.broker.session.in_client import InClient
from mcp_local.broker.session.news import News
from mcp_local.broker.session.prompting import Prompting
from mcp_local.broker.session.reader import Reader
from mcp_local.broker.session.renewing import FORCED_PATIENCE, Renewing
from mcp_local.broker.session.runner import Runner
from mcp_local.broker.session.tokens import Loop, OwnTokens, ResourceTokens
from mcp_local.broker.session.view import View
from mcp_local.broker.state_file import StateFile
from mcp_local.settings import profile_dir
from mcp_local.settings.model import SignInWhen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mcp_local.broker.session.in_client import Invite
    from mcp_local.broker.state import Status, Wanted
    from mcp_local.identity.model import VerifiedToken
    from mcp_local.log import Log
    from mcp_local.secret import Secret
    from mcp_local.settings import Settings

__all__ = ["DeclaredSession", "LocalSession"]

_BUSY, _IDLE = 0.25, 0.5
"""Seconds between two looks at the files: while a sign-in is under way, and otherwise."""
_ALIVE = 1.0
"""Seconds between two looks at whether the sign-in process still lives."""
_FIRST_READ = 10.0
"""Seconds that requests wait for the first read: the keyring is given 3."""


class LocalSession:
    """The person of this machine's profile, as every server sees them."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        *,
        log: Log,
        clock: Callable[[], float] = time.time,
        open_page: Callable[[str], bool] | None = None,
    ) -> None:
        """Prepare; reads nothing yet. ``environ`` is handed to the processes that are started.

        ``open_page`` opens a browser, where a client was to open a page and didn't; it tells
        whether it could.
        """
        self.program = ""
        self._loop = Loop()
        self._when = settings.signin.when
        self._clock = clock
        self._reader = Reader(settings, environ, clock)
        profile = profile_dir(settings)
        self._view = View(settings, self._reader, StateFile(profile), clock)
        self._runner = Runner(settings, environ, self._reader, log, self._view.hear)
        self._errands = Errands(profile, self._runner)
        self.tokens = OwnTokens(self, self._loop)
        """For a remote server of the same API."""
        self.resources = ResourceTokens(self, self._loop, self._errands, self._reader, clock)
        """For remote servers of other APIs."""
        self._news = News()
        self._loaded = False
        self._watching: asyncio.Task[None] | None = None
        self._in_client = InClient(environ)
        self._changes = Changes(log)
        self._renewing = Renewing(self._view, self._errands, self._news, self._look)
        self._prompting = Prompting(
            settings, open_page, self._view, self._errands, self._news, self._look, clock
        )
        self._alive_at = -math.inf

    def start(self, client: asyncio.Future[Invite | None] | None = None) -> None:
        """Begin, on the running event loop, once the wire is up; returns at once.

        ``client`` comes to be how the client is asked to open the page of the sign-in at the start;
        ``None``: a browser opens it.
        """
        self._loop.here()
        self._in_client.comes(client)
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    async def close(self) -> None:
        """Stop watching; a sign-in under way goes on in its own process."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self._renewing.close()
        await self._in_client.close()
        await self._prompting.close()
        self._errands.let_go()

    def current(self) -> VerifiedToken | None:
        """Return the verified, unexpired token. No I/O."""
        return self._view.current()

    def status(self) -> Status:
        """Return what is known right now; no network."""
        return self._view.status(self._runner.problem, renewing=self._renewing.under_way)

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` on the event loop each time the signed-in person or roles change."""
        self._changes.on_change(callback)

    async def ready(self, *, hold: float = 0.0, use: bool = False) -> None:
        """Wait until :meth:`current` is as good as it gets by itself; never raises."""
        deadline = time.monotonic() + hold
        await self._first_read()
        await self._renewing.for_request()
        await self._until_asked(deadline, use=use)
        if self.current() is None and self._prompting.allowed(use=use):
            self._prompting.begin(self._prompting.unasked)
            await self._until_asked(deadline, use=use)

    async def sign_in(self, *, wait: float) -> Status:
        """Start (or join) the machine's one sign-in for the person; wait ``wait`` seconds."""
        deadline = time.monotonic() + wait
        await self._first_read()
        await self._look(alive=True)
        if not self._view.settled and not self._prompting.joinable:
            self._prompting.begin(self._prompting.for_person)
        await self.finished(wait=deadline - time.monotonic())
        return self.status()

    async def invite(self, *, by_person: bool, wanted: Wanted | None = None) -> str:
        """Begin a sign-in whose page the client is to open; return its address, if there is one."""
        await self._first_read()
        await self._look(alive=True)
        more = wanted and self.resources.challenged(wanted)
        return await self._prompting.invite(by_person=by_person, wanted=more)

    def opened(self) -> None:
        """Take note that the client has opened the page."""
        self._prompting.opened()

    async def open_page(self) -> None:
        """Open in a browser what the client was to open and didn't."""
        await self._prompting.open_page()

    async def finished(self, *, wait: float) -> None:
        """Wait until no sign-in is under way, or it brings nothing more; ``wait`` in seconds."""
        asking = self._prompting
        await asking.wait(
            lambda: (self._view.settled and not asking.for_more) or not asking.under_way,
            seconds=wait,
        )

    async def resource_token(self, scopes: Sequence[str], *, claims: str = "") -> Secret:
        """Return a token for another API that meets ``claims`` (JSON), without the person.

        Raises:
            SignInNeeded: only the person can help.
            Unreachable: the authority doesn't answer, or somebody else must act.
        """
        held = self.resources.held(scopes)
        if held is not None and not claims:
            return held
        get = partial(self.resources.get, scopes, wait=FORCED_PATIENCE, used=held, claims=claims)
        return await asyncio.to_thread(get)

    async def consent(self, wanted: Wanted, *, wait: float) -> Status:
        """Start (or join) a sign-in for another API, where one may start; wait ``wait`` seconds."""
        self._prompting.consent(self.resources.challenged(wanted))
        await self._prompting.wait(lambda: not self._prompting.under_way, seconds=wait)
        return self.status()

    async def ask_for(self, wanted: Wanted, *, wait: float) -> Status:
        """Do as :meth:`consent`, through the client where it can be asked outside of a call."""
        asking = self._in_client.ask(wanted)
        if asking is None:
            return await self.consent(wanted, wait=wait)
        await asyncio.wait([asking], timeout=wait)
        return self.status()

    async def sign_out(self) -> Status:
        """Remove the account everywhere on this machine.

        Raises:
            StorageError: something can't be removed.
        """
        self._prompting.left_alone = True
        self._runner.sign_out()
        await asyncio.to_thread(self._reader.forget)
        await self._view.update(partial(transitions.signed_out, now=self._clock()))
        self._tell()
        return self.status()

    async def refresh(self) -> Status:
        """Fetch a new token now, so that roles granted a minute ago are seen."""
        await self._first_read()
        await self._renewing.for_person()
        return self.status()

    async def _watch(self) -> None:
        """Look at the files for as long as the server lives."""
        await self._look()
        if self._when is SignInWhen.START:
            self._prompting.begin(self._prompt_at_start)
        self._loaded = True
        self._news.tell()
        loop = asyncio.get_running_loop()
        while True:
            pause = _BUSY if self._prompting.under_way else _IDLE
            # At round times, as whoever else looks for something: the process wakes up once.
            await asyncio.sleep(pause - loop.time() % pause)
            await self._look()

    async def _look(self, *, alive: bool = False) -> None:
        """See what has changed; with ``alive`` also at once whether a sign-in was interrupted."""
        note_end = self._errands.reap()
        await self._view.look()
        note_end()
        now = time.monotonic()
        if self._view.waiting and (alive or now - self._alive_at >= _ALIVE):
            self._alive_at = now
            if not self._errands.signing_in and not await self._errands.sign_in_runs():
                await self._view.update(partial(transitions.interrupted, now=self._clock()))
        if self._view.waiting and self._errands.signing_in:
            await self._name_program()
        self._tell()

    async def _name_program(self) -> None:
        """Let the last page say where to go back to, as soon as the client has told its name."""
        if self.program and not self._view.state.program:
            await self._view.update(partial(transitions.go_back_to, program=self.program))

    def _tell(self) -> None:
        """Wake who waits here; tell the others when the person or what they may do has changed."""
        self._news.tell()
        known = (*self._view.known(), not self._renewing.under_way, self._runner.fault)
        self._changes.note(known, self.current, self.status)

    async def _prompt_at_start(self) -> None:
        await self._renewing.if_due()
        if self.current() is None:
            await self._first_prompt()

    async def _first_prompt(self) -> None:
        """Ask in the client, if it has said meanwhile that it can, else in the browser."""
        await self._in_client.greeted()
        if self._in_client.ask() is None:
            await self._prompting.unasked()

    async def _first_read(self) -> None:
        await self._news.until(lambda: self._loaded, seconds=_FIRST_READ)

    async def _until_asked(self, deadline: float, *, use: bool) -> None:
        """Wait for a sign-in under way, until ``time.monotonic() == deadline`` at most."""
        wait = self._prompting.wait if use else self._news.until  # lists bring nobody a code
        left = deadline - time.monotonic()
        await wait(lambda: self.current() or not self._prompting.under_way, seconds=left)
