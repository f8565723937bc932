"""Threads that send: requests side by side, all else one after the other, in the client's order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final, final

AT_ONCE: Final = 256
"""Requests that are sent side by side; more wait, and hold up nothing that is no request."""
_SPARE: Final = 16
"""Threads that are kept though there is nothing to do."""

Job = Callable[[], None]
"""What needn't be done in the client's order; raises nothing."""


@final
class Crew:
    """Takes messages in order. The thread that has its turn does what has a place in that order.

    A message that comes to a job gives the turn away: its thread does the job, another one listens.
    """

    def __init__(self, begin: Callable[[bytes], Job | None], *, at_once: int = AT_ONCE) -> None:
        """``begin`` is called with one message after the other; it may return a job."""
        self._begin = begin
        self._at_once = at_once
        self._messages: SimpleQueue[bytes | None] = SimpleQueue()
        self._turn = threading.Lock()
        self._counting = threading.Lock()
        self._threads = self._busy = 0
        self._waiting: deque[Job] = deque()

    def start(self) -> None:
        """Begin to listen; returns at once."""
        self._hire()

    def put(self, message: bytes) -> None:
        """Hand over a message."""
        self._messages.put(message)

    def stop(self) -> None:
        """Take no more; what waits is not begun, what goes on is left alone."""
        with self._counting:
            self._waiting.clear()
        self._messages.put(None)

    def _hire(self) -> None:
        """See that there is a thread to listen."""
        with self._counting:
            if self._threads > self._busy:
                return
            self._threads += 1
        try:
            threading.Thread(target=self._work, name="mcp-local remote", daemon=True).start()
        except RuntimeError:
            # The system has room for no more: this one listens again after its job.
            with self._counting:
                self._threads -= 1
                if not self._threads:
                    raise

    def _work(self) -> None:
        while (job := self._listen()) is not None:
            self._hire()
            while job is not None:
                job()
                job = self._done()
            if self._is_one_too_many():
                return

    def _is_one_too_many(self) -> bool:
        """Tell whether others are enough to listen, after many calls at once."""
        with self._counting:
            if self._threads - self._busy <= _SPARE:
                return False
            self._threads -= 1
            return True

    def _listen(self) -> Job | None:
        """Return the next job, as soon as fewer than ``at_once`` go on; ``None``: the end."""
        with self._turn:
            while (message := self._messages.get()) is not None:
                job = self._begin(message)
                if job is not None and self._may_start(job):
                    return job
            self._messages.put(None)  # for the next one
            return None

    def _may_start(self, job: Job) -> bool:
        """Tell whether there is a hand free; else have the job wait for one."""
        with self._counting:
            if self._busy < self._at_once:
                self._busy += 1
                return True
            self._waiting.append(job)
            return False

    def _done(self) -> Job | None:
        """Return what has waited longest for this hand; ``None``: it is free."""
        with self._counting:
            if self._waiting:
                return self._waiting.popleft()
            self._busy -= 1
            return None
