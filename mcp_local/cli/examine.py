"""Everything that ``doctor`` looks at, in the order in which a person's request needs it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_local import places
from mcp_local.cli.person import look_up
from mcp_local.cli.served import served
from mcp_local.desktop.doctor import authority, clients, kept, machine, past, person, policies
from mcp_local.desktop.doctor.finding import Actor, Finding, Verdict, from_error, note, skipped
from mcp_local.desktop.doctor.isolate import look
from mcp_local.errors import McpLocalError, SettingsError
from mcp_local.log.place import log_file
from mcp_local.policy.deciding.engine import CompiledPolicy
from mcp_local.policy.document import ANY_ROLE
from mcp_local.settings import SignInMethod, Source, require_sign_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mcp_local.broker.storage.store import Store
    from mcp_local.cli.context import Context
    from mcp_local.cli.served import Served
    from mcp_local.settings import Settings

_LEFT_OUT = ("connection", "key store", "account", "policy")
"""Checks that mean nothing without settings."""


def without_settings(error: McpLocalError, context: Context) -> Iterator[Finding]:
    """Look at what can be looked at when the settings can't be read."""
    yield from _first(context)
    managed = error.message.startswith(places.managed_file())
    yield from_error("settings", error, Actor.IT if managed else None)
    for check in _LEFT_OUT:
        yield skipped(check, "The settings can't be read.")
    yield from look("loopback port", machine.loopback)
    yield from look("clients", lambda: clients.clients(context.environ, Path.cwd()))


def examine(
    settings: Settings, given: Mapping[str, str | None], context: Context, *, offline: bool
) -> Iterator[Finding]:
    """Look at everything, from the machine to the servers.

    ``given`` is what the command line says in place of settings.
    """
    yield from _first(context)
    yield from look("settings", lambda: machine.settings_file(settings))
    yield from look("state folder", lambda: machine.state_folder(settings))
    reached = not offline
    if offline:
        yield skipped("connection", "--offline asks nothing of the network.")
    else:
        for each in look("connection", lambda: authority.authority(settings), 90.0):
            reached = reached and not _bars_the_way(each)
            yield each
    yield from _kept(settings, context)
    yield from look("browser", lambda: machine.browser(settings, context.environ))
    yield from look("loopback port", machine.loopback)
    servers = served(settings, given, context, offline=offline)
    roles: set[str] | None = None
    for each in _policies(settings, servers):
        if isinstance(each, CompiledPolicy):
            roles = (roles or set[str]()) | {role for role in each.roles if role != ANY_ROLE}
        else:
            yield each
    asked = partial(_person, settings, roles, context, offline=not reached)
    yield from look("account", asked, 120.0)
    at = partial(clients.clients, context.environ, Path.cwd(), settings.home)
    yield from look("clients", at)
    for server in servers:
        yield from server.findings
    yield from look("log", lambda: past.log(log_file(settings)))


def _first(context: Context) -> Iterator[Finding]:
    yield from look("program", lambda: machine.program(context.environ))
    yield from look("environment", lambda: machine.relevant_environment(context.environ))


def _bars_the_way(finding: Finding) -> bool:
    """Whether there is no use in asking the authority for a token after this."""
    of_the_way = finding.check in {"name", "proxy", "trust", "connection"}
    return of_the_way and finding.verdict is Verdict.PROBLEM


def _kept(settings: Settings, context: Context) -> Iterator[Finding]:
    if settings.signin.method is SignInMethod.NONE:
        yield skipped("key store", "Nobody signs in, so nothing is kept.")
        return
    yield from look("locks", lambda: kept.locks(settings))
    store: Store | None = None
    for each in look("key store", lambda: kept.key_store(settings, context.environ)):
        if isinstance(each, Finding):
            yield each
        else:
            store = each
    if store is not None:
        opened = store
        yield from look("cache", lambda: kept.cache(settings, opened))
    yield from look(
        "sign-in", lambda: kept.sign_in(settings, lambda: _is_signed_in(settings, context))
    )


def _is_signed_in(settings: Settings, context: Context) -> bool:
    """Tell whether a token is kept that is still good; why there is none is another check's."""
    try:
        return look_up(settings, context, offline=True).token is not None
    except McpLocalError:
        return False


def _policies(settings: Settings, servers: Sequence[Served]) -> Iterator[Finding | CompiledPolicy]:
    """Look at each policy that is in use, with what the servers have that it holds for."""
    by_path = {settings.policy: None} | {each.policy: each.folder for each in servers}
    if settings.servers and settings.policy not in {each.policy for each in servers}:
        by_path.pop(settings.policy)
    for path, folder in by_path.items():
        has = [one for each in servers if each.policy == path for one in each.components]
        managed = path == settings.policy and settings.provenance["policy"].source is Source.MANAGED
        who = Actor.IT if managed else Actor.YOU
        yield from look("policy", partial(policies.policy, path, has, folder, who))


def _person(
    settings: Settings, roles: set[str] | None, context: Context, *, offline: bool
) -> Iterator[Finding]:
    if settings.signin.method is SignInMethod.NONE:
        yield note("account", "Nobody signs in: roles are declared in the settings, unverified.")
        return
    try:
        require_sign_in(settings)
    except SettingsError:
        yield skipped("account", "Nobody can sign in until the settings say where.")
        return
    report = look_up(settings, context, offline=offline)
    if report.token is None:
        assert report.error is not None  # noqa: S101 - a report has a token or says why not
        yield from person.nobody(report.error)
        return
    yield from person.token(report.token, roles, settings)
