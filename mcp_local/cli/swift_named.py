"""``run NAME`` of a wrapped server: its settings first, for they name the command (see ``swift``).

Imports what these need, and nothing else before the server is started.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mcp_local.cli.context import as_flags, take_environment
from mcp_local.errors import ExitCode, McpLocalError
from mcp_local.guard.relay.environment import child_environment
from mcp_local.guard.relay.launch import launch
from mcp_local.settings import load, require_sign_in
from mcp_local.targets import WrappedTarget, find_target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.cli.swift import Plain
    from mcp_local.settings import Settings


class Found(NamedTuple):
    """What is served, and how."""

    target: WrappedTarget
    settings: Settings
    environ: Mapping[str, str]


def serve_named(said: Plain) -> ExitCode | None:
    """Serve the wrapped server that the words name; ``None``: the ordinary way has more to say."""
    found = find_named(said)
    if found is None:
        return None
    target, settings, environ = found
    server = target.server
    env = child_environment(environ, server.env)
    launched = launch(server.command, server.args, env, target.folder)
    from mcp_local.cli.relayed import serve_launched  # noqa: PLC0415 - while the server starts

    return serve_launched(launched, target, settings, environ)


def find_named(said: Plain) -> Found | None:
    """Return the wrapped server that the words name; ``None``: there is more to be said."""
    try:
        settings = _load(said.flags, os.environ)
        server = settings.servers.get(said.name)
        if server is not None and (server.tenant or server.account):
            own = {"tenant": server.tenant, "account": server.account}
            named = {key: value for key, value in own.items() if value}
            settings = _load({**named, **said.flags}, os.environ)
        require_sign_in(settings)
        target = find_target(said.name, settings, Path.cwd())
    except McpLocalError:
        return None
    if not isinstance(target, WrappedTarget) or settings.warnings:
        return None
    return Found(target, settings, take_environment())


def _load(flags: Mapping[str, str], environ: Mapping[str, str]) -> Settings:
    return load(flags, environ, argv_flags=tuple(as_flags(flags)))
