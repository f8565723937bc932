"""Tells the client that a remote server's lists may be others now: now and then, not all the time.

Whoever is told asks for the lists. With a server that forgets its session each time, that begins
another session, of which there would be to tell again, without an end (SECURITY.md M17).
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final, final

import msgspec

if TYPE_CHECKING:
    from mcp_local.guard.bridge.link import Deliver

_QUIET: Final = 60.0
"""Seconds between two times; what there is to tell meanwhile is told at their end."""
_LISTED: Final = ("tools", "resources", "prompts")


@final
class Changes:
    """What is to be told. Called from several threads."""

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._changing = threading.Lock()
        self._kinds: dict[str, None] = {}
        """What waits to be told."""
        self._quiet_until = 0.0

    def tell(self, greeting: bytes) -> None:
        """Have the lists asked for again that a server says it has in answer to ``initialize``."""
        with self._changing:
            is_first = not self._kinds
            self._kinds |= dict.fromkeys(_lists_in(greeting))
            rest = self._quiet_until - time.monotonic()
        if not is_first:
            return  # it is told with what waits
        if rest <= 0:
            self._say()
            return
        later = threading.Timer(rest, self._say)
        later.daemon = True
        later.start()

    def _say(self) -> None:
        with self._changing:
            kinds, self._kinds = self._kinds, {}
            if kinds:
                self._quiet_until = time.monotonic() + _QUIET
        for kind in kinds:
            changed = {"jsonrpc": "2.0", "method": f"notifications/{kind}/list_changed"}
            self._deliver(msgspec.json.encode(changed))


class _Result(msgspec.Struct):
    capabilities: dict[str, msgspec.Raw] = {}


class _Greeting(msgspec.Struct):
    result: _Result


def _lists_in(greeting: bytes) -> list[str]:
    try:
        capabilities = msgspec.json.decode(greeting, type=_Greeting).result.capabilities
    except msgspec.DecodeError:
        return []
    return [kind for kind in _LISTED if kind in capabilities]
