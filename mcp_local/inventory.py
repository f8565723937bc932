"""What a target has, whatever it is: a server of one's own, a wrapped one, a remote one.

A server that isn't ours is started or reached, asked, and let go; what it told is kept as its
record, from which the offline commands answer.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mcp_local.errors import StorageError
from mcp_local.guard.definition_changes import changes
from mcp_local.guard.definition_record import KINDS, Record
from mcp_local.guard.explained import Relayed
from mcp_local.guard.record_file import RecordFile
from mcp_local.log.place import open_log
from mcp_local.settings import Definitions as WhenChanged
from mcp_local.targets import HostedTarget
from mcp_local.wiring import log_name, open_definitions, open_upstream, server_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.policy.model import Component
    from mcp_local.settings import Settings
    from mcp_local.targets import RemoteTarget, Target, WrappedTarget


async def inventory(
    target: Target, settings: Settings, environ: Mapping[str, str]
) -> list[Component]:
    """Return every component that a target has, whoever may see it.

    A hosted server's own code runs in this process; a wrapped one is started.

    Raises:
        TargetError: a hosted server can't be loaded.
        Unreachable: a wrapped or remote one doesn't answer.
        SettingsError: the settings don't say how to reach it.
    """
    if not isinstance(target, HostedTarget):
        found = await asyncio.to_thread(ask, target, settings, environ)
        return list(found.components)
    from mcp_local.guard import hosted  # noqa: PLC0415 - start-up: brings FastMCP along
    from mcp_local.guard.loading import load_server  # noqa: PLC0415 - the same

    return await hosted.inventory(load_server(target.file))


def ask(
    target: WrappedTarget | RemoteTarget, settings: Settings, environ: Mapping[str, str]
) -> Relayed:
    """Start or reach a server, ask it for all that it has, and keep that as its record.

    Blocks for as long as the server takes.

    Raises:
        Unreachable: it can't be started or reached, or doesn't answer as an MCP server does.
        SettingsError: the settings don't say how to reach it.
        StorageError: what is kept of it can't be read.
    """
    from mcp_local.guard.interview import interview  # noqa: PLC0415 - start-up: not when offline

    log = open_log(settings)
    log.serves(log_name(target))
    told = interview(open_upstream(target, settings, environ, log))
    definitions = open_definitions(target, settings, log)
    if definitions.problem:
        raise StorageError(definitions.problem, hint=f"Forget it: mcp-local pin reset {target}")
    for which, items in told.lists.items():
        definitions.see(which, items)
    definitions.see_instructions(told.instructions)
    return _relayed(definitions.record, target)


def remembered(target: WrappedTarget | RemoteTarget, settings: Settings) -> Relayed | None:
    """Return what a server told last, at any time; ``None``: nothing is kept of it.

    Raises:
        StorageError: its record can't be read.
    """
    record = RecordFile(settings.home, server_key(target)).load()
    return None if record is None else _relayed(record, target)


def _relayed(record: Record, target: WrappedTarget | RemoteTarget) -> Relayed:
    holds = target.server.definitions is WhenChanged.HOLD
    differ = changes(record.approved, record.seen) if holds else []
    held = ((KINDS[each.which], each.name) for each in differ if each.which in KINDS)
    return Relayed(tuple(record.seen.components(target.namespace)), frozenset(held))
