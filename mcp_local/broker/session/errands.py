"""What a server has done for it by broker processes: one at a time of a kind on this machine.

Many servers start at once and all find the same thing missing; a lock beside each errand lets one
of them send a process and the others wait for what it brings (SECURITY.md O14, O19).
"""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from mcp_local.broker.session import processes
from mcp_local.broker.session.handover import fill, pack, unpack
from mcp_local.broker.session.processes import Process
from mcp_local.broker.state import Problem
from mcp_local.broker.state_file import sign_in_lock
from mcp_local.broker.storage.entries import Entry
from mcp_local.broker.storage.files import FileLock
from mcp_local.errors import ExitCode, StorageError
from mcp_local.settings import profile_dir

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence

    from mcp_local.broker.session.reader import Reader
    from mcp_local.broker.state import SignInState, Wanted
    from mcp_local.broker.storage.store import Store
    from mcp_local.log import Log
    from mcp_local.settings import Settings

    Needed = Callable[[], Awaitable[bool]]

T = TypeVar("T")

_PROCESS, _FILES = 0.1, 0.25
"""Seconds between two looks at a process of ours, and at files and locks."""
_LONGEST_TURN = 120.0
"""Seconds; a renewal waits 60 for another one, and its requests take less."""
_FAULT = Problem(
    "not_started",
    "mcp-local can't do this in the background.",
    "Run `mcp-local login` in a terminal: it says why.",
)
_EXPECTED = {ExitCode.OK, ExitCode.SIGN_IN_NEEDED, ExitCode.UNREACHABLE, ExitCode.INTERRUPTED}
"""How processes end that have said the rest in the state file."""


