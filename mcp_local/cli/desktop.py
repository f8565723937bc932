"""The servers in a client's file: ``uninstall``, ``guard``, ``unguard``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mcp_local.cli.context import global_flags
from mcp_local.cli.entry import own_environment, policy_words, warn_of_settings
from mcp_local.cli.parser import Command
from mcp_local.cli.place import PlaceArguments, declare_place, find_place, told, warm
from mcp_local.desktop.catalogue import find_client
from mcp_local.desktop.config_file import ConfigFile
from mcp_local.desktop.guarded import GuardedRecords
from mcp_local.desktop.program import find_program
from mcp_local.desktop.registration import Registration

if TYPE_CHECKING:
    from mcp_local.cli.context import Context
    from mcp_local.cli.parser import Parser
    from mcp_local.errors import ExitCode


class NamedArguments(PlaceArguments):
    """``uninstall``, ``unguard``."""

    name: str


class GuardArguments(NamedArguments):
    """``guard``."""

    policy: str | None
    account: str | None
    api: str | None


def _declare_named(parser: Parser) -> None:
    declare_place(parser)
    parser.add_argument("name", metavar="NAME", help="what the client calls it")


def _declare_guard(parser: Parser) -> None:
    _declare_named(parser)
    parser.declare_policy()
    parser.declare_account()
    parser.add_argument("--api", metavar="ID", help="the app of a remote server's API")


def _uninstall(arguments: NamedArguments, context: Context) -> ExitCode:
    client = find_client(arguments.client)
    file = ConfigFile(find_place(client, arguments, context, arguments.name))
    done = Registration(file, client).uninstall(arguments.name)
    gone = replace(client, restart=f"{client.title} forgets it when it is restarted.")
    return told("Removed", done, gone, context)


def _guard(arguments: GuardArguments, context: Context) -> ExitCode:
    client = find_client(arguments.client)
    settings = context.settings(arguments)
    records = GuardedRecords(settings.home)
    registration = Registration(
        ConfigFile(find_place(client, arguments, context, arguments.name)), client
    )
    registration.check_guardable(arguments.name)  # before anything is tried or warned of
    program = find_program(context.environ)
    line = (*program.line, *global_flags(arguments), "run", *policy_words(arguments.policy))
    api = ("--api", arguments.api) if arguments.api else ()
    own_env = own_environment(context)
    warn_of_settings(settings, arguments.policy or settings.policy, context)
    warm(program, context)
    done = registration.guard(arguments.name, (*line, *api), own_env, records)
    return told("Guarded", done, client, context)


def _unguard(arguments: NamedArguments, context: Context) -> ExitCode:
    client = find_client(arguments.client)
    records = GuardedRecords(context.settings(arguments).home)
    file = ConfigFile(find_place(client, arguments, context, arguments.name))
    done = Registration(file, client).unguard(arguments.name, records)
    return told("Took the guard away from", done, client, context)


COMMANDS = (
    Command(
        "uninstall",
        "Take a server of ours out of a client's configuration.",
        NamedArguments,
        _declare_named,
        _uninstall,
        "mcp-local uninstall claude-desktop notes",
    ),
    Command(
        "guard",
        "Put the guard before a server that a client has already.",
        GuardArguments,
        _declare_guard,
        _guard,
        "mcp-local guard claude-desktop filesystem --policy preset:read-only",
    ),
    Command(
        "unguard",
        "Take the guard away again; the entry is as it was.",
        NamedArguments,
        _declare_named,
        _unguard,
        "mcp-local unguard claude-desktop filesystem",
    ),
)
