"""A log that comes late: opened when it is known where, and written when messages have passed.

Whoever passes a message on only notes what happened. A line costs several times what that does,
and threads of one process wait for each other. It is written a moment later, and at the end.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from mcp_local.log import Log

_MOST: Final = 256
"""Events that wait for a log that isn't open yet; and for quieter times, where it is."""
_MOMENT: Final = 0.01
"""Seconds between an event and its line, where there are few."""
_PAUSE: Final = 0.0002
"""Seconds between two lines: a message that comes meanwhile waits for one, not for all."""


@final
class LateLog:
    """Keeps events until the log is there, and until there is time."""

    def __init__(self) -> None:
        self._log: Log | None = None
        self._kept: deque[tuple[float, str, str, dict[str, object]]] = deque()
        self._some = threading.Event()
        self._writing = threading.Lock()

    def event(self, name: str, *, level: str = "info", **fields: object) -> None:
        """Keep one line until it is written."""
        if self._log is None and len(self._kept) >= _MOST:
            return
        self._kept.append((time.time(), name, level, fields))
        if not self._some.is_set():
            self._some.set()

    def open(self, log: Log) -> None:
        """Write what was kept, and all that comes, to ``log``."""
        self._log = log
        self.write()
        threading.Thread(target=self._write_on, name="mcp-local log", daemon=True).start()

    def write(self) -> None:
        """Write what is kept, now."""
        while self._write_next():
            pass

    def _write_next(self) -> bool:
        """Write the next line; whether there was one."""
        with self._writing:
            if self._log is None or not self._kept:
                return False
            self._log.write(*self._kept.popleft())
            return True

    def _write_on(self) -> None:
        while True:
            self._some.wait()
            time.sleep(_MOMENT)
            self._some.clear()
            while self._write_next():
                if len(self._kept) < _MOST:
                    time.sleep(_PAUSE)
