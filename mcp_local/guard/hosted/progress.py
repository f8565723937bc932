"""Tells a client that a call of its own still waits for somebody, if it wants to know."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from mcp_local.guard.account import TELL_EVERY

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from fastmcp.server.middleware import MiddlewareContext
    from mcp.server.session import ServerSession


@asynccontextmanager
async def telling(context: MiddlewareContext[Any], text: str) -> AsyncGenerator[None]:
    """Send progress notifications while what runs inside waits, where there is a token for them."""
    request = context.fastmcp_context and context.fastmcp_context.request_context
    if request is None:
        yield
        return
    task = asyncio.get_running_loop().create_task(_tell(request.session, text))
    try:
        yield
    finally:
        task.cancel()


async def _tell(session: ServerSession, text: str) -> None:
    step = 0
    while True:
        await session.report_progress(step, message=text)
        step += 1
        await asyncio.sleep(TELL_EVERY)
