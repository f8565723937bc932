"""A desktop client: the official Python client with a real ``mcp-local run`` at its other end."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from mcp import Client, StdioServerParameters, stdio_client
from mcp_types import ElicitResult, Implementation, ToolListChangedNotification

from tests.support import warm

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence

    from mcp.client.context import ClientRequestContext
    from mcp.client.subscriptions import Subscription
    from mcp_types import ElicitRequestParams

T = TypeVar("T")
LEGACY, MODERN = "legacy", "2026-07-28"
ERAS = (LEGACY, MODERN)
"""The handshake era and the stateless one."""
ACCOUNT_TOOLS = {"mcp_local_sign_in", "mcp_local_sign_out", "mcp_local_whoami"}
PROGRAM = str(Path(sys.executable).with_name("mcp-local"))
"""The console script, as a person's configuration names it."""
SERVERS = Path(__file__).parents[1] / "integration" / "servers"
NOTES = (str(SERVERS / "notes.py"), "--policy", str(SERVERS / "notes.yaml"))
"""``TARGET`` and policy of a small server with something for every role."""
PATIENCE = 30.0
"""Seconds after which a test has waited in vain."""


@dataclass(frozen=True, slots=True)
class Chat:
    """One client and the server that it started."""

    client: Client
    changes: asyncio.Queue[None] = field(default_factory=asyncio.Queue[None])
    """One entry for each time that the client was told of a changed list of tools."""

    async def tools(self) -> set[str]:
        """Return the names of the tools that the server lists now, without the account tools."""
        listed = await self.client.list_tools(cache_mode="refresh")
        names = {tool.name for tool in listed.tools}
        assert names >= ACCOUNT_TOOLS
        return names - ACCOUNT_TOOLS

    async def told(self) -> None:
        """Wait until the client is told of a change."""
        await asyncio.wait_for(self.changes.get(), PATIENCE)

    async def say(self, tool: str, **arguments: object) -> str:
        """Call a tool; return the text that the model reads."""
        result = await self.client.call_tool(tool, arguments)
        return "\n".join(block.text for block in result.content if block.type == "text")


@asynccontextmanager
async def chat(
    words: Sequence[str],
    environ: Mapping[str, str],
    *,
    era: str,
    name: str = "test",
    program: str = "",
) -> AsyncGenerator[Chat]:
    """Start ``mcp-local WORDS…``, or another program, as the client called ``name`` does.

    Ours is a fork (see ``warm.py``) unless ``program`` is :data:`PROGRAM`.

    Of this process's environment the server gets what the SDK hands on (HOME, PATH, …), and
    ``environ``. The person says yes to every question, and leaves pages to the browser.
    """
    changes = asyncio.Queue[None]()

    async def hear(message: object) -> None:
        if era == LEGACY and isinstance(message, ToolListChangedNotification):
            changes.put_nowait(None)

    async def agree(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        del context
        if params.mode == "url":
            return ElicitResult(action="cancel")
        return ElicitResult(action="accept", content={"confirm": True})

    server = StdioServerParameters(
        command=program or warm.program(), args=list(words), env=dict(environ)
    )
    client = Client(
        stdio_client(server, sys.__stderr__ or sys.stderr),
        mode=era,
        client_info=Implementation(name=name, version="1"),
        message_handler=hear,
        elicitation_callback=agree,
        read_timeout_seconds=2 * PATIENCE,
    )
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(client)
        if era == MODERN:
            changed = await stack.enter_async_context(client.listen(tools_list_changed=True))
            listening = asyncio.ensure_future(_listen(changed, changes))
            stack.callback(listening.cancel)
        yield Chat(client, changes)


def run(session: Coroutine[object, object, T]) -> T:
    """Run a session; what failed in it is raised without the task groups around it."""
    try:
        return asyncio.run(session)
    except BaseExceptionGroup as group:
        raise _first(group) from None


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    inner = group.exceptions[0]
    if not isinstance(inner, BaseExceptionGroup):
        return inner
    return _first(cast("BaseExceptionGroup[BaseException]", inner))


async def _listen(changed: Subscription, changes: asyncio.Queue[None]) -> None:
    async for _ in changed:
        changes.put_nowait(None)
