"""Tells a client that a call of its own still waits for somebody, if it wants to know."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from mcp_local.guard.account import TELL_EVERY
from mcp_local.guard.relay import answers

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from mcp_local.guard.relay.message import Message
    from mcp_local.guard.relay.relay import Relay


@asynccontextmanager
async def telling(relay: Relay, message: Message, text: str) -> AsyncGenerator[None]:
    """Send progress notifications while what runs inside waits, where there is a token for them."""
    token = message.meta.get("progressToken")
    if isinstance(token, bool) or not isinstance(token, int | str):
        yield
        return
    task = asyncio.get_running_loop().create_task(_tell(relay, token, text))
    try:
        yield
    finally:
        task.cancel()


async def _tell(relay: Relay, token: int | str, text: str) -> None:
    step = 0
    while True:
        params = {"progressToken": token, "progress": step, "message": text}
        relay.write_soon(answers.notification("notifications/progress", params))
        step += 1
        await asyncio.sleep(TELL_EVERY)
