"""Sends to the server what the relay says itself, in a thread that may be kept waiting."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final, final

from mcp_local.guard.upstream import UpstreamGone

if TYPE_CHECKING:
    from collections.abc import Callable

MOST: Final = 8192
"""Messages that may wait; a server that reads none of so many gets no more."""


@final
class Poster:
    """A queue before a blocking ``send``, so that whoever listens to the server never waits."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._waiting: deque[tuple[bytes, Callable[[str], None] | None]] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def post(self, message: bytes, failed: Callable[[str], None] | None = None) -> None:
        """Send a message soon; ``failed`` is told why, in the other thread, if it can't be."""
        with self._changed:
            if len(self._waiting) >= MOST:
                why = "The server doesn't read."
            else:
                self._waiting.append((message, failed))
                self._changed.notify()
                if self._thread is None:  # most servers never need it
                    self._thread = threading.Thread(
                        target=self._run, name="mcp-local post", daemon=True
                    )
                    self._thread.start()
                return
        if failed is not None:
            failed(why)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting:
                    self._changed.wait()
                message, failed = self._waiting.popleft()
            try:
                self._send(message)
            except UpstreamGone as gone:
                if failed is not None:
                    failed(gone.text)
