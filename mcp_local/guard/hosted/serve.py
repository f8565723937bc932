"""Serves a guarded FastMCP server on standard input and output."""

from __future__ import annotations

import asyncio
import gc
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

from mcp.server.stdio import stdio_server

from mcp_local.errors import McpLocalError
from mcp_local.guard.ending import EndOfProcess
from mcp_local.guard.hosted.insides import lifespan, sdk_server
from mcp_local.guard.hosted.middleware import GuardMiddleware
from mcp_local.guard.hosted.streams import Lines, Out
from mcp_local.guard.hosted.user import LiveUser, install
from mcp_local.guard.stdio import claim_wire

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Coroutine

    import anyio
    from fastmcp import FastMCP

    from mcp_local.guard.session import Session
    from mcp_local.guard.stdio import Wire


def serve_stdio(mcp: FastMCP[Any], *, session: Session, wire: Wire | None = None) -> int:
    """Serve a protected server until the client leaves; return the exit code.

    ``wire`` comes from ``claim_wire``, called before any user code was imported; claimed here when
    left out. Starts and closes the session. Ends the process itself when something still blocks
    0.7 s after the end was asked for (M21).

    Raises:
        McpLocalError: ``mcp`` is not protected.
    """
    guard = next((part for part in mcp.middleware if isinstance(part, GuardMiddleware)), None)
    if guard is None:
        raise McpLocalError("The server is not protected.", hint="Call protect() before serving.")
    wire = wire or claim_wire()
    with EndOfProcess() as end:
        end.at_last(guard.abandon)
        install(LiveUser(session), session)
        asyncio.run(_serve(mcp, guard, session, wire, end))
    return end.code


async def _serve(
    mcp: FastMCP[Any], guard: GuardMiddleware, session: Session, wire: Wire, end: EndOfProcess
) -> None:
    """Serve until the client leaves or the process is told to end."""
    serving = asyncio.current_task()
    assert serving is not None  # noqa: S101 - a coroutine that runs has a task
    loop = asyncio.get_running_loop()
    end.when_asked(lambda: loop.call_soon_threadsafe(serving.cancel))
    lines = cast("anyio.AsyncFile[str]", Lines(wire, at_end=end.client_gone))
    out = cast("anyio.AsyncFile[str]", Out(wire, at_end=end.client_gone))
    server = sdk_server(mcp)
    try:
        async with lifespan(mcp), stdio_server(lines, out) as (read, write):
            gc.freeze()  # what was imported stays; to look at it again doubles the cost of lists
            session.start(guard.newcomers.greeting)
            async with _beside(guard.follow_policy()):
                await server.run(read, write, server.create_initialization_options())
    except asyncio.CancelledError:
        if not end.asked:
            raise
    finally:
        await session.close()


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncGenerator[None]:
    """Do ``work`` beside what runs inside, and no longer."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
