"""Entries that start this program: which they are, what they guard, and how two of them differ."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from mcp_local.desktop.model import Entry
from mcp_local.desktop.shapes import read_entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mcp_local.desktop.model import DesktopClient

SPLIT: Final = "--"
"""Stands before the command that is wrapped."""
_ADDRESS: Final = re.compile(r"([a-z]+://)(?:[^\s/?#@]*@)?([^\s/?#,]*)[^\s,]*")
_NAMES: Final = {"mcp-local", "mcp_local"}


def is_ours(value: object, client: DesktopClient) -> bool:
    """Whether an entry starts this program, in whatever way."""
    entry = read_entry(value, client.shape)
    return entry is not None and _run_at(entry) is not None


def behind_guard(value: object, client: DesktopClient) -> Entry | None:
    """Return the command that an entry of ours guards; ``None`` if it guards none."""
    entry = read_entry(value, client.shape)
    start = None if entry is None else _run_at(entry)
    if entry is None or start is None or SPLIT not in entry.line[start:]:
        return None
    command, *args = entry.line[entry.line.index(SPLIT, start) + 1 :]
    return Entry(command, tuple(args), entry.env, entry.cwd)


def changes(old: Entry, new: Entry) -> Iterator[str]:
    """Yield what an entry says otherwise than the one that it replaces, in a few words each.

    Of variables only the names are told, of an address only the host, of a command's arguments only
    that they differ: all of them may hold secrets.
    """
    before, after = _said(old), _said(new)
    for what in {**before, **after}:
        was, now = (_shown(said.get(what, "none")) for said in (before, after))
        if was != now:
            yield f"{what}: {was} → {now}"
        elif before.get(what) != after.get(what):
            yield f"another address at {now}"
    if before["server"] == after["server"] and _arguments(old) != _arguments(new):
        yield f"other arguments for {_shown(after['server'])}"
    names = old.env.keys() | new.env.keys()
    other = sorted(name for name in names if old.env.get(name) != new.env.get(name))
    if other:
        yield f"environment: {', '.join(other)}"


def _run_at(entry: Entry) -> int | None:
    """Return where the ``run`` of this program stands in a command line."""
    for index, word in enumerate(entry.line[:-1]):
        if word == SPLIT:
            return None
        program = word.replace("\\", "/").rpartition("/")[2].removesuffix(".exe")
        if program in _NAMES:
            rest = entry.line[index + 1 :]
            own = rest[: rest.index(SPLIT)] if SPLIT in rest else rest
            return index + 1 + own.index("run") if "run" in own else None
    return None


def _said(entry: Entry) -> dict[str, str]:
    """Return what a command line says: each flag of ours, and the server that it is about."""
    start = _run_at(entry)
    if start is None:
        return {"server": f"{entry.command or entry.url}, without a guard"}
    said = {"program": entry.command, "server": "the sample server"}
    own, behind = entry.line, ()
    if SPLIT in entry.line:
        at = entry.line.index(SPLIT)
        own, behind = entry.line[:at], entry.line[at + 1 :]
    for index, word in enumerate(own):
        following = own[index + 1] if index + 1 < len(own) else ""
        if word.startswith("--"):
            value = "yes" if following.startswith("--") else following or "yes"
            said[word[2:]] = " ".join(filter(None, (said.get(word[2:]), value)))
        elif index > start and not own[index - 1].startswith("--"):
            said["server"] = word
    return said | ({"server": behind[0]} if behind else {})


def _shown(text: str) -> str:
    """Return text without what may be a secret in it: of addresses only the host is told."""
    return " ".join("…" if "=" in word else word for word in _ADDRESS.sub(r"\1\2", text).split(" "))


def _arguments(entry: Entry) -> tuple[str, ...]:
    return entry.line[entry.line.index(SPLIT) + 2 :] if SPLIT in entry.line else ()
