"""A log that is opened later: a server is started before anybody knows where the log is."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from mcp_local.guard.relay.tail import Logs

_MOST: Final = 256
"""Events that wait for the log."""


@final
class LateLog:
    """Keeps events until the log is there."""

    def __init__(self) -> None:
        self._log: Logs | None = None
        self._kept: list[tuple[str, str, dict[str, object]]] = []
        self._opening = threading.Lock()

    def event(self, name: str, *, level: str = "info", **fields: object) -> None:
        """Write one line, or keep it."""
        log = self._log
        if log is None:
            with self._opening:
                log = self._log
                if log is None:
                    if len(self._kept) < _MOST:
                        self._kept.append((name, level, fields))
                    return
        log.event(name, level=level, **fields)

    def open(self, log: Logs) -> None:
        """Write what was kept, and all that comes, to ``log``."""
        with self._opening:
            for name, level, fields in self._kept:
                log.event(name, level=level, **fields)
            self._kept.clear()
            self._log = log
