"""Does what may be kept waiting by the other side, in a thread of its own and in order."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Callable

MOST: Final = 16_384
"""Messages that may wait; who reads none of so many gets no more."""
MOST_BYTES: Final = 64 * 1024 * 1024
"""Bytes of them from which on :attr:`Poster.is_full`."""


@final
class Poster:
    """A queue before a blocking write, so that whoever listens or waits for others never does."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._waiting: deque[tuple[Callable[[], None], int]] = deque()
        self._held = 0
        """Bytes that wait."""
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def post(self, work: Callable[[], None], size: int = 0) -> bool:
        """Do ``work``, which must not raise, soon; False: too much waits already.

        ``size`` is how many bytes it keeps in memory until then.
        """
        with self._changed:
            if len(self._waiting) >= MOST:
                return False
            self._waiting.append((work, size))
            self._held += size
            self._changed.notify()
            if self._thread is None:  # begun at the first need
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
        return True

    @property
    def is_full(self) -> bool:
        """Whether so many bytes wait that no more should be made (M17)."""
        return self._held > MOST_BYTES

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting:
                    self._changed.wait()
                work, size = self._waiting.popleft()
            work()
            with self._changed:
                self._held -= size
