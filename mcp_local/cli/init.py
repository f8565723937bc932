"""The first set-up: ``init``."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mcp_local.broker.authority.http import Http
from mcp_local.broker.authority.metadata import Documents
from mcp_local.broker.state import Phase
from mcp_local.broker.storage.keystore import in_memory
from mcp_local.broker.storage.memory_store import MemoryStore
from mcp_local.cli.catalogue import find_command
from mcp_local.cli.console import Console
from mcp_local.cli.parser import Command
from mcp_local.cli.pass_env import pass_env_words
from mcp_local.cli.person import look_up
from mcp_local.cli.shell import shell_line
from mcp_local.cli.target import TargetArguments, declare_target
from mcp_local.cli.whoami import who_is
from mcp_local.desktop.catalogue import clients_here
from mcp_local.desktop.setup import read_env_file, write_settings
from mcp_local.errors import ExitCode, SettingsError, UsageError
from mcp_local.settings import SignInMethod, Source, load

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mcp_local.cli.context import Context
    from mcp_local.cli.parser import Parser
    from mcp_local.settings import Settings

_QUESTIONS: Final = {
    "tenant": "Directory (tenant) ID, or a domain of the tenant",
    "client_id": "Application (client) ID of the client app",
    "api": "Application (client) ID of the API app (empty: the client app itself)",
}
_REQUIRED: Final = ("tenant", "client_id")
_EMULATED: Final = "of `mcp-local emulator`, as the ids are: take it out for a tenant of your own"


class InitArguments(TargetArguments):
    """``init``."""

    env_file: str | None
    no_sign_in: bool
    force: bool


def _declare(parser: Parser) -> None:
    declare_target(parser, api="the API app, for the settings", without="no policy is proposed")
    parser.add_argument(
        "--from", dest="env_file", metavar="FILE", help="take AZURE_* names over from a .env"
    )
    parser.add_argument("--no-sign-in", action="store_true", help="leave the sign-in for later")
    parser.add_argument("--force", action="store_true", help="write over settings that differ")


def _init(arguments: InitArguments, context: Context) -> ExitCode:
    given = _given(arguments, context)
    _check_emulator(given.get("tenant", ""), arguments, context)
    values = _known(arguments, context) | given
    if context.console.can_ask:
        values = _asked(values, context)
    missing = [name for name in _REQUIRED if not values.get(name)]
    if missing:
        raise _lacking(missing)
    arguments.tenant, arguments.client_id = values["tenant"], values["client_id"]
    settings = context.settings(arguments)
    if settings.development:
        context.console.warn(f"{settings.authority} is an emulator: its ids end with it.")
    _check_tenant(settings, context)
    emulator = _of_emulator(settings)
    comments = dict.fromkeys(emulator, _EMULATED)
    changed = write_settings(
        settings.config_file, values | emulator, comments, force=arguments.force
    )
    said = "is written" if changed else "says so already"
    context.console.note(f"{settings.config_file} {said}.")
    policy = _first_policy(arguments, settings, context)
    if not arguments.no_sign_in and settings.signin.method is not SignInMethod.NONE:
        _sign_in(arguments, settings, context)
    here = [client.id for client in clients_here(context.environ, Path.cwd())]
    lines = [_install_line(client, arguments, policy) for client in here or ["claude-desktop"]]
    said = "Next:" if here else "No client was found here. Next, with whichever you have:"
    context.console.answer(
        {"config_file": str(settings.config_file), "next": lines[0], "clients": here},
        "\n  ".join([said, *lines]),
    )
    return ExitCode.OK


def _given(arguments: InitArguments, context: Context) -> dict[str, str]:
    """Return what flags and the ``.env`` say; flags win."""
    flags = {"tenant": arguments.tenant, "client_id": arguments.client_id, "api": arguments.api}
    given = {name: value for name, value in flags.items() if value}
    if arguments.env_file is None:
        return given
    taken = read_env_file(Path(arguments.env_file))
    if taken.unused:
        context.console.warn(
            f"Not used: {', '.join(taken.unused)}. A desktop program is a public client: it has no "
            "secret, and it listens on no address that one could set."
        )
    return {**taken.settings, **given}


def _check_emulator(tenant: str, arguments: InitArguments, context: Context) -> None:
    """Check that the settings file isn't an emulator's where another tenant is set up.

    Raises:
        SettingsError: it is; the emulator would be asked for that tenant, and sign people in to it.
    """
    there = load({"config": arguments.config}, context.environ)
    of_file = there.provenance["authority"].source is Source.FILE
    if tenant in {"", there.tenant} or not (there.development and of_file):
        return
    raise SettingsError(
        f"{there.config_file} is set up for an emulator, {there.authority}.",
        hint="Take `authority` and `ca_file` out of it; then run this again, with --force.",
    )


def _known(arguments: InitArguments, context: Context) -> dict[str, str]:
    """Return what the settings say already."""
    settings = context.settings(arguments)
    return {
        name: str(getattr(settings, name))
        for name in _QUESTIONS
        if settings.provenance[name].source is not Source.DEFAULT
    }


def _of_emulator(settings: Settings) -> dict[str, str]:
    """Return what the ids of an emulator need beside them, where this environment says it."""
    if not settings.development:
        return {}
    found = {"authority": settings.authority, "ca_file": str(settings.ca_file)}
    return {
        name: value
        for name, value in found.items()
        if settings.provenance[name].source is Source.ENVIRONMENT
    }


def _lacking(missing: Sequence[str]) -> UsageError:
    """Return what to give where nobody can be asked."""
    flags = [f"--{name.replace('_', '-')}" for name in missing]
    return UsageError(
        f"{' and '.join(flags)} {'is' if len(missing) == 1 else 'are'} needed, and nobody is at a "
        "terminal to be asked.",
        hint=f"mcp-local init {' '.join(f'{flag} ID' for flag in flags)} [--api ID], or --from "
        'FILE with a .env that has them. Where they are: README, "Set up Microsoft Entra ID".',
    )


def _asked(values: Mapping[str, str], context: Context) -> dict[str, str]:
    """Return the values with what the person answers; what is known already isn't asked for."""
    complete = dict(values)
    for name, question in _QUESTIONS.items():
        if name not in complete and (answer := context.console.ask(f"{question}: ")):
            complete[name] = answer
    return complete


