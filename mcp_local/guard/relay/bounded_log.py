"""What the two sides do that is odd, in the log: so many lines of each kind, however often (M22).

Without a bound a server, or a client, could write until the lines about decisions are rotated away.
Decisions themselves go past this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from mcp_local.guard.relay.tail import Quota

if TYPE_CHECKING:
    from mcp_local.guard.relay.tail import Logs


@final
class BoundedLog:
    """A log with a quota for each event; what is left out is counted."""

    def __init__(self, log: Logs) -> None:
        self._log = log
        self._quotas: dict[str, Quota] = {}

    def event(self, name: str, *, level: str = "info", **fields: object) -> None:
        """Write one line, unless there were too many of this name."""
        left_out = self._quotas.setdefault(name, Quota()).take()
        if left_out is None:
            return
        if left_out:
            self._log.event(name, level=level, left_out=left_out)
        self._log.event(name, level=level, **fields)
