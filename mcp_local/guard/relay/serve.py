"""Runs the relay: its threads, its loading in the background, and its end."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Final

from mcp_local.guard.ending import EndOfProcess
from mcp_local.guard.relay.bounded_log import BoundedLog
from mcp_local.guard.relay.client_side import ClientSide
from mcp_local.guard.relay.refusing import RefusingGuard
from mcp_local.guard.relay.relay import Relay
from mcp_local.guard.relay.server_side import ServerSide

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp_local.guard.relay.late_log import LateLog
    from mcp_local.guard.relay.parts import RelayParts
    from mcp_local.guard.relay.rules import Rules
    from mcp_local.guard.stdio import Wire
    from mcp_local.guard.upstream import Upstream

_SWITCH: Final = 0.0005
"""Seconds until a thread that computes makes way for one that has a message to pass on."""
_LAST_ANSWERS: Final = 0.4
"""Seconds for what is open when the client has said its last word; it may still read."""
_LOOK: Final = 0.005
_HEAD_START: Final = 0.1
"""Seconds that a greeting has for itself before loading begins, which takes a processor's time."""


def serve_relay(
    upstream: Upstream,
    wire: Wire,
    parts: Callable[[], RelayParts],
    *,
    log: LateLog,
    rules: Rules,
) -> int:
    """Relay between the wire and a server that was started, until the client leaves.

    ``parts`` is called in a thread of its own once messages are being passed on. Starts the
    session; stops the server; ends the process within a second (M21). Returns the exit code.
    """
    sys.setswitchinterval(_SWITCH)
    relay = Relay(upstream, wire, rules, BoundedLog(log))
    client = ClientSide(relay)
    with EndOfProcess() as end:
        end.at_last(lambda: _close(relay, log))
        end.when_asked(lambda: _begin("mcp-local stop", upstream.stop))
        _begin("mcp-local server", ServerSide(relay).listen)
        _begin("mcp-local guard", lambda: _guard(relay, parts, log))
        for line in wire.messages():
            client.take(line)
        end.client_gone()
        _wait_for_answers(relay)
        upstream.stop()
        _close(relay, log)
    return end.code


def _begin(name: str, work: Callable[[], None]) -> None:
    threading.Thread(target=work, name=name, daemon=True).start()


def _close(relay: Relay, log: LateLog) -> None:
    """Log what the end cuts off, and all that was not written yet."""
    relay.abandon()
    log.write()


def _wait_for_answers(relay: Relay) -> None:
    deadline = time.monotonic() + _LAST_ANSWERS
    while relay.open.all() and time.monotonic() < deadline:
        time.sleep(_LOOK)


def _guard(relay: Relay, parts: Callable[[], RelayParts], log: LateLog) -> None:
    """Load what judges, and let it judge, in a thread of its own."""
    relay.guard_wanted.wait(_HEAD_START)
    try:
        from mcp_local.guard.relay.loop import run_guard  # noqa: PLC0415 - start-up: asyncio

        run_guard(relay, parts, log)
    except Exception as fault:  # noqa: BLE001 - the guard's edge refuses
        log.event("fault", level="error", kind=type(fault).__name__, message=str(fault))
        relay.guarded_by(RefusingGuard(relay))
