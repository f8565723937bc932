"""The wire as the SDK reads and writes it."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

import anyio
import anyio.to_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp_local.guard.stdio import Wire

_READ_AHEAD: Final = 8
"""Messages read before the server asks for them; more stay in the pipe, so memory is bounded."""


class Lines:
    """The client's messages as the SDK reads them, fed by a thread that never holds up the end."""

    def __init__(self, wire: Wire, *, at_end: Callable[[], None]) -> None:
        self._wire = wire
        self._at_end = at_end
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._room = threading.Semaphore(_READ_AHEAD)
        threading.Thread(target=self._read, name="mcp-local wire", daemon=True).start()

    def _read(self) -> None:
        with suppress(RuntimeError):  # the loop is closed: the server has ended
            for message in self._wire.messages():
                self._room.acquire()
                self._loop.call_soon_threadsafe(self._waiting.put_nowait, message)
            self._at_end()
            self._loop.call_soon_threadsafe(self._waiting.put_nowait, None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        message = await self._waiting.get()
        if message is None:
            raise StopAsyncIteration
        self._room.release()
        return message.decode("utf-8", "replace")


class Out:
    """Where the SDK writes its messages."""

    def __init__(self, wire: Wire, *, at_end: Callable[[], None]) -> None:
        self._wire = wire
        self._at_end = at_end
        self._one = anyio.CapacityLimiter(1)

    async def write(self, text: str) -> None:
        """Write one message; what a client that is gone doesn't read is dropped."""
        data = text.encode("utf-8", "replace")
        try:
            if self._wire.has_room(len(data)):
                self._wire.write(data)
            else:
                await anyio.to_thread.run_sync(self._wire.write, data, limiter=self._one)
        except OSError:
            self._at_end()

    async def flush(self) -> None:
        """Do nothing: each message is written at once."""
