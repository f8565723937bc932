"""The configured servers, each started or reached once and asked for all that it has."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from mcp_local.cli.context import given_for
from mcp_local.cli.person import look_up
from mcp_local.desktop.doctor.finding import Finding, from_error, note, ok, problem, skipped
from mcp_local.desktop.doctor.isolate import look
from mcp_local.errors import McpLocalError, Unreachable
from mcp_local.guard.definition_changes import changes
from mcp_local.guard.record_file import RecordFile
from mcp_local.guard.relay.environment import not_set
from mcp_local.inventory import ask, inventory
from mcp_local.settings import Definitions
from mcp_local.targets import HostedTarget, WrappedTarget, find_target
from mcp_local.wiring import policy_path, server_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mcp_local.cli.context import Context
    from mcp_local.policy.model import Component
    from mcp_local.settings import Server, Settings
    from mcp_local.targets import RemoteTarget, Target

_PATIENCE: Final = 70.0
"""Seconds: a little longer than a first start may take (``guard.interview``)."""
_AT_ONCE: Final = 8


class Served(NamedTuple):
    """What there is to say of one server."""

    policy: str
    """Path of the policy that holds for it; empty: none."""
    folder: Path | None
    """Where it runs."""
    components: list[Component]
    findings: list[Finding]


def served(
    settings: Settings, given: Mapping[str, str | None], context: Context, *, offline: bool
) -> list[Served]:
    """Look at each ``[servers.NAME]``, all at once; ``offline`` leaves out what is remote.

    ``given`` is what the command line says in place of settings.
    """
    found = [(server, _find(server, settings)) for server in settings.servers.values()]
    if any(isinstance(target, HostedTarget) for _, target in found):
        context.console.reserve_stdout()  # its code runs in this process

    def see(named: tuple[Server, Target | Finding]) -> Served:
        server, target = named
        policy = policy_path(settings, server.policy)
        if isinstance(target, Finding):
            return Served(policy, None, [], [target])
        folder = target.folder if isinstance(target, WrappedTarget) else None
        if offline and server.url:
            left_out = skipped(_check(server), "--offline asks nothing of the network.")
            return Served(policy, folder, [], [left_out])
        own = partial(_look, server, target, settings, given, context)
        seen = look(_check(server), own, _PATIENCE)
        findings = [each for each in seen if isinstance(each, Finding)]
        components = [each for each in seen if not isinstance(each, Finding)]
        return Served(policy, folder, components, findings)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(see, found))


def _check(server: Server) -> str:
    return f"servers.{server.name}"


def _find(server: Server, settings: Settings) -> Target | Finding:
    try:
        return find_target(server.name, settings, Path.cwd())
    except McpLocalError as error:
        return from_error(_check(server), error)


def _look(
    server: Server,
    target: Target,
    settings: Settings,
    given: Mapping[str, str | None],
    context: Context,
) -> Iterator[Finding | Component]:
    """Yield what was found, and what the server has.

    Raises:
        McpLocalError: it can't be started, reached or asked.
    """
    if server.tenant or server.account:
        settings = context.load(given_for(server, given))
    if server.api and look_up(settings, context, offline=True).token is None:
        yield skipped(_check(server), "It wants a token of whoever is signed in, and nobody is.")
        return
    for variable in not_set(context.environ, server.env):
        text = f"There is no {variable} to hand on to it here; a client's server may have it."
        yield note(_check(server), text)
    try:
        has = _components(target, settings, context.environ)
    except Unreachable as error:
        if server.url:
            raise
        remedy = error.hint or "Run its command in a terminal; `mcp-local logs` may tell more."
        yield problem(_check(server), error.message, remedy)
        return
    what = "tool, resource or prompt" if len(has) == 1 else "tools, resources and prompts"
    does = "answers" if server.url else "starts"
    yield ok(_check(server), f"It {does}, and has {len(has)} {what}.")
    if not isinstance(target, HostedTarget):
        yield from _definitions(_check(server), target, settings)
    yield from has


def _components(target: Target, settings: Settings, environ: Mapping[str, str]) -> list[Component]:
    if isinstance(target, HostedTarget):
        return asyncio.run(inventory(target, settings, environ))
    return list(ask(target, settings, environ).components)


def _definitions(
    check: str, target: WrappedTarget | RemoteTarget, settings: Settings
) -> Iterator[Finding]:
    """Tell of what isn't as it was approved (SECURITY.md M7)."""
    record = RecordFile(settings.home, server_key(target)).load()
    differ = changes(record.approved, record.seen) if record else []
    if not differ:
        return
    names = ", ".join(sorted({str(each) for each in differ}))
    held = target.server.definitions is Definitions.HOLD
    make = problem if held else note
    yield make(
        check,
        f"Not as approved{', and held back' if held else ''}: {names}.",
        f"See how: mcp-local pin show {target}. If it is meant so: mcp-local pin approve {target}",
    )
