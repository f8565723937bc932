"""Asks the server for something of the relay's own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, final

from mcp_local.guard.relay.answers import SERVER_GONE
from mcp_local.guard.relay.pages import ListFailed
from mcp_local.guard.relay.threads import on_loop

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.guard.relay.asked import Known
    from mcp_local.guard.relay.message import Message
    from mcp_local.guard.relay.relay import Relay


@final
class Fetch:
    """One way to ask; on the event loop."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._loop = asyncio.get_running_loop()

    async def __call__(
        self, method: str, params: Mapping[str, object], known: Known | None = None
    ) -> Message:
        """Return the server's answer; ``known`` is that of before.

        Raises:
            ListFailed: there is none.
        """
        got: asyncio.Future[Message | None] = self._loop.create_future()

        def settle(answer: Message | None) -> None:
            if not got.done():
                got.set_result(answer)

        def answered(answer: Message | None) -> None:
            on_loop(self._loop, settle, answer)

        ident = self._relay.ask_server(method, params, answered, known=known)
        try:
            answer = await got
        finally:
            self._relay.own_of_server.take(ident)
        if answer is None:
            why = self._relay.upstream.ended or "The server gave no answer that can be read."
            raise ListFailed(SERVER_GONE, why)
        return answer
