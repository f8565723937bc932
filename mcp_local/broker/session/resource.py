"""The process that fetches a token for another API (DESIGN.md 3)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mcp_local.broker.acquire import Broker
from mcp_local.broker.authority.refusal import problem_of
from mcp_local.broker.session.board import Board
from mcp_local.broker.session.handover import open_channel
from mcp_local.broker.state_file import StateFile
from mcp_local.broker.storage.store import open_store
from mcp_local.errors import McpLocalError
from mcp_local.settings import profile_dir, require_sign_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mcp_local.log import Log
    from mcp_local.settings import Settings


def run_resource(  # noqa: PLR0913 - one keyword for each flag of `token`
    settings: Settings,
    environ: Mapping[str, str],
    scopes: Sequence[str],
    *,
    log: Log,
    force: bool = False,
    claims: str = "",
    result_fd: int | None = None,
) -> None:
    """Fetch the token and keep it, or why there is none, for the server that wants it.

    ``force`` asks the authority even when a token is cached; ``claims`` (JSON) is the challenge to
    be met. ``result_fd`` hands the result to the starting server, whose storage is memory only.

    Raises:
        McpLocalError: as ``Broker.token_for``; what was kept says so too.
    """
    require_sign_in(settings)
    with open_channel(result_fd) as channel:
        store = channel.store if channel else open_store(settings, environ)
        board = Board(StateFile(profile_dir(settings)), channel)
        began = time.monotonic()
        try:
            with Broker(settings, store) as broker:
                broker.token_for(scopes, force=force, claims=claims)
        except McpLocalError as error:
            _note(log, scopes, began, problem_of(error).code)
            raise
        finally:
            board.update(lambda state: state)  # hands the entries back
        _note(log, scopes, began, "ok")


def _note(log: Log, scopes: Sequence[str], began: float, outcome: str) -> None:
    log.event(
        "resource_token",
        level="info" if outcome == "ok" else "warning",
        scopes=list(scopes),
        outcome=outcome,
        duration_us=round((time.monotonic() - began) * 1e6),
    )
