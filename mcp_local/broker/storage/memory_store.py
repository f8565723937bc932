"""A store in memory, where nothing better is to be had or wanted."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, final

from mcp_local.broker.storage.entries import Entry, remove
from mcp_local.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from mcp_local.broker.state import Storage


@final
class MemoryStore:
    """A store that ends with the process; of a folder it only removes what is to be forgotten."""

    def __init__(self, storage: Storage, folder: Path | None = None) -> None:
        self.storage = storage
        self._folder = folder
        self._entries: dict[Entry, bytes] = {}
        self._versions: dict[Entry, int] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()
        self._until: Path | None = None

    def load(self, entry: Entry) -> bytes | None:
        """Return what was saved in this process."""
        self._follow()
        return self._entries.get(entry)

    def ends_with(self, file: Path) -> None:
        """Forget everything once ``file`` is removed (C16).

        What was taken over from files is somebody's sign-in; who signs out elsewhere on this
        machine removes them, and means us as well.
        """
        self._until = file

    def _follow(self) -> None:
        with self._guard:
            if self._until is not None and not self._until.exists():
                self._until = None
                self._entries.clear()

    def save(self, entry: Entry, data: bytes) -> None:
        """Keep the bytes until the process ends."""
        with self._guard:
            self._entries[entry] = data
            self._versions[entry] = self._versions.get(entry, 0) + 1

    def delete(self, entry: Entry) -> None:
        """Forget the entry, also what sealed files hold of it."""
        with self._guard:
            self._entries.pop(entry, None)
        if self._folder is not None:
            remove(self._folder, entry)

    def version(self, entry: Entry) -> tuple[int, ...] | None:
        """Return the number of saves."""
        self._follow()
        return (self._versions[entry],) if entry in self._entries else None

    @contextmanager
    def lock(self, name: str, timeout: float = 10.0) -> Generator[None]:
        """Hold the lock of this name among the process's threads."""
        with self._guard:
            lock = self._locks.setdefault(name, threading.Lock())
        if not lock.acquire(timeout=timeout):
            raise StorageError(f"The lock {name!r} was held for more than {timeout:g} seconds.")
        try:
            yield
        finally:
            lock.release()