def _check_tenant(settings: Settings, context: Context) -> None:
    """Ask the authority for the tenant.

    Raises:
        SettingsError: there is no such tenant.
        Unreachable: the authority doesn't answer.
    """
    http = Http(settings)
    try:
        with context.console.progress("asking the authority"):
            store = MemoryStore(in_memory("only to ask"))
            document = Documents(http, settings.authority, store, time.time).v2()
    finally:
        http.close()
    context.console.note(f"The tenant is there: {document.issuer}")


def _sign_in(arguments: InitArguments, settings: Settings, context: Context) -> None:
    """Sign the person in, unless they are."""
    report = look_up(settings, context)
    if report.token is not None and report.status.phase is Phase.SIGNED_IN:
        context.console.note(f"Signed in already: {who_is(report)}.")
        return
    login = find_command("login")
    login.run(login.parse(_flags(arguments)), _for_people(context))


def _first_policy(arguments: InitArguments, settings: Settings, context: Context) -> str:
    """Propose a policy for the target, beside the settings file; return its path, or empty."""
    if arguments.policy or not (arguments.target or arguments.command):
        return arguments.policy or ""
    path = settings.config_file.parent / "policy.yaml"
    if path.exists():
        context.console.note(f"{path} is there already; it stays as it is.")
        return str(path)
    words = ["--output", str(path), *_flags(arguments)]
    init = find_command("policy init")
    target = [arguments.target] if arguments.target else _command(arguments)
    init.run(init.parse([*words, *target]), _for_people(context))
    return str(path)


def _for_people(context: Context) -> Context:
    """Return where the commands that this one runs answer: with --json, stdout has one document."""
    if not context.console.as_json:
        return context
    console = Console(verbose=context.console.verbose, stdout=sys.stderr)
    return replace(context, console=console)


def _flags(arguments: InitArguments) -> list[str]:
    return ["--config", arguments.config] if arguments.config else []


def _install_line(client: str, arguments: InitArguments, policy: str) -> str:
    """Return what adds the server to a client."""
    words = ["mcp-local", "install", client]
    if arguments.command:
        words.append("NAME")
    words += [arguments.target] if arguments.target else []
    words += ["--policy", policy] if policy else []
    return shell_line([*words, *_command(arguments)])


def _command(arguments: InitArguments) -> list[str]:
    """Return the words of the command that is wrapped, if one is."""
    if not arguments.command:
        return []
    return [*pass_env_words(arguments.pass_env), "--", *arguments.command]


COMMANDS = (
    Command(
        "init",
        "Set up for the first time: settings, a first policy, sign-in.",
        InitArguments,
        _declare,
        _init,
        """
        mcp-local init                                   asks for what it needs
        mcp-local init --tenant … --client-id … --api … server.py
        mcp-local init --from .env --no-sign-in
        """,
    ),
)
