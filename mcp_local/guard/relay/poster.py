"""Does what may be kept waiting by the other side, in a thread of its own and in order."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Callable

MOST: Final = 16_384
"""Messages that may wait; who reads none of so many gets no more."""


@final
class Poster:
    """A queue before a blocking write, so that whoever listens or waits for others never does."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._waiting: deque[Callable[[], None]] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def post(self, work: Callable[[], None]) -> bool:
        """Do ``work``, which must not raise, soon; False: too much waits already."""
        with self._changed:
            if len(self._waiting) >= MOST:
                return False
            self._waiting.append(work)
            self._changed.notify()
            if self._thread is None:  # begun at the first need
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
        return True

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting:
                    self._changed.wait()
                work = self._waiting.popleft()
            work()
