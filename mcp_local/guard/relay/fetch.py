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

        A server that ends before it has answered is asked again in its next life, but not for
        the rest of a list that it has begun in this one.

        Raises:
            ListFailed: there is none.
        """
        while True:
            life = self._relay.life
            answer = await self._ask(method, params, known)
            if answer is not None:
                return answer
            if life == self._relay.life or "cursor" in params:
                why = self._relay.upstream.ended or "The server gave no answer that can be read."
                raise ListFailed(SERVER_GONE, why)

    async def _ask(
        self, method: str, params: Mapping[str, object], known: Known | None
    ) -> Message | None:
        got: asyncio.Future[Message | None] = self._loop.create_future()

        def settle(answer: Message | None) -> None:
            if not got.done():
                got.set_result(answer)

        def answered(answer: Message | None) -> None:
            on_loop(self._loop, settle, answer)

        ident = self._relay.ask_server(method, params, answered, known=known)
        try:
            return await got
        finally:
            self._relay.own_of_server.take(ident)
