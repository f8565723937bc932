"""The state file of one profile: read at any time, changed under a lock, whole at every moment.

Every process of this machine that uses the profile reads it to know what goes on with the sign-in.
A file that can't be understood counts as absent: nothing in it is needed to be safe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from mcp_local.broker.state import Phase, SignInState
from mcp_local.broker.storage.files import FileLock, atomic_write, private_dir, read_private

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAG_LIMIT = 24 * 3600.0
"""Seconds after an unanswered or failed prompt before another may come by itself."""
_LONGEST_WAIT = 3600.0
"""Seconds; no back-off is longer."""
_DERIVED = frozenset({Phase.REFRESHING, Phase.OFFLINE})
"""What no process writes: it follows from the token and the clock."""
_SIZE_LIMIT = 64 * 1024
_LOCK_TIMEOUT = 5.0
"""Seconds; a change takes milliseconds, so a longer holder is stopped or broken."""


def may_prompt(state: SignInState, now: float) -> bool:
    """Tell whether a prompt that no person caused is allowed now (CLIENTS.md consequence 6)."""
    age = now - state.last_prompt
    return not 0 <= age < NAG_LIMIT  # a time in the future is a changed clock, not a prompt


def may_renew(state: SignInState, now: float) -> bool:
    """Tell whether a renewal may be tried now: the authority was not just out of reach."""
    wait = state.retry_after - now
    return not 0 < wait <= _LONGEST_WAIT  # more than that is a changed clock, not a wait


def sign_in_lock(profile: Path) -> Path:
    """Return the lock that the one sign-in of this machine and profile holds while it runs."""
    return profile / "signin.lock"


def counted(old: SignInState, change: Callable[[SignInState], SignInState]) -> SignInState:
    """Return ``change(old)`` with the next generation, or ``old`` itself when nothing changes."""
    new = replace(change(old), generation=old.generation)
    return old if new == old else replace(new, generation=old.generation + 1)


class StateFile:
    """``state.json`` in a profile's folder."""

    def __init__(self, profile: Path) -> None:
        self._path = profile / "state.json"
        self._lock = profile / "state.lock"

    def read(self) -> SignInState:
        """Return the state; the signed-out one when there is no file or it makes no sense.

        Raises:
            StorageError: the file isn't ours to trust, or can't be read.
        """
        data = read_private(self._path, _SIZE_LIMIT)
        if data is None:
            return SignInState()
        try:
            state = msgspec.json.decode(data, type=SignInState)
        except msgspec.DecodeError:
            return SignInState()
        return SignInState() if state.phase in _DERIVED else state

    def update(self, change: Callable[[SignInState], SignInState]) -> SignInState:
        """Replace the state by ``change(state)`` and return it; nobody else writes in between.

        ``generation`` is counted here. Nothing is written when ``change`` returns an equal state.

        Raises:
            StorageError: the lock or the file can't be had.
        """
        private_dir(self._path.parent)
        with FileLock(self._lock, timeout=_LOCK_TIMEOUT):
            old = self.read()
            new = counted(old, change)
            if new is not old:
                atomic_write(self._path, msgspec.json.encode(new))
            return new

    def version(self) -> tuple[int, ...]:
        """Return what changes whenever the file is written; empty without a file. One ``stat``."""
        try:
            status = self._path.stat(follow_symlinks=False)
        except OSError:
            return ()
        return (status.st_ino, status.st_mtime_ns, status.st_size)
