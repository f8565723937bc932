"""A server's place in a client's file: ``install``, ``uninstall``, ``guard``, ``unguard``."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_local.cli.context import global_flags
from mcp_local.cli.parser import Arguments, Command
from mcp_local.cli.target import TargetArguments, target_settings
from mcp_local.desktop.catalogue import BY_ID, find_client, places
from mcp_local.desktop.config_file import ConfigFile
from mcp_local.desktop.guarded import GuardedRecords
from mcp_local.desktop.links import install_link
from mcp_local.desktop.model import Entry, Format, Place, Scope
from mcp_local.desktop.program import Program, find_program
from mcp_local.desktop.registration import Registration
from mcp_local.desktop.shapes import new_entry
from mcp_local.errors import ExitCode, SettingsError, UsageError
from mcp_local.policy.load import PRESET, load_policy
from mcp_local.settings import require_sign_in
from mcp_local.settings.keys import CONFIG_VARIABLE, HOME_VARIABLE, KEYS, PROXY
from mcp_local.targets import HostedTarget, RemoteTarget, WrappedTarget, find_target

if TYPE_CHECKING:
    from mcp_local.cli.context import Context
    from mcp_local.cli.parser import Parser
    from mcp_local.desktop.model import DesktopClient
    from mcp_local.desktop.registration import Done
    from mcp_local.settings import Settings
    from mcp_local.targets import Target


class PlaceArguments(Arguments):
    """Which client's file is meant."""

    client: str
    scope: str | None
    file: str | None


class InstallArguments(TargetArguments, PlaceArguments):
    """``install``."""

    name: str | None
    api: str | None
    only_print: bool
    link: bool
    replace: bool


class NamedArguments(PlaceArguments):
    """``uninstall``, ``unguard``."""

    name: str


class GuardArguments(NamedArguments):
    """``guard``."""

    policy: str | None
    account: str | None
    api: str | None


def _declare_place(parser: Parser) -> None:
    parser.add_argument("client", metavar="CLIENT", help=", ".join(BY_ID))
    parser.add_argument(
        "--scope", choices=list(Scope), help="the person's file, or this folder's (user)"
    )
    parser.add_argument("--file", metavar="PATH", help="this file instead of the client's own")


def _declare_install(parser: Parser) -> None:
    _declare_place(parser)
    parser.add_argument("name", nargs="?", metavar="NAME", help="what the client calls it")
    parser.add_argument(
        "target",
        nargs="?",
        metavar="TARGET",
        help="FILE.py[:OBJECT], https://…, a name under [servers], or -- COMMAND ARG…; "
        "left out: NAME under [servers]; nothing at all: the sample server",
    )
    parser.add_argument("--policy", metavar="FILE", help="policy, instead of the settings'")
    parser.add_argument("--account", metavar="NAME", help="only this user name or object id")
    parser.add_argument("--api", metavar="ID", help="the app of a remote server's API")
    parser.add_argument(
        "--print", dest="only_print", action="store_true", help="show the entry, write nothing"
    )
    parser.add_argument("--link", action="store_true", help="show a link that adds it")
    parser.add_argument("--replace", action="store_true", help="in place of one that is there")


def _declare_named(parser: Parser) -> None:
    _declare_place(parser)
    parser.add_argument("name", metavar="NAME", help="what the client calls it")


def _declare_guard(parser: Parser) -> None:
    _declare_named(parser)
    parser.add_argument("--policy", metavar="FILE", help="policy, instead of the settings'")
    parser.add_argument("--account", metavar="NAME", help="only this user name or object id")
    parser.add_argument("--api", metavar="ID", help="the app of a remote server's API")


def _install(arguments: InstallArguments, context: Context) -> ExitCode:
    client = find_client(arguments.client)
    settings = target_settings(arguments, context)
    target = _target(arguments, settings)
    name = arguments.name or _name_of(target)
    program = find_program(context.environ)
    entry = Entry(
        program.line[0],
        (*program.line[1:], *_run_words(arguments, target, arguments.api)),
        env=_environment(context),
    )
    if arguments.only_print or arguments.link:
        return _show(client, name, entry, context, link=arguments.link)
    _warm(program, context)
    _warn_of_missing(settings, context)
    file = ConfigFile(_place(client, arguments, context))
    done = Registration(file, client).install(name, entry, overwrite=arguments.replace)
    return _told("Added", done, client, context)


