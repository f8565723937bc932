"""Checks of what is kept on this machine: the key store, the cache, the sign-in under way."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mcp_local.broker.state import Phase
from mcp_local.broker.state_file import StateFile, sign_in_lock
from mcp_local.broker.status import MEANINGS, WORDS
from mcp_local.broker.storage.entries import Entry
from mcp_local.broker.storage.files import FileLock
from mcp_local.broker.storage.keystore import IN_MEMORY
from mcp_local.broker.storage.store import open_store
from mcp_local.broker.transitions import WAITING
from mcp_local.desktop.doctor.finding import (
    Actor,
    Finding,
    actor_of_problem,
    from_error,
    note,
    ok,
    problem,
    skipped,
)
from mcp_local.errors import StorageError
from mcp_local.settings import CacheKey, profile_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mcp_local.broker.state import SignInState
    from mcp_local.broker.storage.store import Store
    from mcp_local.settings import Settings

_KEYRING: Final = (
    "Unlock or install a keyring, or give a passphrase (MCP_LOCAL_CACHE_PASSPHRASE_FILE), or say "
    '`cache.key = "file"` in the settings.'
)

_ASK: Final = "Give the text and the time to an administrator of the tenant."
_LOCKS: Final = ("store", "refresh", "state")
"""Held for moments by whoever writes; ``refresh`` as long as a renewal takes."""
_MOMENT: Final = 1.0
"""Seconds after which a lock that is still held is told of."""


def key_store(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding | Store]:
    """Look at where the cache's key is kept; yields the store last, if it can be opened."""
    try:
        store = open_store(settings, environ)
    except StorageError as error:
        yield from_error("key store", error)
        return
    storage = store.storage
    if settings.cache_key is CacheKey.MEMORY:
        yield note("key store", storage.detail)
    elif storage.kind == "memory":
        why = storage.detail.removeprefix(IN_MEMORY)
        kept = f"A sign-in is kept in memory only, and ends with its process.{why}"
        yield problem("key store", kept, storage.remedy or _KEYRING)
    elif not storage.encrypted:
        yield note("key store", storage.detail, "Where there is a keyring, leave `cache.key` out.")
    else:
        yield ok("key store", storage.detail)
    if storage.kind == "passphrase":
        yield from _open_to_others(settings.passphrase_file)
    yield store


def _open_to_others(file: str) -> Iterator[Finding]:
    """Tell of a passphrase that others of this machine can read; Windows has no such mode."""
    if file and sys.platform != "win32" and Path(file).stat().st_mode & 0o077:
        told = f"Others can read the passphrase in {file}."
        yield note("key store", told, f"Run: chmod 600 {shlex.quote(file)}")


def cache(settings: Settings, store: Store) -> Iterator[Finding]:
    """Look whether what is kept can be read."""
    aside = _set_aside(settings)
    try:
        kept = [entry.name.lower() for entry in Entry if store.load(entry) is not None]
    except StorageError as error:
        yield from_error("cache", error)
        return
    after = _set_aside(settings)
    if after:
        make = problem if after > aside else note
        yield make(
            "cache",
            f"Damaged files were set aside in {profile_dir(settings)}: {after}.",
            "Sign in again if you have to: `mcp-local login`. The files can be deleted.",
        )
    if not kept and store.storage.kind == "memory" and settings.cache_key is not CacheKey.MEMORY:
        yield skipped("cache", "It can't be opened: see the key store.")
        return
    yield ok("cache", f"It holds: {', '.join(kept)}." if kept else "It is empty.")


def _set_aside(settings: Settings) -> int:
    return len(list(profile_dir(settings).glob("*.unreadable*")))


def locks(settings: Settings) -> Iterator[Finding]:
    """Look whether another process holds a lock and doesn't let go."""
    folder = profile_dir(settings)
    held = [name for name in _LOCKS if FileLock(folder / f"{name}.lock").held_elsewhere()]
    deadline = time.monotonic() + _MOMENT
    while held and time.monotonic() < deadline:
        time.sleep(0.05)
        held = [name for name in held if FileLock(folder / f"{name}.lock").held_elsewhere()]
    if held:
        yield problem(
            "locks",
            f"Another process holds {' and '.join(held)} in {folder}, and doesn't let go.",
            "End the process of mcp-local that hangs, or is stopped; a client's restart does it.",
        )
    else:
        yield ok("locks", "No other process holds on to what is kept.")


def sign_in(settings: Settings, is_signed_in: Callable[[], bool]) -> Iterator[Finding]:
    """Look at the sign-in: under way, failed, or hung.

    ``is_signed_in`` tells whether somebody has a token all the same; asked only where it matters.
    """
    folder = profile_dir(settings)
    try:
        state = StateFile(folder).read()
        running = FileLock(sign_in_lock(folder)).held_elsewhere()
    except StorageError as error:
        yield from_error("sign-in", error)
        return
    if state.phase in WAITING and not running:
        yield problem(
            "sign-in", "The last sign-in was interrupted.", "Sign in again: `mcp-local login`."
        )
    elif state.phase in WAITING:
        left = max(0, round(state.deadline - time.time()))
        words = WORDS[state.phase].capitalize()
        yield note("sign-in", f"{words}, for {left} s more.", MEANINGS[state.phase][1])
    else:
        yield from _outcome(state, is_signed_in)


def _outcome(state: SignInState, is_signed_in: Callable[[], bool]) -> Iterator[Finding]:
    why = state.problem
    if state.phase is Phase.BLOCKED and why is not None:
        yield problem(
            "sign-in", f"It is blocked: {why.message}", why.hint or _ASK, actor_of_problem(why)
        )
    elif state.phase is Phase.SIGNED_OUT and why is not None and is_signed_in():
        text = f"Somebody is signed in; only the last try came to nothing: {why.message}"
        yield note("sign-in", text, why.hint)
    elif state.phase in {Phase.NEEDS_YOU, Phase.INTERRUPTED} or why is not None:
        text = why.message if why else MEANINGS[state.phase][0]
        remedy = (why and why.hint) or "Sign in again: `mcp-local login`."
        yield problem("sign-in", text, remedy, actor_of_problem(why) if why else Actor.YOU)
    else:
        yield ok("sign-in", "None is under way, and the last one left no problem.")
