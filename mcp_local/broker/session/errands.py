"""What a server has done for it by broker processes: one at a time of a kind on this machine.

Many servers start at once and all find the same thing missing; a lock beside each errand lets one
of them send a process and the others wait for what it brings (SECURITY.md O14, O19).
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from mcp_local.broker.session.runner import in_thread
from mcp_local.broker.state_file import sign_in_lock
from mcp_local.broker.storage.files import FileLock
from mcp_local.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
    from pathlib import Path

    from mcp_local.broker.session.processes import Process
    from mcp_local.broker.session.runner import Runner
    from mcp_local.broker.state import Wanted

    Needed = Callable[[], Awaitable[bool]]

_LOOK = 0.25
"""Seconds between two looks at files and locks."""
_LONGEST_TURN = 120.0
"""Seconds; a renewal waits 60 for another one, and its requests take less."""


class Errands:
    """Sends processes for sign-in and renewal. For the event loop; what blocks runs in threads."""

    def __init__(self, profile: Path, runner: Runner) -> None:
        self._profile = profile
        self._runner = runner
        self._sign_in: Process | None = None

    @property
    def shared(self) -> bool:
        """Whether other instances see what a process brings."""
        return self._runner.shared

    async def renew(self, *, force: bool, needed: Needed) -> None:
        """Have the token renewed, and wait until that is over.

        ``needed`` is asked again when it is our turn, since another instance may have done it.
        """
        async with self._turn("renewal", needed) as ours:
            if ours:
                await self._runner.run(["refresh", *_forced(force)])

    async def fetch(
        self, scopes: Sequence[str], *, force: bool, claims: str, needed: Needed
    ) -> None:
        """Have a token for another API fetched and kept, and wait until that is over.

        ``needed`` is asked again when it is our turn, since another instance may have done it.
        """
        async with self._turn("resource", needed) as ours:
            if ours:
                await self._runner.run(["token", *_forced(force), *_wanting(scopes, claims)])

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
                self._sign_in = await self._runner.start(["login", *given, *more])
                await self._until_begun(begun)

    async def _until_begun(self, begun: Needed) -> None:
        while self.signing_in or (self.shared and await self.sign_in_runs()):
            if await begun():
                return
            await asyncio.sleep(_LOOK)

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
        over = process is not None and self._runner.is_over(process)

        def note() -> None:
            if over and self._sign_in is process:
                self._sign_in = None

        return note

    async def sign_in_runs(self) -> bool:
        """Tell whether a sign-in process is at work for anybody: it holds its lock till the end."""
        with suppress(StorageError):
            return await asyncio.to_thread(FileLock(sign_in_lock(self._profile)).held_elsewhere)
        return self.signing_in

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
                await asyncio.sleep(_LOOK)
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


def _forced(force: bool) -> list[str]:  # noqa: FBT001 - the flag itself
    return ["--force"] if force else []


def _wanting(scopes: Sequence[str], claims: str) -> list[str]:
    """Return the flags for another API. What they hold is no secret."""
    words = [word for scope in scopes for word in ("--scope", scope)]
    return [*words, "--claims", claims] if claims else words
