"""``run``: serve a guarded server to a desktop client over standard input and output."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from mcp_local.cli.alarm import alarm
from mcp_local.cli.parser import Command
from mcp_local.cli.relayed import serve_relayed
from mcp_local.cli.target import (
    TargetArguments,
    bring_packages,
    declare_target,
    find_named,
    target_settings,
)
from mcp_local.cli.unserved import noting_unserved
from mcp_local.errors import ExitCode
from mcp_local.guard.stdio import claim_wire
from mcp_local.log.place import open_log
from mcp_local.settings import load, require_sign_in
from mcp_local.targets import HostedTarget, RemoteTarget, WrappedTarget
from mcp_local.wiring import guard_server, log_name, open_session, open_upstream

if TYPE_CHECKING:
    from fastmcp import FastMCP

    from mcp_local.cli.context import Context
    from mcp_local.cli.parser import Parser
    from mcp_local.guard.stdio import Wire
    from mcp_local.policy.building.builder import Policy
    from mcp_local.settings import Settings


class RunArguments(TargetArguments):
    """``run``."""

    demo: bool
    demo_user: str | None


class _Served(NamedTuple):
    """A server of this process."""

    server: FastMCP[Any]
    policy: Policy | str
    """That comes with it, or its path, or empty."""
    called: str
    """In the log."""


def _declare_run(parser: Parser) -> None:
    declare_target(parser)
    parser.add_argument(
        "--demo", action="store_true", help="with a local Entra ID of its own, no tenant needed"
    )
    parser.add_argument(
        "--demo-user",
        metavar="NAME",
        help="the same, with this person signed in (reader, admin, …)",
    )


def _run(arguments: RunArguments, context: Context) -> ExitCode:
    if not (arguments.demo or arguments.demo_user):
        return _run_target(arguments, context)
    from mcp_local.cli.tied import TiedEmulator  # noqa: PLC0415 - start-up: only for the demo

    with TiedEmulator(context.environ) as emulator:
        importlib.import_module("mcp_local.guard.hosted")  # takes as long as the emulator's start
        environ = emulator.environment(context.environ, arguments.demo_user)
        return _run_target(arguments, replace(context, environ=environ))


def _run_target(arguments: RunArguments, context: Context) -> ExitCode:
    with noting_unserved(context.environ):
        settings = target_settings(arguments, context)
    with noting_unserved(context.environ, settings):
        require_sign_in(settings)
        target = find_named(arguments, settings)
        if isinstance(target, HostedTarget):
            bring_packages(target.file.path, context)
        if sys.stdin and sys.stdin.isatty():
            context.console.note("Waiting for an MCP client on standard input; Ctrl-C ends it.")
        if not isinstance(target, HostedTarget):
            return _relay(target, settings, context)
        return _load_and_serve(target, settings, context)


def _load_and_serve(target: HostedTarget, settings: Settings, context: Context) -> ExitCode:
    # From here on code of others runs, and standard output is the protocol's alone.
    wire = claim_wire()
    from mcp_local.guard.loading import load_server  # noqa: PLC0415 - start-up: brings FastMCP

    served = _Served(load_server(target.file), target.policy, log_name(target))
    return _serve(served, wire, settings, context)


def _relay(target: WrappedTarget | RemoteTarget, settings: Settings, context: Context) -> ExitCode:
    """Serve a server that isn't hosted in this process."""
    log = open_log(settings, context.console.note if context.console.verbose else None, alarm)
    log.serves(log_name(target))
    remote = isinstance(target, RemoteTarget)  # is sent the token of whoever is signed in
    session = open_session(settings, context.environ, log) if remote else None
    upstream = open_upstream(target, settings, context.environ, log, session)
    upstream.start()
    return serve_relayed(upstream, target, settings, context.environ, log, session=session)


def serve_own(
    server: FastMCP[Any], policy: Policy | str, context: Context, called: str
) -> ExitCode:
    """Serve a server that this process made itself; the settings come from the environment.

    ``called`` is how the log names it.

    Raises:
        McpLocalError: it can't be served.
    """
    wire = claim_wire()
    settings = load({}, context.environ)
    require_sign_in(settings)
    return _serve(_Served(server, policy, called), wire, settings, context)


def _serve(served: _Served, wire: Wire, settings: Settings, context: Context) -> ExitCode:
    from mcp_local.guard.hosted import serve_stdio  # noqa: PLC0415 - start-up: brings FastMCP

    log = open_log(settings, context.console.note if context.console.verbose else None, alarm)
    log.serves(served.called)
    session = open_session(settings, context.environ, log)
    guard_server(served.server, served.policy, settings, session, log, context.environ)
    return ExitCode(serve_stdio(served.server, session=session, wire=wire))


COMMANDS = (
    Command(
        "run",
        "Serve a guarded server to a desktop client (stdio).",
        RunArguments,
        _declare_run,
        _run,
        """
        mcp-local run server.py --policy policy.yaml
        mcp-local run -- uvx mcp-server-git      the same around any stdio server
        mcp-local run --demo                     the sample server and a local Entra ID
        mcp-local run --demo --demo-user reader  the same, nobody has to sign in
        """,
    ),
)
