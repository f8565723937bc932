"""Settings and target of a server that was started already, read meanwhile (see ``swift``)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mcp_local.cli.console import Console
from mcp_local.cli.context import as_flags, given_for, take_environment
from mcp_local.cli.unserved import noting_unserved
from mcp_local.errors import SettingsError
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


def find_started(said: Plain) -> Found:
    """Return the server that was started, with the settings it is served by.

    Raises:
        McpLocalError: it can't be served so.
    """
    environ = take_environment()
    name = said.rules.namespace
    with noting_unserved(environ):
        settings = _settings(name, said.flags, environ)
    with noting_unserved(environ, settings):
        require_sign_in(settings)
        target = find_target(name or None, settings, Path.cwd(), () if name else said.command)
        target = _as_started(said, target)
    for warning in settings.warnings:
        Console().warn(warning)
    return Found(target, settings, environ)


def _settings(name: str, flags: Mapping[str, str], environ: Mapping[str, str]) -> Settings:
    """Load the settings; what ``[servers.NAME]`` says of tenant and account holds for it."""
    settings = load(flags, environ, argv_flags=tuple(as_flags(flags)))
    server = settings.servers.get(name)
    if server is None or not (server.tenant or server.account):
        return settings
    given = given_for(server, flags)
    return load(given, environ, argv_flags=tuple(as_flags(given)))


def _as_started(said: Plain, target: Target) -> WrappedTarget:
    """Return the target, which the settings say to be what was started.

    Raises:
        SettingsError: they don't; somebody wrote them meanwhile.
    """
    if isinstance(target, WrappedTarget) and _is(said, target):
        return target
    raise SettingsError(
        f"The settings of the server {said.rules.namespace!r} changed while it was started.",
        hint="Start it again.",
    )


def _is(said: Plain, target: WrappedTarget) -> bool:
    server, rules = target.server, said.rules
    if not server.name:
        return True  # its command was on the command line
    return (
        (server.command, *server.args) == said.command
        and server.env == said.env
        and target.folder == Path.cwd() / said.folder
        and (server.requests, server.methods) == (rules.requests, rules.methods)
        and (server.definitions == "hold") == rules.hold
    )
