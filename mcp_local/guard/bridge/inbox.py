"""What a remote server has said and the client has not read yet; bounded (SECURITY.md M16, M17)."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import Final, final

MOST_BYTES: Final = 64 * 1024 * 1024
"""Bytes that may wait; one message more has room, however long it is."""


@final
class Inbox:
    """Messages in order. Whoever brings one waits while too many bytes do: so then does the server.

    It is what a full pipe is for a child.
    """

    def __init__(self) -> None:
        self._messages: SimpleQueue[bytes | None] = SimpleQueue()
        self._held = 0
        self._closed = False
        self._room = threading.Condition()

    def put(self, message: bytes) -> None:
        """Add a message, as soon as there is room; to one that is closed, nothing."""
        with self._room:
            while self._held >= MOST_BYTES and not self._closed:
                self._room.wait()
            if self._closed:
                return
            self._held += len(message)
            self._messages.put(message)

    def get(self) -> bytes | None:
        """Wait for the next message; ``None`` when this is closed and empty. For one thread."""
        message = self._messages.get()
        if message is None:
            self._messages.put(None)  # for the next time
            return None
        with self._room:
            if self._held >= MOST_BYTES:
                self._room.notify_all()
            self._held -= len(message)
        return message

    def close(self) -> None:
        """Take no more; nobody waits for room any longer."""
        with self._room:
            self._closed = True
            self._messages.put(None)
            self._room.notify_all()
