"""What a remote server has said and the client has not read yet; bounded (SECURITY.md M16, M17)."""

from __future__ import annotations

import threading
from collections import deque
from typing import Final, final

MOST_BYTES: Final = 64 * 1024 * 1024
"""Bytes that may wait; one message more has room, however long it is."""


@final
class Inbox:
    """Messages in order. Whoever brings one waits while too many bytes do: so then does the server.

    It is what a full pipe is for a child.
    """

    def __init__(self) -> None:
        self._messages: deque[bytes] = deque()
        self._held = 0
        self._closed = False
        self._changed = threading.Condition()

    def put(self, message: bytes) -> None:
        """Add a message, as soon as there is room; to one that is closed, nothing."""
        with self._changed:
            self._changed.wait_for(lambda: self._held < MOST_BYTES or self._closed)
            if self._closed:
                return
            self._messages.append(message)
            self._held += len(message)
            self._changed.notify_all()

    def get(self) -> bytes | None:
        """Wait for the next message; ``None`` when this is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._messages or self._closed)
            if not self._messages:
                return None
            message = self._messages.popleft()
            self._held -= len(message)
            self._changed.notify_all()
            return message

    def close(self) -> None:
        """Take no more; nobody waits for room any longer."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
