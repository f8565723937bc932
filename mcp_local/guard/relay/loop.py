"""The event loop of the relay: the session lives on it, and whatever must be waited for."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, cast

from mcp_local.guard.relay.desk import Desk
from mcp_local.guard.relay.guard import Guard
from mcp_local.policy.live import LivePolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp_local.guard.relay.late_log import LateLog
    from mcp_local.guard.relay.parts import RelayParts
    from mcp_local.guard.relay.relay import Relay
    from mcp_local.guard.upstream import Resuming
    from mcp_local.log import Log


def run_guard(relay: Relay, parts: Callable[[], RelayParts], log: LateLog) -> None:
    """Load the parts and guard the relay with them, for as long as the process lives."""
    # A late one is a log in all that is asked of it here.
    asyncio.run(guard(relay, parts(), cast("Log", log)))


async def guard(relay: Relay, parts: RelayParts, log: Log) -> None:
    """Guard the relay until this is cancelled; starts the session, and closes it."""
    policy = parts.policy
    live = policy if isinstance(policy, LivePolicy) else LivePolicy.fixed(policy)
    desk = Desk(relay, parts, live, log)
    gc.freeze()  # what was imported stays
    parts.session.start(desk.newcomers.greeting)
    if hasattr(relay.upstream, "resume_only"):
        cast("Resuming", relay.upstream).resume_only(desk.may_hear)
    relay.guarded_by(Guard(relay, desk))
    try:
        await asyncio.gather(live.watch(desk.policy_changed, log), desk.news.watch())
    finally:
        desk.close()
        await parts.session.close()
