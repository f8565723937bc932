"""Checks of the desktop clients that are configured here."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_local.desktop.catalogue import CLIENTS, places
from mcp_local.desktop.config_file import ConfigFile
from mcp_local.desktop.doctor.finding import Finding, from_error, note, ok, problem
from mcp_local.desktop.registration import is_ours
from mcp_local.desktop.shapes import read_entry
from mcp_local.errors import McpLocalError
from mcp_local.settings.keys import PASSPHRASE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mcp_local.desktop.model import DesktopClient, Entry, Place


def clients(environ: Mapping[str, str], folder: Path) -> Iterator[Finding]:
    """Look at each configuration that is there."""
    seen: set[Path] = set()
    for client in CLIENTS:
        for place in places(client, environ, folder):
            if place.path.exists() and place.path.resolve() not in seen:
                seen.add(place.path.resolve())
                yield from _file(client, place)
    if not seen:
        yield note(
            "clients",
            "No configuration of a known client is here.",
            "Add a server to one: mcp-local install CLIENT NAME TARGET",
        )


def _file(client: DesktopClient, place: Place) -> Iterator[Finding]:
    try:
        servers = ConfigFile(place).servers()
    except McpLocalError as error:
        yield from_error(client.id, error)
        return
    entries = {name: read_entry(value, client.shape) for name, value in servers.items()}
    ours = [name for name, value in servers.items() if is_ours(value, client)]
    found = f"{place.path} parses; servers of ours: {', '.join(ours) or 'none'}."
    yield ok(client.id, found)
    for name in ours:
        entry = entries[name]
        if entry is not None:
            yield from _ours(client, name, entry)
    lines = Counter(entry.line for name in ours if (entry := entries[name]) is not None)
    for line, count in lines.items():
        if count > 1:
            names = ", ".join(n for n in ours if (e := entries[n]) is not None and e.line == line)
            yield problem(
                client.id,
                f"{names} start the very same server.",
                f"Keep one: mcp-local uninstall {client.id} NAME",
            )
    open_ones = [name for name, entry in entries.items() if entry is not None and name not in ours]
    if open_ones:
        yield note(
            client.id,
            f"Without a guard: {', '.join(open_ones)}.",
            f"Put one before them: mcp-local guard {client.id} NAME --policy FILE",
        )


def _ours(client: DesktopClient, name: str, entry: Entry) -> Iterator[Finding]:
    command = Path(entry.command)
    if not command.is_absolute():
        where = shutil.which(entry.command)
        yield problem(
            client.id,
            f"{name} is started as `{entry.command}`, which a client's PATH may not have.",
            f"Write {where} there." if where else "Install it: uv tool install mcp-local",
        )
    elif not command.exists():
        yield problem(
            client.id,
            f"{name} is started as {command}, which isn't there.",
            f"Write it anew: mcp-local install {client.id} {name} … --replace",
        )
    if entry.env.get(PASSPHRASE_VARIABLE):
        yield problem(
            client.id,
            f"The cache's passphrase stands in {name}'s entry, for everyone who reads the file.",
            "Put it into a file of yours alone, named by MCP_LOCAL_CACHE_PASSPHRASE_FILE.",
        )
    policy = _policy_of(entry)
    if policy and not policy.startswith("preset:") and not Path(policy).exists():
        yield problem(
            client.id, f"{name} names the policy {policy}, which isn't there.", "Mend its path."
        )


def _policy_of(entry: Entry) -> str:
    own = entry.line[: entry.line.index("--")] if "--" in entry.line else entry.line
    return own[own.index("--policy") + 1] if "--policy" in own[:-1] else ""
