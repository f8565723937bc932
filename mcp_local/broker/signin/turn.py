"""One sign-in at a time on a machine: who comes second waits (SECURITY.md O19)."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mcp_local.broker import transitions
from mcp_local.broker.state import SignInState
from mcp_local.broker.state_file import sign_in_lock
from mcp_local.broker.storage.files import FileLock
from mcp_local.errors import SignInFailed, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from mcp_local.broker.session.board import Board

_LOOK = 0.25
"""Seconds between two looks at the sign-in that we wait for."""


@contextmanager
def turn(
    profile: Path,
    board: Board,
    announce: Callable[[SignInState], None],
    *,
    limit: float,
    locked: bool,
) -> Generator[bool]:
    """Hold the machine's one sign-in; yields whether there was another one before.

    While another one runs, ``announce`` is called with what the person should see of it.
    ``limit`` is in seconds. With ``locked=False`` a folder without locks is no hindrance.

    Raises:
        SignInFailed: the other one doesn't come to an end (C9).
        StorageError: the lock can't be had.
    """
    lock = FileLock(sign_in_lock(profile))
    try:
        waited = _wait_for(lock, board, announce, time.monotonic() + limit)
    except StorageError:
        if locked:
            raise
        waited = False
    try:
        yield waited
    finally:
        lock.release()


def _wait_for(
    lock: FileLock, board: Board, announce: Callable[[SignInState], None], deadline: float
) -> bool:
    waited, seen = False, SignInState()
    while not lock.acquire(_LOOK):
        if time.monotonic() > deadline:
            raise SignInFailed(
                "Another sign-in is under way, and doesn't come to an end.",
                hint="Finish it in the browser, or end its process, and try again.",
            )
        waited, before, seen = True, seen, board.read()
        if seen != before and seen.phase in transitions.WAITING:
            announce(seen)
    return waited
