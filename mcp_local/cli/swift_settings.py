"""Settings and target of a plain command line (see ``swift``)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mcp_local.cli.console import Console
from mcp_local.cli.context import as_flags, take_environment
from mcp_local.errors import McpLocalError
from mcp_local.log.place import open_log
from mcp_local.settings import load, require_sign_in
from mcp_local.targets import WrappedTarget, find_target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.cli.swift import Plain
    from mcp_local.settings import Settings
    from mcp_local.targets import Target


class Found(NamedTuple):
    """What is served, and how."""

    target: WrappedTarget
    settings: Settings
    environ: Mapping[str, str]


def find_command(said: Plain) -> Found:
    """Return the command that the words name, with the settings it is served by.

    Raises:
        McpLocalError: it can't be served so.
    """
    environ = take_environment()
    settings = _load(said.flags, environ)
    try:
        require_sign_in(settings)
        target = _find(said, settings)
    except McpLocalError as error:
        # Desktop clients hide standard error: `mcp-local logs` must know why nothing is served.
        open_log(settings).event("not_served", level="error", code=error.code, why=error.message)
        raise
    assert isinstance(target, WrappedTarget)  # noqa: S101 - a command is one
    for warning in settings.warnings:
        Console().warn(warning)
    return Found(target, settings, environ)


def find_named(said: Plain) -> Found | None:
    """Return the wrapped server that the words name; ``None``: the ordinary way has more to say."""
    try:
        settings = _load(said.flags, os.environ)
        server = settings.servers.get(said.name)
        if server is not None and (server.tenant or server.account):
            own = {"tenant": server.tenant, "account": server.account}
            named = {key: value for key, value in own.items() if value}
            settings = _load({**named, **said.flags}, os.environ)
        require_sign_in(settings)
        target = _find(said, settings)
    except McpLocalError:
        return None
    if not isinstance(target, WrappedTarget) or settings.warnings:
        return None
    return Found(target, settings, take_environment())


def _find(said: Plain, settings: Settings) -> Target:
    return find_target(said.name or None, settings, Path.cwd(), said.command)


def _load(flags: Mapping[str, str], environ: Mapping[str, str]) -> Settings:
    return load(flags, environ, argv_flags=tuple(as_flags(flags)))