def _target(arguments: InstallArguments, settings: Settings) -> Target:
    """Return what is installed; a name alone is one under ``[servers]``."""
    if arguments.target is None and not arguments.command and arguments.name:
        arguments.target = arguments.name
        if arguments.name not in settings.servers:
            raise UsageError(
                f"There is no server {arguments.name!r} under [servers] in {settings.config_file}.",
                hint="Say what is installed under that name: a file, an address, or -- COMMAND.",
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


def _uninstall(arguments: NamedArguments, context: Context) -> ExitCode:
    client = find_client(arguments.client)
    file = ConfigFile(_place(client, arguments, context))
    done = Registration(file, client).uninstall(arguments.name)
    return _told("Removed", done, client, context)


def _guard(arguments: GuardArguments, context: Context) -> ExitCode:
    client = find_client(arguments.client)
    records = GuardedRecords(context.settings(arguments).home)
    program = find_program(context.environ)
    file = ConfigFile(_place(client, arguments, context))
    line = (*program.line, *global_flags(arguments), "run", *_policy_words(arguments.policy))
    api = ("--api", arguments.api) if arguments.api else ()
    _warm(program, context)
    own_env = _environment(context)
    done = Registration(file, client).guard(arguments.name, (*line, *api), own_env, records)
    return _told("Guarded", done, client, context)


def _unguard(arguments: NamedArguments, context: Context) -> ExitCode:
    client = find_client(arguments.client)
    records = GuardedRecords(context.settings(arguments).home)
    file = ConfigFile(_place(client, arguments, context))
    done = Registration(file, client).unguard(arguments.name, records)
    return _told("Took the guard away from", done, client, context)


def _name_of(target: Target) -> str:
    match target:
        case HostedTarget():
            return target.namespace or target.file.path.stem
        case WrappedTarget():
            return target.namespace or Path(target.server.command).stem
        case RemoteTarget():
            return target.namespace or target.server.url.split("/")[2].partition(":")[0]


def _run_words(arguments: InstallArguments, target: Target, api: str | None) -> list[str]:
    """Return the words behind the program's name; paths are made absolute."""
    words = [*global_flags(arguments), "run"]
    if isinstance(target, HostedTarget) and arguments.target and not target.namespace:
        words.append(str(target.file))
    elif arguments.target:
        words.append(arguments.target)
    words += _policy_words(arguments.policy)
    if api:
        words += ["--api", api]
    return [*words, "--", *arguments.command] if arguments.command else words


def _policy_words(policy: str | None) -> list[str]:
    """Return the flag for a policy, which is read now, so that a mistake shows before a client."""
    if not policy:
        return []
    path = policy if policy.startswith(PRESET) else str(Path(policy).expanduser().absolute())
    load_policy(Path(path))
    return ["--policy", path]


def _environment(context: Context) -> dict[str, str]:
    """Return the settings that stand in this environment: the client won't have them.

    Neither a passphrase nor a proxy's password is among them: they would lie in the client's file
    for everyone to read.
    """
    ours = {*(key.variable for key in KEYS), HOME_VARIABLE, CONFIG_VARIABLE}
    found = {name: context.environ[name] for name in sorted(ours) if context.environ.get(name)}
    if "@" in found.get(PROXY.variable, ""):
        del found[PROXY.variable]
        context.console.warn(
            f"{PROXY.variable} holds a password, so the client's file doesn't get it. Set `proxy` "
            "in the settings file."
        )
    return found


def _warn_of_missing(settings: Settings, context: Context) -> None:
    """Say that the entry will not start; it may be meant to be, once the settings are there."""
    try:
        require_sign_in(settings)
    except SettingsError as error:
        context.console.warn(f"{error.message} The client can't start it until they are.")
        context.console.note("  Set them: mcp-local init")


def _place(client: DesktopClient, arguments: PlaceArguments, context: Context) -> Place:
    """Return the file that is meant: named, of the scope, else the first that is there."""
    known = places(client, context.environ, Path.cwd())
    if arguments.file is not None:
        first = known[0]
        return Place(Path(arguments.file).absolute(), first.keys, first.scope, first.format)
    if arguments.scope is not None:
        known = [place for place in known if place.scope == arguments.scope]
        if not known:
            raise UsageError(
                f"{client.title} has no {arguments.scope} configuration.", hint="Leave --scope out."
            )
    there = [place for place in known if place.scope is known[0].scope and place.path.exists()]
    return (there or known)[0]


def _warm(program: Program, context: Context) -> None:
    context.console.note("Making sure that a client can start mcp-local …")
    program.warm()


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


def _told(what: str, done: Done, client: DesktopClient, context: Context) -> ExitCode:
    lines = [f"{what} {done.name} in {done.path}.", client.restart]
    if done.copy is not None:
        lines.append(f"The file as it was: {done.copy.name}, beside it.")
    context.console.answer(
        {
            "client": client.id,
            "name": done.name,
            "file": str(done.path),
            "backup": str(done.copy) if done.copy else None,
        },
        "\n".join(lines),
    )
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
