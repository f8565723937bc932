"""A store in sealed files, each written whole."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, final

from msgspec.structs import replace

from mcp_local.broker.storage.entries import SET_ASIDE, Entry, path_of, remove, set_aside
from mcp_local.broker.storage.files import FileLock, atomic_write, read_private
from mcp_local.broker.storage.seal import Seal, SealBroken, SealedByOther
from mcp_local.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path

    from mcp_local.broker.state import Storage

_PATIENCE: Final = 5.0
"""Seconds that a write waits for another one."""


@final
class FileStore:
    """A store in sealed files."""

    def __init__(self, folder: Path, seal: Seal, storage: Storage) -> None:
        self._folder = folder
        self._seal = seal
        self._storage = storage
        self._paths = {entry: path_of(folder, entry, storage.kind) for entry in Entry}

    @property
    def storage(self) -> Storage:
        """Where the key lives; once a file was set aside, the detail tells which."""
        return self._storage

    def path(self, entry: Entry) -> Path:
        """Return the entry's file."""
        return self._paths[entry]

    def load(self, entry: Entry) -> bytes | None:
        """Return what was saved; sets an unreadable file aside, once (SECURITY.md C7, C8)."""
        data = read_private(self.path(entry))
        if data is None:
            return None
        try:
            return self._seal.open(self._purpose(entry), data)
        except SealedByOther:
            return None
        except SealBroken:
            self._set_aside(entry, data)
            return None

    def save(self, entry: Entry, data: bytes) -> None:
        """Seal and write the bytes; refuses to overwrite what another key sealed."""
        sealed = self._seal.seal(self._purpose(entry), data)
        with self._writing():
            if self._is_foreign(entry):
                raise StorageError(
                    f"{self.path(entry)} was sealed with another key meanwhile; it is left alone.",
                    hint="Start again, or run `mcp-local logout` to drop it.",
                )
            atomic_write(self.path(entry), sealed)

    def delete(self, entry: Entry) -> None:
        """Remove the entry's files."""
        with self._writing():
            remove(self._folder, entry)

    def version(self, entry: Entry) -> tuple[int, ...] | None:
        """Return what identifies the file's present content."""
        try:
            status = self.path(entry).stat()
        except OSError:
            return None
        return (status.st_ino, status.st_mtime_ns, status.st_size)

    def lock(self, name: str, timeout: float = 10.0) -> FileLock:
        """Return the lock of this name."""
        return FileLock(self._folder / f"{name}.lock", timeout=timeout)

    def has_foreign(self) -> bool:
        """Tell whether a file was sealed by another key of the same source."""
        return any(self._is_foreign(entry) for entry in Entry)

    def _is_foreign(self, entry: Entry) -> bool:
        data = read_private(self.path(entry))
        with suppress(SealBroken):
            try:
                self._seal.open(self._purpose(entry), data or b"")
            except SealedByOther:
                return True
        return False

    def _writing(self) -> FileLock:
        """Return the lock that keeps a good file from being set aside in a bad one's place."""
        return self.lock("store", _PATIENCE)

    def _purpose(self, entry: Entry) -> str:
        """Return what binds a sealed file to its profile and entry, so that none can be swapped."""
        return f"{self._folder.name}/{entry}"

    def _set_aside(self, entry: Entry, seen: bytes) -> None:
        path = self.path(entry)
        with suppress(StorageError, OSError), self._writing():
            if read_private(path) == seen:  # else somebody has saved a good one meanwhile
                set_aside(path)
                note = f"{path.name} was unreadable and is kept as {path.name}{SET_ASIDE}."
                self._storage = replace(self._storage, detail=f"{self._storage.detail} {note}")
