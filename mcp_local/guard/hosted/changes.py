"""Tells clients of both eras that the lists changed: after sign-in, sign-out, and new roles."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ListenHandler,
    PromptsListChanged,
    ResourcesListChanged,
    ToolsListChanged,
)
from mcp_types import SubscriptionsListenRequestParams
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from mcp_local.guard.hosted.insides import sdk_server

if TYPE_CHECKING:
    from fastmcp import FastMCP
    from mcp.server.context import ServerRequestContext
    from mcp.server.session import ServerSession


class Changes:
    """Holds the way to the client in the handshake era, and the open streams in the modern one."""

    def __init__(self, mcp: FastMCP[Any]) -> None:
        self._bus = InMemorySubscriptionBus()
        self.listen = ListenHandler(self._bus)
        """Answers ``subscriptions/listen``."""
        self._handshake: ServerSession | None = None
        self._telling: asyncio.Task[None] | None = None
        sdk_server(mcp).add_request_handler(
            "subscriptions/listen", SubscriptionsListenRequestParams, self.listen
        )

    def seen(self, ctx: ServerRequestContext[Any, Any]) -> None:
        """Remember a client that finished the handshake; it is told without being asked."""
        if ctx.method == "notifications/initialized" and (
            ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS
        ):
            self._handshake = ctx.session

    def announce(self) -> None:
        """Tell the client; call on the event loop."""
        self._telling = asyncio.get_running_loop().create_task(self._tell(self._telling))

    async def _tell(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        for event in (ToolsListChanged(), ResourcesListChanged(), PromptsListChanged()):
            await self._bus.publish(event)
        if self._handshake is not None:
            await self._handshake.send_tool_list_changed()
            await self._handshake.send_resource_list_changed()
            await self._handshake.send_prompt_list_changed()
