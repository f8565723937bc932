"""The event loop of the relay: the session lives on it, and whatever must be waited for."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING

from mcp_local.guard.relay.guard import Guard

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp_local.guard.relay.parts import RelayParts, Rules
    from mcp_local.guard.relay.relay import Relay
    from mcp_local.log import Log


def run_guard(relay: Relay, parts: Callable[[], RelayParts], rules: Rules, log: Log) -> None:
    """Load the parts and guard the relay with them; never returns."""
    asyncio.run(_guard(relay, parts(), rules, log))


async def _guard(relay: Relay, parts: RelayParts, rules: Rules, log: Log) -> None:
    guard = Guard(relay, parts, rules.namespace, log)
    gc.freeze()  # what was imported stays
    parts.session.start()
    relay.guarded_by(guard)
    await asyncio.Event().wait()
