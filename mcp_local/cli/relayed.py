"""Serves a server that isn't hosted in this process: ``run`` at its end, however it got here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_local.errors import ExitCode
from mcp_local.guard.relay.parts import RelayParts, Rules
from mcp_local.guard.relay.serve import serve_relay
from mcp_local.guard.stdio import claim_wire
from mcp_local.settings import Definitions

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    hold = server.definitions is Definitions.HOLD
    rules = Rules(server.name, server.requests, server.methods, hold)
    return ExitCode(serve_relay(upstream, claim_wire(), parts, log=log, rules=rules))
