"""Runs the relay: its threads, its loading in the background, and its end."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Final

from mcp_local.guard.ending import EndOfProcess
from mcp_local.guard.relay.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp_local.guard.relay.parts import RelayParts, Rules
    from mcp_local.guard.stdio import Wire
    from mcp_local.guard.upstream import Upstream
    from mcp_local.log import Log

_SWITCH: Final = 0.0005
"""Seconds until a thread that computes makes way for one that has a message to pass on."""


def serve_relay(
    upstream: Upstream,
    wire: Wire,
    parts: Callable[[], RelayParts],
    *,
    log: Log,
    rules: Rules,
) -> int:
    """Relay between the wire and a server that was started, until the client leaves.

    ``parts`` is called in a thread of its own once messages are being passed on. Starts and closes
    the session; stops the server; ends the process within a second (M21). Returns the exit code.
    """
    sys.setswitchinterval(_SWITCH)
    relay = Relay(upstream, wire, rules, log)
    with EndOfProcess() as end:
        end.when_asked(threading.Thread(target=upstream.stop, daemon=True).start)
        threading.Thread(target=relay.listen, name="mcp-local server", daemon=True).start()
        threading.Thread(
            target=_guard, args=(relay, parts, rules, log), name="mcp-local guard", daemon=True
        ).start()
        for line in wire.messages():
            relay.from_client(line)
        end.client_gone()
        upstream.stop()
    return end.code


def _guard(relay: Relay, parts: Callable[[], RelayParts], rules: Rules, log: Log) -> None:
    """Load what judges, and let it judge, in a thread of its own."""
    from mcp_local.guard.relay.loop import run_guard  # noqa: PLC0415 - start-up: brings asyncio

    run_guard(relay, parts, rules, log)
