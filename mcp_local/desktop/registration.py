"""Puts servers into clients' configurations, takes them out, and stands guard before others."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast

from mcp_local.desktop.guarded import Guarded, GuardedRecords
from mcp_local.desktop.model import Entry
from mcp_local.desktop.ours import SPLIT, behind_guard, is_ours
from mcp_local.desktop.shapes import new_entry, read_entry, with_command
from mcp_local.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mcp_local.desktop.config_file import ConfigFile
    from mcp_local.desktop.model import DesktopClient
    from mcp_local.desktop.shapes import Table

_OWN: Final = "MCP_LOCAL_"
_HAND_ON: Final = "--pass-env"
"""The flag of ``run`` that hands a variable on to the wrapped server."""


@dataclass(frozen=True, slots=True)
class Done:
    """What was changed."""

    path: Path
    name: str
    copy: Path | None
    """The dated copy of the file as it was before."""
    replaced: Entry | None = None
    """What an entry said whose place was taken."""
    unchanged: bool = False
    """Whether it was there already, to the word: then nothing was written."""


class Registration:
    """The servers in one client's file."""

    def __init__(self, file: ConfigFile, client: DesktopClient) -> None:
        self._file = file
        self._client = client
        self._path = file.place.path
        outer = file.place.keys[:-1]
        path = os.fsencode(self._path).decode("utf-8", "backslashreplace")
        self._known_as = "#".join([path, *outer])
        """The name of this table of servers in the records of what is guarded."""

    def install(self, name: str, entry: Entry, *, overwrite: bool) -> Done:
        """Add a server. What an entry of ours of that name says beside its command is kept.

        One that says the same already stays as it is: nothing is written.

        Raises:
            UsageError: there is another one of that name, and ``overwrite`` doesn't say to replace
                it.
        """
        there = self._file.servers().get(name)
        if there is not None and not overwrite and not is_ours(there, self._client):
            raise UsageError(
                f"{self._client.title} has a server {name!r} already, in {self._path}.",
                hint="Choose another name, put a guard before it with `mcp-local guard "
                f"{self._client.id} {name}`, or replace it with --replace.",
            )
        replaced = read_entry(there, self._client.shape)
        if is_ours(there, self._client):
            old = cast("Table", there)
            new = with_command(old, entry, self._client.shape)
            if new == old:
                return Done(self._path, name, None, replaced, unchanged=True)
            self._write(name, old, new)
        else:
            self._file.text.set(self._at(name), new_entry(name, entry, self._client.shape))
        return replace(self._done(name), replaced=replaced)

    def uninstall(self, name: str) -> Done:
        """Take a server out that this program put in.

        Raises:
            UsageError: there is none of that name, or it isn't ours.
        """
        if not is_ours(self._entry(name), self._client):
            raise UsageError(
                f"{name!r} in {self._path} doesn't start mcp-local, so it is left alone.",
                hint=f"Remove it in {self._client.title} itself.",
            )
        self._file.text.remove(self._at(name))
        return self._done(name)

    def check_guardable(self, name: str) -> None:
        """Return if a guard can be put before a server.

        Raises:
            UsageError: there is no such server, it is guarded already, or it can't be.
        """
        self._guardable(name, self._entry(name))

    def guard(
        self,
        name: str,
        line: Sequence[str],
        own_env: Mapping[str, str],
        records: GuardedRecords,
    ) -> Done:
        """Put ``line`` (a command of ours, up to its ``--``) before a server that is there already.

        The variables that the client gives the server still reach it: each is named to the guard.
        ``own_env`` is what the guard itself needs beside them.

        Raises:
            UsageError: there is no such server, it is guarded already, or it can't be.
        """
        value = self._entry(name)
        entry = self._guardable(name, value)
        source = self._file.text.source(self._at(name))
        passed = [
            word
            for variable in entry.env
            if not variable.upper().startswith(_OWN)  # which no server is handed
            for word in (_HAND_ON, variable)
        ]
        behind = (entry.url,) if entry.url else (*passed, SPLIT, *entry.line)
        ours = Entry(line[0], (*line[1:], *behind), {**own_env, **entry.env})
        table = with_command(value, ours, self._client.shape)
        self._write(name, value, table)
        records.save(Guarded(self._known_as, name, source, value, table))
        return self._done(name)

    def unguard(self, name: str, records: GuardedRecords) -> Done:
        """Take the guard away: the entry is as it was; if it was edited since, its command is.

        Raises:
            UsageError: there is no such server, or no guard before it.
        """
        value = self._entry(name)
        record = records.load(self._known_as, name)
        entry = behind_guard(value, self._client)
        if record is not None and (record.after == value or entry is None):
            self._file.text.set_source(self._at(name), record.source)
        elif entry is not None:
            self._write(name, value, self._without_guard(value, entry))
        else:
            raise self._unguarded(name, value)
        done = self._done(name)
        records.forget(self._known_as, name)
        return done

    def _guardable(self, name: str, value: Table) -> Entry:
        entry = read_entry(value, self._client.shape)
        if entry is None:
            raise UsageError(f"{name!r} in {self._path} is no server that can be guarded.")
        if is_ours(value, self._client):
            raise UsageError(
                f"{name!r} has mcp-local before it already, in {self._path}.",
                hint=f"To guard it otherwise, first: mcp-local unguard {self._client.id} {name}",
            )
        if entry.url and entry.has_headers:
            raise UsageError(
                f"{name!r} sends headers of its own to {entry.url}.",
                hint=f"Put it into the settings file as [servers.{name}] with `url` and `headers`, "
                f"then: mcp-local install {self._client.id} {name} {name} --replace",
            )
        return entry

    def _without_guard(self, value: Table, entry: Entry) -> Table:
        """Return an entry that was edited since: its command as it was, our variables gone."""
        env = {key: text for key, text in entry.env.items() if not key.startswith(_OWN)}
        return with_command(value, replace(entry, env=env), self._client.shape)

    def _unguarded(self, name: str, value: Table) -> UsageError:
        ours = is_ours(value, self._client)
        hint = f"Remove it with: mcp-local uninstall {self._client.id} {name}" if ours else ""
        return UsageError(f"{name!r} in {self._path} has no guard before it.", hint=hint)

    def _entry(self, name: str) -> Table:
        servers = self._file.servers()
        value = servers.get(name)
        if isinstance(value, dict):
            return cast("Table", value)
        hint = did_you_mean(name, servers) if servers else "It has no servers at all."
        raise UsageError(f"{self._client.title} has no server {name!r} in {self._path}.", hint=hint)

    def _write(self, name: str, old: Table, new: Table) -> None:
        """Make an entry say ``new``, touching only the fields that differ."""
        for key in old.keys() - new.keys():
            self._file.text.remove((*self._at(name), key))
        for key, value in new.items():
            if key not in old or old[key] != value:
                self._file.text.set((*self._at(name), key), value)

    def _at(self, name: str) -> tuple[str, ...]:
        return (*self._file.place.keys, name)

    def _done(self, name: str) -> Done:
        return Done(self._path, name, self._file.save())
