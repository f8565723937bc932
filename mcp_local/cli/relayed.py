"""Serves a server that isn't hosted in this process: ``run`` at its end, however it got here."""

from __future__ import annotations

import os
from functools import cache, partial
from typing import TYPE_CHECKING, NoReturn

from mcp_local.cli.alarm import alarm
from mcp_local.errors import ExitCode, McpLocalError
from mcp_local.guard.relay.late_log import LateLog
from mcp_local.guard.relay.rules import Rules
from mcp_local.guard.relay.serve import serve_relay
from mcp_local.guard.relay.supervisor import Supervised
from mcp_local.guard.relay.wrap import wrap
from mcp_local.guard.stdio import claim_wire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.cli.swift import Plain
    from mcp_local.cli.swift_settings import Found
    from mcp_local.guard.relay.launch import Launched
    from mcp_local.guard.relay.parts import RelayParts
    from mcp_local.guard.session import Session
    from mcp_local.guard.upstream import Upstream
    from mcp_local.log import Log
    from mcp_local.settings import Settings
    from mcp_local.targets import RemoteTarget, WrappedTarget


def serve_relayed(  # noqa: PLR0913 - what there is by now
    upstream: Upstream,
    target: WrappedTarget | RemoteTarget,
    settings: Settings,
    environ: Mapping[str, str],
    log: Log,
    *,
    session: Session | None = None,
) -> ExitCode:
    """Serve a server that was started, until the client leaves.

    ``session`` is one that was opened before.
    """

    def parts() -> RelayParts:
        from mcp_local.wiring import relay_parts  # noqa: PLC0415 - loaded while messages pass

        return relay_parts(target, settings, environ, log, session)

    server = target.server
    hold = server.definitions == "hold"
    rules = Rules(server.name, server.requests, server.methods, hold=hold)
    late = LateLog()
    late.open(log)
    code = serve_relay(upstream, claim_wire(), parts, log=late, rules=rules)
    return _ending(code, upstream)


def serve_swiftly(said: Plain, launched: Launched) -> ExitCode:
    """Do the same for a command that was launched before the settings were read.

    They are read while the first messages pass; nothing that must be judged passes before. Ends
    the process where they can't be.
    """
    late = LateLog()
    program, *args = said.command
    upstream = wrap(
        program,
        args,
        env=said.env,
        folder=said.folder,
        environ=os.environ,
        log=late,
        launched=launched,
    )
    upstream.start()

    known = cache(partial(_know, said, late))

    def parts() -> RelayParts:
        from mcp_local.wiring import relay_parts  # noqa: PLC0415 - as above

        (target, settings, environ), log = known()
        return relay_parts(target, settings, environ, log)

    if launched.started is None:
        known()  # no start waits for this, and the client may leave at once
    code = serve_relay(upstream, claim_wire(), parts, log=late, rules=said.rules)
    return _ending(code, upstream)


def _know(said: Plain, late: LateLog) -> tuple[Found, Log]:
    """Read the settings of what was started, open the log; end the process where that can't be."""
    from mcp_local.cli.swift_settings import find_started  # noqa: PLC0415 - while messages pass
    from mcp_local.log.place import open_log  # noqa: PLC0415
    from mcp_local.wiring import log_name  # noqa: PLC0415

    try:
        found = find_started(said)
    except McpLocalError as error:
        _leave(error)
    log = open_log(found.settings, alarm=alarm)
    log.serves(log_name(found.target))
    late.open(log)
    return found, log


def _ending(code: int, upstream: Upstream) -> ExitCode:
    """Return the exit code; a client that leaves a server that never was is told so."""
    lost = isinstance(upstream, Supervised) and upstream.lost
    return ExitCode.UNREACHABLE if lost and not code else ExitCode(code)


def _leave(error: McpLocalError) -> NoReturn:
    """Say what is wrong and end; what was started ends with us (M20)."""
    from mcp_local.cli.console import Console  # noqa: PLC0415 - only a mistake pays for it

    Console().error(error)
    os._exit(error.exit_code)
