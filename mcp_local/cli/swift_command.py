"""Settings and target of ``run -- COMMAND``, read while the command starts (see ``swift``)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mcp_local.cli.console import Console
from mcp_local.cli.context import as_flags, take_environment
from mcp_local.cli.swift_named import Found
from mcp_local.cli.unserved import noting_unserved
from mcp_local.settings import load, require_sign_in
from mcp_local.targets import WrappedTarget, find_target

if TYPE_CHECKING:
    from mcp_local.cli.swift import Plain


def find_command(said: Plain) -> Found:
    """Return the command that the words name, with the settings it is served by.

    Raises:
        McpLocalError: it can't be served so.
    """
    environ = take_environment()
    with noting_unserved(environ):
        settings = load(said.flags, environ, argv_flags=tuple(as_flags(said.flags)))
    with noting_unserved(environ, settings):
        require_sign_in(settings)
        target = find_target(None, settings, Path.cwd(), said.command)
    assert isinstance(target, WrappedTarget)  # noqa: S101 - a command is one
    for warning in settings.warnings:
        Console().warn(warning)
    return Found(target, settings, environ)
