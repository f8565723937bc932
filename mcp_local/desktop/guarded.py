"""What was guarded: how an entry was written before, so that it can be put back exactly."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from mcp_local.broker.storage.files import atomic_write, private_dir, read_private
from mcp_local.desktop.text import not_utf8

if TYPE_CHECKING:
    from pathlib import Path

_LIMIT = 4 << 20


class Guarded(msgspec.Struct, frozen=True):
    """One entry before and after the guard was put before it. May hold secrets of the server."""

    file: str
    name: str
    source: str
    """The entry as it was written."""
    before: dict[str, Any]
    after: dict[str, Any]


class GuardedRecords:
    """Kept in the state folder, one private file an entry."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "guarded"

    def load(self, file: str, name: str) -> Guarded | None:
        """Return what is known of an entry; ``None``: nothing.

        Raises:
            StorageError: the record can't be read.
        """
        data = read_private(self._path(file, name), _LIMIT)
        try:
            record = None if data is None else msgspec.json.decode(data, type=Guarded)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None  # the entry itself still says what it guards
        return record if record and (record.file, record.name) == (file, name) else None

    def save(self, record: Guarded) -> None:
        """Keep a record.

        Raises:
            StorageError: it can't be written; then nothing must be guarded.
        """
        try:
            data = msgspec.json.encode(record)
        except UnicodeEncodeError:
            raise not_utf8(record.file) from None
        private_dir(self._folder)
        atomic_write(self._path(record.file, record.name), data)

    def forget(self, file: str, name: str) -> None:
        """Remove a record."""
        self._path(file, name).unlink(missing_ok=True)

    def _path(self, file: str, name: str) -> Path:
        digest = sha256(f"{file}\0{name}".encode()).hexdigest()[:24]
        return self._folder / f"{digest}.json"