class Errands:
    """Sends processes for sign-in and renewal. For the event loop; what blocks runs in threads."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        reader: Reader,
        log: Log,
        told: Callable[[SignInState], None],
    ) -> None:
        """Prepare. ``told`` is called, in a thread, with what a process says to us alone."""
        self._told = told
        self._settings = settings
        self._environ = environ
        self._reader = reader
        self._log = log
        self._profile = profile_dir(settings)
        self._sign_in: Process | None = None
        self._epoch = 0
        """Grows with each sign-out."""
        self._filling = threading.Lock()
        self.fault = False
        """The last process ended in a way that it couldn't tell of."""

    @property
    def problem(self) -> Problem | None:
        """What a person is told after a :attr:`fault`."""
        return _FAULT if self.fault else None

    @property
    def shared(self) -> bool:
        """Whether other instances see what a process brings."""
        storage = self._reader.storage
        return storage is not None and storage.kind != "memory"

    async def renew(self, *, force: bool, needed: Needed) -> None:
        """Have the token renewed, and wait until that is over.

        ``needed`` is asked again when it is our turn, since another instance may have done it.
        """
        async with self._turn("renewal", needed) as ours:
            if ours:
                process = await self._send(
                    ["refresh", *(["--force"] if force else [])],
                    wanted=self._as_signed_in(),
                )
                if process is not None:
                    await self._end(process)

    async def fetch(
        self, scopes: Sequence[str], *, force: bool, claims: str, needed: Needed
    ) -> None:
        """Have a token for another API fetched and kept, and wait until that is over.

        ``needed`` is asked again when it is our turn, since another instance may have done it.
        """
        async with self._turn("resource", needed) as ours:
            if ours:
                process = await self._send(
                    ["token", *(["--force"] if force else []), *_wanting(scopes, claims)],
                    wanted=self._as_signed_in(),
                )
                if process is not None:
                    await self._end(process)

    async def sign_in(
        self,
        *,
        needed: Needed,
        begun: Needed,
        wanted: Wanted | None = None,
        by_client: bool = False,
        by_device: bool = False,
    ) -> None:
        """Have the person asked, and wait until that has begun, or is over already.

        ``wanted`` is for another API. With ``by_client`` the page is left to the client to open;
        with ``by_device`` they get a code, whatever the settings say.

        ``needed`` is asked again when it is our turn, since another instance may have done it;
        ``begun`` whether the person is being asked.
        """
        async with self._turn("starting", needed) as ours:
            if not ours:
                return
            await self._until_begun(begun)  # a sign-in that is about to begin, or to end
            if await needed():
                again = wanted is not None and wanted.again
                flags = {"--again": again, "--no-browser": by_client, "--device": by_device}
                given = [flag for flag, is_given in flags.items() if is_given]
                more = [] if wanted is None else _wanting(wanted.scopes, wanted.claims)
                command = ["login", *given, *more]
                self._sign_in = await self._send(command, wanted=lambda: True)
                await self._until_begun(begun)

    async def _until_begun(self, begun: Needed) -> None:
        while self.signing_in or (self.shared and await self.sign_in_runs()):
            if await begun():
                return
            await asyncio.sleep(_FILES)

    @property
    def signing_in(self) -> bool:
        """Whether a sign-in process of ours is at work, as far as ``reap`` has seen."""
        return self._sign_in is not None

    def end_sign_in(self) -> None:
        """End our sign-in process, since the person is to be asked in another way."""
        if self._sign_in is not None:
            self._sign_in.end()

    def reap(self) -> Callable[[], None]:
        """See whether our sign-in process has ended; return what takes note of that.

        To be called before and after looking at what it left, so that nobody sees a sign-in that
        is over without seeing its result.
        """
        process = self._sign_in
        over = process is not None and self._over(process)

        def note() -> None:
            if over and self._sign_in is process:
                self._sign_in = None

        return note

    async def sign_in_runs(self) -> bool:
        """Tell whether a sign-in process is at work for anybody: it holds its lock till the end."""
        with suppress(StorageError):
            return await asyncio.to_thread(FileLock(sign_in_lock(self._profile)).held_elsewhere)
        return self.signing_in

    def sign_out(self) -> None:
        """Ignore what a renewal under way brings back: nobody is signed in any more (C16)."""
        with self._filling:
            self._epoch += 1

    def _as_signed_in(self) -> Callable[[], bool]:
        """Return what tells whether nobody has signed out since now, here or elsewhere (C16)."""
        epoch, was_there = self._epoch, self._is_kept()
        return lambda: self._epoch == epoch and (not was_there or self._is_kept())

    def _is_kept(self) -> bool:
        """Whether anybody's sign-in is kept that could be renewed."""
        return self._reader.storage is not None and bool(self._reader.store().version(Entry.MSAL))

    def let_go(self) -> None:
        """Leave a sign-in under way to itself."""
        if self._sign_in is not None:
            self._sign_in.let_go()
            self._sign_in = None

    @asynccontextmanager
    async def _turn(self, name: str, needed: Needed) -> AsyncGenerator[bool]:
        """Wait for our turn at an errand; yields ``False`` when it isn't needed any more.

        Whoever has it for too long was stopped (C9), and some folders have no locks (C17). To go
        on without it is safe, since the processes that are sent take turns by locks of their own.
        """
        lock = FileLock(self._profile / f"{name}.lock")
        deadline = time.monotonic() + _LONGEST_TURN
        try:
            while await needed():
                if await self._is_ours(lock) or time.monotonic() >= deadline:
                    yield await needed()
                    return
                await asyncio.sleep(_FILES)
            yield False
        finally:
            lock.release()

    async def _is_ours(self, lock: FileLock) -> bool:
        if not self.shared:
            return True
        try:
            return await in_thread(partial(lock.acquire, 0), undo=lambda _: lock.release())
        except StorageError:
            return True

    async def _send(self, command: Sequence[str], *, wanted: Callable[[], bool]) -> Process | None:
        self.fault = False
        command = [*command, "--background"]
        if self.shared:
            start = partial(processes.start, self._settings, self._environ, command)
        elif self._reader.storage is None:
            self._note_fault(command[0], "the store can't be opened")
            return None
        else:
            store = self._reader.store()
            start = partial(
                processes.start_with_pipes,
                self._settings,
                self._environ,
                command,
                hand_over=pack(store),
                heard=partial(self._hear, store, wanted),
            )
        try:
            return await in_thread(start, undo=Process.let_go)
        except OSError as error:
            self._note_fault(command[0], error.strerror or type(error).__name__)
            return None

    async def _end(self, process: Process) -> None:
        try:
            while not self._over(process):  # noqa: ASYNC110 - a process raises no event
                await asyncio.sleep(_PROCESS)
        finally:
            process.let_go()

    def _hear(self, store: Store, wanted: Callable[[], bool], line: bytes) -> None:
        message = unpack(line)
        with self._filling:
            if not wanted():
                return
            fill(store, message)
        if message.state is not None:
            self._told(message.state)

    def _over(self, process: Process) -> bool:
        code = process.ended()
        if code is not None and code not in _EXPECTED:
            self._note_fault("process", f"exit code {code}")
        return code is not None

    def _note_fault(self, what: str, why: str) -> None:
        self.fault = True
        self._log.event("errand_failed", level="error", what=what, why=why)


def _wanting(scopes: Sequence[str], claims: str) -> list[str]:
    """Return the flags for another API. What they hold is no secret."""
    words = [word for scope in scopes for word in ("--scope", scope)]
    return [*words, "--claims", claims] if claims else words


async def in_thread(call: Callable[[], T], *, undo: Callable[[T], object]) -> T:
    """Run ``call`` in a thread; when we are cancelled meanwhile, undo what it did."""
    running = asyncio.ensure_future(asyncio.to_thread(call))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        with suppress(OSError, StorageError):  # it did nothing, then
            undo(await running)
        raise
