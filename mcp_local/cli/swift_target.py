"""Settings and target of a plain command line; what is wrong with them is told by others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mcp_local.cli.context import as_flags, take_environment
from mcp_local.errors import McpLocalError
from mcp_local.settings import load, require_sign_in
from mcp_local.targets import WrappedTarget, find_target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.cli.swift import Plain
    from mcp_local.settings import Settings


class Found(NamedTuple):
    """What is served, and how."""

    settings: Settings
    target: WrappedTarget
    environ: Mapping[str, str]


def find_swiftly(said: Plain) -> Found | None:
    """Return the wrapped server that the words name; ``None`` where there is more to be said.

    The cache's passphrase is out of the environment only if there is one.
    """
    environ = take_environment()
    try:
        settings = _load(dict(said.flags), environ)
        server = settings.servers.get(said.name)
        if server is not None and (server.tenant or server.account):
            own = {"tenant": server.tenant, "account": server.account}
            named = {key: value for key, value in own.items() if value}
            settings = _load({**named, **said.flags}, environ)
        require_sign_in(settings)
        target = find_target(said.name or None, settings, Path.cwd(), said.command)
    except McpLocalError:
        return None
    if settings.warnings or not isinstance(target, WrappedTarget):
        return None
    return Found(settings, target, environ)


def _load(flags: Mapping[str, str], environ: Mapping[str, str]) -> Settings:
    return load(flags, environ, argv_flags=tuple(as_flags(flags)))
