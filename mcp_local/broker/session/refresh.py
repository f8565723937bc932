"""The refresh process: renews the token without the person (DESIGN.md 3)."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from mcp_local.broker import transitions
from mcp_local.broker.acquire import Broker
from mcp_local.broker.authority.refusal import problem_of
from mcp_local.broker.session.board import Board
from mcp_local.broker.session.handover import open_channel
from mcp_local.broker.state_file import StateFile
from mcp_local.broker.storage.store import open_store
from mcp_local.errors import McpLocalError
from mcp_local.settings import profile_dir, require_sign_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.identity.model import VerifiedToken
    from mcp_local.log import Log
    from mcp_local.settings import Settings


def run_refresh(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    log: Log,
    force: bool = False,
    result_fd: int | None = None,
) -> VerifiedToken:
    """Renew the token if that is due; ``force`` asks the authority even when it is still good.

    ``result_fd`` hands the result to the starting server, whose storage is memory only.

    Raises:
        SettingsError: what a sign-in needs isn't set.
        SignInNeeded: only a person can help; the state says why.
        SignInFailed: an administrator or developer must act; the state says why.
        Unreachable: the authority doesn't answer; the state says when to try again.
        StorageError: the result can't be kept.
    """
    require_sign_in(settings)
    with open_channel(result_fd) as channel:
        store = channel.store if channel else open_store(settings, environ)
        board = Board(StateFile(profile_dir(settings)), channel)
        began = time.monotonic()
        try:
            with Broker(settings, store) as broker:
                token = broker.renew(force=force)
        except McpLocalError as error:
            board.update(partial(transitions.not_renewed, now=time.time(), error=error))
            note(log, "refresh", began, problem_of(error).code)
            raise
        board.update(partial(transitions.renewed, now=time.time(), account=display_name(token)))
        note(log, "refresh", began, "ok", token)
        return token


def display_name(token: VerifiedToken) -> str:
    """Return what the state file calls the person."""
    return token.identity.username or token.identity.name


def note(
    log: Log, event: str, began: float, outcome: str, token: VerifiedToken | None = None
) -> None:
    """Log how a sign-in or renewal that began at ``time.monotonic() == began`` ended."""
    log.event(
        event,
        level="info" if token else "warning",
        outcome=outcome,
        oid=token.identity.object_id if token else "",
        duration_us=round((time.monotonic() - began) * 1e6),
    )
