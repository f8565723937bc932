"""The sign-in process: where a person is asked, and MSAL runs (DESIGN.md 3).

``mcp-local login`` calls this, in a terminal as well as when a server starts it in the background.
One sign-in at a time runs on a machine; whoever comes second waits and adopts its result.
"""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mcp_local.broker.acquire import Broker
from mcp_local.broker.session.board import Board
from mcp_local.broker.session.handover import open_channel
from mcp_local.broker.signin.sign_in import SignIn, Way
from mcp_local.broker.signin.turn import turn
from mcp_local.broker.state_file import StateFile
from mcp_local.broker.storage.keystore import IN_MEMORY, lasting_place
from mcp_local.broker.storage.store import open_store
from mcp_local.errors import SettingsError
from mcp_local.settings import profile_dir, require_sign_in
from mcp_local.settings.model import CacheKey

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from mcp_local.broker.state import SignInState
    from mcp_local.broker.storage.store import Store
    from mcp_local.identity.model import VerifiedToken
    from mcp_local.log import Log
    from mcp_local.settings import Settings

__all__ = ["Way", "run_sign_in"]

_GRACE = 60.0
"""Seconds that another sign-in may take beyond the time limit, to redeem what it got."""


def run_sign_in(  # noqa: PLR0913 - what a process is given, each by its name
    settings: Settings,
    environ: Mapping[str, str],
    way: Way,
    *,
    log: Log,
    announce: Callable[[SignInState], None],
    result_fd: int | None = None,
) -> VerifiedToken:
    """Sign the person in, or adopt the result of the sign-in that is already under way.

    ``announce`` is called with each state that the person should see. ``result_fd`` hands the
    result to the starting server, whose storage is memory only.

    Raises:
        SettingsError: what a sign-in needs isn't set, or nothing could keep its result.
        SignInFailed: it ended without an account: declined, timed out, refused by the authority.
        SignInNeeded: the authority asks for yet another sign-in.
        Unreachable: the authority doesn't answer.
        KeyboardInterrupt: the person, or a SIGTERM, ended it; the state says so.
    """
    require_sign_in(settings)
    profile = profile_dir(settings)
    limit = settings.signin.timeout + (_GRACE if way.background else 0.0)
    with _terminable(), open_channel(result_fd) as channel:
        board = Board(StateFile(profile), channel)
        store = channel.store if channel else _lasting_store(settings, environ)
        with (
            Broker(settings, store) as broker,
            turn(profile, board, announce, limit=limit, locked=channel is None) as waited,
        ):
            sign_in = SignIn(settings, environ, store, broker, board, log, announce, way)
            return sign_in.run(waited=waited)


def _lasting_store(settings: Settings, environ: Mapping[str, str]) -> Store:
    """Return a store that keeps the result of a sign-in.

    Raises:
        SettingsError: there is memory only, which ends with this process.
    """
    store = open_store(settings, environ)
    if store.storage.kind == CacheKey.MEMORY:
        raise SettingsError(
            "There is no safe place to keep a sign-in, so it would end with this command."
            f"{store.storage.detail.removeprefix(IN_MEMORY)}",
            hint=lasting_place(store.storage),
        )
    return store


@contextmanager
def _terminable() -> Generator[None]:
    """Let SIGTERM end the sign-in as Ctrl-C does, so that the state says so."""
    if threading.current_thread() is not threading.main_thread():  # only it may set handlers
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
