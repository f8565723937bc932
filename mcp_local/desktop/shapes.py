"""Entries in a client's own words, and back. What isn't ours in an entry is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from mcp_local.desktop.model import Entry

if TYPE_CHECKING:
    from mcp_local.desktop.model import Shape

Table = dict[str, object]
"""An entry as plain data."""


def read_entry(value: object, shape: Shape) -> Entry | None:
    """Return what a client's entry says; ``None`` for what is no server, or of unknown shape."""
    if not isinstance(value, dict):
        return None
    table = cast("Table", value)
    inner, key = _holder(table, shape)
    command, env = inner.get(key), inner.get(shape.env)
    url = next((str(table[each]) for each in shape.url if isinstance(table.get(each), str)), "")
    if not (isinstance(command, str) and command) and not url:
        return None
    return Entry(
        command=command if isinstance(command, str) else "",
        args=_texts(inner.get("args")),
        env={k: str(v) for k, v in cast("Table", env).items()} if isinstance(env, dict) else {},
        cwd=str(table.get("cwd") or ""),
        url="" if command else url,
        has_headers=any("header" in each.lower() or "token" in each.lower() for each in table),
    )


def _holder(table: Table, shape: Shape) -> tuple[Table, str]:
    """Return what holds the command and under which key: Zed's older files have a table for it."""
    inner = table.get(shape.command)
    return (cast("Table", inner), "path") if isinstance(inner, dict) else (table, shape.command)


def _texts(value: object) -> tuple[str, ...]:
    return (
        tuple(str(each) for each in cast("list[object]", value)) if isinstance(value, list) else ()
    )


def new_entry(name: str, entry: Entry, shape: Shape) -> Table:
    """Return a new entry for a command in the client's words."""
    table: Table = {"name": name} if shape.named else {}
    table |= {**shape.constant, shape.command: entry.command, "args": list(entry.args)}
    if entry.env:
        table[shape.env] = dict(entry.env)
    if entry.cwd:
        table["cwd"] = entry.cwd
    return table | dict(shape.initial)


def with_command(old: Table, entry: Entry, shape: Shape) -> Table:
    """Return ``old`` with another command and environment; all else it says stays where it is."""
    inner, key = _holder(old, shape)
    said: Table = {key: entry.command, "args": list(entry.args)}
    if entry.env or shape.env in inner:
        said[shape.env] = dict(entry.env)
    if inner is not old:
        return old | {shape.command: inner | said}
    if old.get(shape.command):
        return old | said
    dropped = {*shape.url, *shape.remote_only}
    return {**shape.constant, **said, **{k: v for k, v in old.items() if k not in dropped}}
