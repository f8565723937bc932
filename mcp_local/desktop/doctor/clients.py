"""Checks of the desktop clients that are configured here."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from mcp_local.desktop.catalogue import CLIENTS, places
from mcp_local.desktop.config_file import ConfigFile
from mcp_local.desktop.doctor.entries import ours
from mcp_local.desktop.doctor.finding import Finding, from_error, note, ok, problem
from mcp_local.desktop.model import Format, Scope
from mcp_local.desktop.ours import behind_guard, is_ours
from mcp_local.desktop.shapes import read_entry
from mcp_local.errors import McpLocalError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mcp_local.desktop.model import DesktopClient, Entry, Place


def clients(
    environ: Mapping[str, str], folder: Path, home: Path | None = None
) -> Iterator[Finding]:
    """Look at each configuration; ``environ`` and ``home`` (state folder) are this terminal's."""
    files = present(environ, folder)
    for client, place in files:
        yield from _file(client, place, environ, home)
    if not files:
        yield note(
            "clients",
            "No configuration of a known client is here.",
            "Add a server to one: mcp-local install CLIENT NAME TARGET",
        )


def present(environ: Mapping[str, str], folder: Path) -> list[tuple[DesktopClient, Place]]:
    """Return the configurations that are there, each table of servers once."""
    found: dict[tuple[Path, tuple[str, ...]], tuple[DesktopClient, Place]] = {}
    for client in CLIENTS:
        for place in places(client, environ, folder):
            if place.path.exists():
                found.setdefault((place.path.resolve(), place.keys), (client, place))
    return list(found.values())


def _file(
    client: DesktopClient, place: Place, environ: Mapping[str, str], home: Path | None
) -> Iterator[Finding]:
    try:
        file = ConfigFile(place)
        servers = file.servers()
    except McpLocalError as error:
        yield from_error(client.id, error)
        return
    own = [name for name, value in servers.items() if is_ours(value, client)]
    if place.scope is not Scope.LOCAL:
        yield ok(client.id, f"{place.path} parses; servers of ours: {', '.join(own) or 'none'}.")
        yield from _as_read_by(client, place, file.text.text)
    elif own:
        yield ok(client.id, f"For this folder alone, servers of ours: {', '.join(own)}.")
    read = {name: read_entry(value, client.shape) for name, value in servers.items()}
    entries = {name: entry for name, entry in read.items() if entry is not None}
    for name in own:
        yield from ours(client, name, entries[name], environ, home)
    yield from _twice(client, {name: entries[name] for name in own})
    others = {name: entry for name, entry in entries.items() if name not in own}
    guarded = {name: behind_guard(servers[name], client) for name in own}
    yield from _unguarded(client, others, guarded)


def _as_read_by(client: DesktopClient, place: Place, text: str) -> Iterator[Finding]:
    """Look for what this program understands and the client doesn't, or not as one thinks."""
    if place.format is not Format.JSON:
        return
    repeated: list[str] = []

    def pairs(items: list[tuple[str, object]]) -> dict[str, object]:
        counts = Counter(key for key, _ in items)
        repeated.extend(key for key, count in counts.items() if count > 1)
        return dict(items)

    try:
        json.loads(text.removeprefix("\ufeff"), object_pairs_hook=pairs)
    except ValueError as error:
        if not client.comments:
            line = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
            yield problem(
                client.id,
                f"{place.path} has comments or loose commas{line}, which {client.title} can't "
                "read: it starts none of the servers.",
                "Take them out.",
            )
        return
    if repeated:
        yield problem(
            client.id,
            f"{place.path} says {', '.join(sorted(set(repeated)))} twice in one place: only the "
            "last one counts.",
            "Take the other out, or give it another name.",
        )


def _twice(client: DesktopClient, own: Mapping[str, Entry]) -> Iterator[Finding]:
    for line, count in Counter(entry.line for entry in own.values()).items():
        if count > 1:
            names = ", ".join(name for name, entry in own.items() if entry.line == line)
            yield problem(
                client.id,
                f"{names} start the very same server.",
                f"Keep one: mcp-local uninstall {client.id} NAME",
            )


def _unguarded(
    client: DesktopClient, others: Mapping[str, Entry], guarded: Mapping[str, Entry | None]
) -> Iterator[Finding]:
    """Look at the servers that no guard stands before."""
    for name, entry in others.items():
        same = [own for own, inner in guarded.items() if inner and inner.line == entry.line]
        if entry.command and same:
            yield problem(
                client.id,
                f"{name} is the server that {', '.join(same)} guards, without the guard: a model "
                "can use all of it.",
                f"Remove {name} in {client.title}.",
            )
    if others:
        yield note(
            client.id,
            f"Without a guard: {', '.join(others)}.",
            f"Put one before them: mcp-local guard {client.id} NAME --policy FILE",
        )
