"""Runs broker processes for a server: starts them, hears what they bring, tells of faults."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from mcp_local.broker.session import processes
from mcp_local.broker.session.handover import fill, pack, unpack
from mcp_local.broker.session.processes import Process
from mcp_local.broker.state import Problem
from mcp_local.broker.storage.entries import Entry
from mcp_local.errors import ExitCode, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mcp_local.broker.session.reader import Reader
    from mcp_local.broker.state import SignInState
    from mcp_local.broker.storage.store import Store
    from mcp_local.log import Log
    from mcp_local.settings import Settings

T = TypeVar("T")

_LOOK = 0.1
"""Seconds between two looks at a process of ours."""
_FAULT = Problem(
    "not_started",
    "mcp-local can't do this in the background.",
    "Run `mcp-local login` in a terminal: it says why.",
)
_EXPECTED = {ExitCode.OK, ExitCode.SIGN_IN_NEEDED, ExitCode.UNREACHABLE, ExitCode.INTERRUPTED}
"""How processes end that have said the rest in the state file."""


class Runner:
    """The processes of one server. For the event loop; what blocks runs in threads."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        reader: Reader,
        log: Log,
        told: Callable[[SignInState], None],
    ) -> None:
        """Prepare. ``told`` is called, in a thread, with what a process says to us alone."""
        self._settings = settings
        self._environ = environ
        self._reader = reader
        self._log = log
        self._told = told
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

    async def run(self, command: Sequence[str]) -> None:
        """Run ``mcp-local COMMAND`` for whoever is signed in, and wait until it has ended."""
        process = await self._start(command, wanted=self._as_signed_in())
        if process is None:
            return
        try:
            while not self.is_over(process):  # noqa: ASYNC110 - a process raises no event
                await asyncio.sleep(_LOOK)
        finally:
            process.let_go()

    async def start(self, command: Sequence[str]) -> Process | None:
        """Start ``mcp-local COMMAND``, which goes on without us; ``None`` after a :attr:`fault`."""
        return await self._start(command, wanted=lambda: True)

    def is_over(self, process: Process) -> bool:
        """Tell whether a process has ended; note it when it did so without a word."""
        code = process.ended()
        if code is not None and code not in _EXPECTED:
            self._note_fault("process", f"exit code {code}")
        return code is not None

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

    async def _start(self, command: Sequence[str], *, wanted: Callable[[], bool]) -> Process | None:
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

    def _hear(self, store: Store, wanted: Callable[[], bool], line: bytes) -> None:
        message = unpack(line)
        with self._filling:
            if not wanted():
                return
            fill(store, message)
        if message.state is not None:
            self._told(message.state)

    def _note_fault(self, what: str, why: str) -> None:
        self.fault = True
        self._log.event("errand_failed", level="error", what=what, why=why)


async def in_thread(call: Callable[[], T], *, undo: Callable[[T], object]) -> T:
    """Run ``call`` in a thread; when we are cancelled meanwhile, undo what it did."""
    running = asyncio.ensure_future(asyncio.to_thread(call))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        with suppress(OSError, StorageError):  # it did nothing, then
            undo(await running)
        raise
