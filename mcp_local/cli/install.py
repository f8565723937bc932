"""A server of one's own in a client's file: ``install``."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_local.cli.context import global_flags
from mcp_local.cli.entry import (
    note_passed,
    own_environment,
    policy_words,
    warn_of_paths,
    warn_of_settings,
)
from mcp_local.cli.parser import Command
from mcp_local.cli.pass_env import check_pass_env, declare_pass_env, pass_env_words
from mcp_local.cli.place import PlaceArguments, declare_place, find_place, there_already, told, warm
from mcp_local.cli.target import TargetArguments, target_settings
from mcp_local.desktop.catalogue import find_client, places
from mcp_local.desktop.config_file import ConfigFile
from mcp_local.desktop.links import install_link
from mcp_local.desktop.model import Entry, Format, Place
from mcp_local.desktop.ours import changes
from mcp_local.desktop.program import find_program
from mcp_local.desktop.registration import Registration
from mcp_local.desktop.shapes import new_entry
from mcp_local.errors import ExitCode, UsageError
from mcp_local.targets import HostedTarget, RemoteTarget, WrappedTarget, find_target
from mcp_local.wiring import policy_path

if TYPE_CHECKING:
    from mcp_local.cli.context import Context
    from mcp_local.cli.parser import Parser
    from mcp_local.desktop.model import DesktopClient
    from mcp_local.settings import Settings
    from mcp_local.targets import Target


class InstallArguments(TargetArguments, PlaceArguments):
    """``install``."""

    name: str | None
    api: str | None
    only_print: bool
    link: bool
    replace: bool


def _declare_install(parser: Parser) -> None:
    declare_place(parser)
    parser.add_argument(
        "name",
        nargs="?",
        metavar="NAME",
        help="what the client calls it; left out: what TARGET is called",
    )
    parser.add_argument(
        "target",
        nargs="?",
        metavar="TARGET",
        help="FILE.py[:OBJECT], https://…, a name under [servers], or -- COMMAND ARG…; "
        "left out: NAME under [servers]; nothing at all: the sample server",
    )
    parser.declare_policy()
    parser.declare_account()
    parser.add_argument("--api", metavar="ID", help="the app of a remote server's API")
    declare_pass_env(parser)
    parser.add_argument(
        "--print", dest="only_print", action="store_true", help="show the entry, write nothing"
    )
    parser.add_argument("--link", action="store_true", help="show a link that adds it")
    parser.add_argument("--replace", action="store_true", help="in place of one that is there")


def _install(arguments: InstallArguments, context: Context) -> ExitCode:
    client = find_client(arguments.client)
    settings = target_settings(arguments, context)
    target = _target(arguments, settings)
    name = arguments.name or _name_of(target)
    program = find_program(context.environ)
    entry = Entry(
        program.line[0],
        (*program.line[1:], *_run_words(arguments, target)),
        env=own_environment(context),
    )
    warn_of_settings(settings, policy_path(settings, target.policy), context)
    warn_of_paths(arguments.command[1:], context)
    note_passed(arguments.pass_env, client.title, context)
    if arguments.only_print or arguments.link:
        return _show(client, name, entry, context, link=arguments.link)
    warm(program, context)
    file = ConfigFile(find_place(client, arguments, context))
    done = Registration(file, client).install(name, entry, overwrite=arguments.replace)
    if done.unchanged:
        return there_already(done, client, context)
    if done.replaced is None:
        return told("Added", done, client, context)
    return told("Replaced", done, client, context, list(changes(done.replaced, entry)))


def _target(arguments: InstallArguments, settings: Settings) -> Target:
    """Return what is installed; a word alone is a file, an address, or a name in the settings."""
    check_pass_env(arguments.pass_env, arguments.command)
    if arguments.target is None and not arguments.command and arguments.name:
        arguments.target = arguments.name
        if any(mark in arguments.name for mark in "./:"):  # no name has one
            arguments.name = None
        elif arguments.name not in settings.servers:
            raise UsageError(
                f"There is no server {arguments.name!r} under [servers] in {settings.config_file}.",
                hint="Say what is installed under that name: a file, an address, or -- COMMAND.",
            )
    if arguments.command and not arguments.name:  # `uvx` or `npx` would be the name of many
        raise UsageError(
            "What the client is to call it is missing.",
            hint=f"It stands after the client: mcp-local install {arguments.client} NAME …",
        )
    if arguments.command:
        arguments.command = (_absolute(arguments.command[0], Path.cwd()), *arguments.command[1:])
    api = arguments.api or ""
    return find_target(arguments.target, settings, Path.cwd(), arguments.command, api=api)


def _absolute(command: str, folder: Path) -> str:
    """Return where a command is: a client's own PATH is often shorter than a terminal's."""
    found = shutil.which(command)
    if found is None:
        raise UsageError(
            f"There is no command {command!r}.", hint="Install it first, or give its whole path."
        )
    return str(folder / found)


def _name_of(target: Target) -> str:
    match target:
        case HostedTarget():
            return target.namespace or target.file.path.stem
        case WrappedTarget():
            return target.namespace
        case RemoteTarget():
            return target.namespace or target.server.url.split("/")[2].partition(":")[0]


def _run_words(arguments: InstallArguments, target: Target) -> list[str]:
    """Return the words behind the program's name; paths are made absolute."""
    words = [*global_flags(arguments), "run"]
    if isinstance(target, HostedTarget) and arguments.target and not target.namespace:
        words.append(str(target.file))
    elif arguments.target:
        words.append(arguments.target)
    words += policy_words(arguments.policy)
    if arguments.api:
        words += ["--api", arguments.api]
    if not arguments.command:
        return words
    return [*words, *pass_env_words(arguments.pass_env), "--", *arguments.command]


def _show(
    client: DesktopClient, name: str, entry: Entry, context: Context, *, link: bool
) -> ExitCode:
    table = new_entry(name, entry, client.shape)
    if link:
        address = install_link(client, name, table)
        context.console.answer({"client": client.id, "name": name, "link": address}, address)
        return ExitCode.OK
    place = places(client, context.environ, Path.cwd())[0]
    blank = ConfigFile(Place(Path("/nonexistent"), place.keys, place.scope, place.format))
    blank.text.set((*place.keys, name), table)
    document = {"client": client.id, "name": name, "entry": table, "file": str(place.path)}
    if place.format is not Format.JSON:
        context.console.note(f"{place.format} for {place.path}:")
    context.console.answer(document, blank.text.text.rstrip("\n"))
    return ExitCode.OK


COMMANDS = (
    Command(
        "install",
        "Add a guarded server to a client's configuration.",
        InstallArguments,
        _declare_install,
        _install,
        """
        mcp-local install claude-desktop notes server.py --policy policy.yaml
        mcp-local install vscode git --policy preset:read-only -- uvx mcp-server-git
        mcp-local install cursor notes server.py --link
        """,
    ),
)
