"""The file of a server's record: one private file a server in the state folder.

It isn't sealed: who can write it can change the policy beside it as well, and the relay must read
it before any key store is open.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final, cast

from mcp_local.broker.storage.files import FileLock, atomic_write, private_dir, read_private
from mcp_local.errors import StorageError
from mcp_local.guard.definition_record import NAMED_BY, Definitions, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from mcp_local.guard.definition_record import ServerKey

_VERSION: Final = 1
_LIMIT: Final = 64 * 1024 * 1024
"""Bytes of one record."""


class RecordFile:
    """The file of one server's record."""

    def __init__(self, home: Path, key: ServerKey) -> None:
        self._folder = home / "definitions"
        self.path = self._folder / f"{key.file}.json"
        self._key = key

    def load(self) -> Record | None:
        """Return the record; ``None`` when there is none.

        Raises:
            StorageError: it can't be read, or isn't one of ours.
        """
        data = read_private(self.path, _LIMIT)
        if data is None:
            return None
        try:
            return _read(json.loads(data))
        except (ValueError, RecursionError) as error:
            raise StorageError(
                f"{self.path} is no record of definitions.",
                hint="Look at the server's tools again, then: mcp-local pin reset",
            ) from error

    def update(self, change: Callable[[Record], Record]) -> Record:
        """Change the record under its lock; return what it is now.

        Raises:
            StorageError: it can't be read or written.
        """
        private_dir(self._folder)
        with FileLock(self.path.with_suffix(".lock")):
            before = self.load()
            after = replace(change(before or Record()), title=self._key.title)
            data = _encoded(after)
            if before is None or data != _encoded(before):
                atomic_write(self.path, data)
        return after

    def forget(self) -> bool:
        """Remove the record; return whether there was one.

        Raises:
            StorageError: it can't be removed.
        """
        try:
            self.path.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StorageError(f"{self.path} can't be removed: {error.strerror}.") from error
        return True

    def stamp(self) -> tuple[int, int] | None:
        """Return what changes when the file does; cheap."""
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino


def _encoded(record: Record) -> bytes:
    """Return the file's content; as bytes, since to Python ``1`` and ``true`` are the same."""
    document = {
        "version": _VERSION,
        "title": record.title,
        "approved": _definitions_written(record.approved),
        "seen": _definitions_written(record.seen),
    }
    return json.dumps(document).encode("ascii")


def _definitions_written(given: Definitions) -> dict[str, object]:
    return {"lists": given.lists, "instructions": given.instructions}


def _read(document: object) -> Record:
    table = _table(document)
    if table.get("version") != _VERSION:
        raise ValueError
    return Record(
        str(table.get("title", "")), _definitions(table["approved"]), _definitions(table["seen"])
    )


def _definitions(value: object) -> Definitions:
    table = _table(value)
    lists = {
        which: {name: _table(each) for name, each in _table(items).items()}
        for which, items in _table(table.get("lists")).items()
    }
    text = table.get("instructions")
    if not lists.keys() <= NAMED_BY.keys() or not isinstance(text, str | None):
        raise ValueError
    return Definitions(lists, text)


def _table(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise ValueError  # noqa: TRY004 - told as all that is wrong with the file
    return cast("dict[str, object]", value)


def all_records(home: Path) -> Sequence[Path]:
    """Return the files of all records."""
    return sorted((home / "definitions").glob("*.json"))
