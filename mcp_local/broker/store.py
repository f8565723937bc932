"""Where the broker keeps what it must remember: sealed files, or memory where that can't be.

One folder a profile; in it, for each entry and each source of the key, one sealed file:
``msal.keyring.bin``, ``token.passphrase.bin``, … So a session without a keyring neither reads nor
harms what another session sealed with it.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, final

from msgspec.structs import replace

from mcp_local.broker.files import FileLock, atomic_write, private_dir, read_private, sweep
from mcp_local.broker.keystore import in_memory, open_key
from mcp_local.broker.seal import Seal, SealBroken, SealedByOther
from mcp_local.errors import StorageError
from mcp_local.settings import profile_dir

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from mcp_local.broker.state import Storage
    from mcp_local.settings.model import Settings

_SUFFIX = ".bin"
_SET_ASIDE = ".unreadable"
_PATIENCE = 5.0
"""Seconds that a write waits for another one."""


class Entry(StrEnum):
    """What is kept."""

    MSAL = "msal"
    """MSAL's token cache."""
    TOKEN = "token"  # noqa: S105 - the name of an entry, not a token
    """The last verified token with the key that verified it."""
    JWKS = "jwks"
    """The authority's signing keys."""


class Store(Protocol):
    """Keeps entries, whole or not at all. Safe for several threads and processes."""

    @property
    def storage(self) -> Storage:
        """Where the key lives, and why it isn't somewhere better."""
        ...

    def load(self, entry: Entry) -> bytes | None:
        """Return what was saved; ``None`` where nothing is, or nothing that can be believed.

        Raises:
            StorageError: the file is another user's, a link, or can't be read.
        """
        ...

    def save(self, entry: Entry, data: bytes) -> None:
        """Keep the bytes in place of what was there.

        Raises:
            StorageError: they can't be written; what was there still is.
        """
        ...

    def delete(self, entry: Entry) -> None:
        """Forget the entry, under whichever key it was sealed.

        Raises:
            StorageError: a file can't be removed.
        """
        ...

    def version(self, entry: Entry) -> tuple[int, ...] | None:
        """Return something that differs after each save; ``None`` where nothing is. Cheap."""
        ...

    def lock(self, name: str, timeout: float = 10.0) -> AbstractContextManager[object]:
        """Return a lock among all processes that use this store; entered, it is held.

        Entering raises StorageError when ``timeout`` (seconds) passes (SECURITY.md C9).
        """
        ...


@final
class FileStore:
    """A store in sealed files."""

    def __init__(self, folder: Path, seal: Seal, storage: Storage) -> None:
        self._folder = folder
        self._seal = seal
        self._storage = storage

    @property
    def storage(self) -> Storage:
        """Where the key lives; once a file was set aside, the detail tells which."""
        return self._storage

    def path(self, entry: Entry) -> Path:
        """Return the entry's file."""
        return self._folder / f"{entry}.{self._storage.kind}{_SUFFIX}"

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
            _remove(self._folder, entry)

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
        with suppress(StorageError), self._writing():
            if read_private(path) == seen:  # else somebody has saved a good one meanwhile
                _rename_aside(path)
                note = f"{path.name} was unreadable and is kept as {path.name}{_SET_ASIDE}."
                self._storage = replace(self._storage, detail=f"{self._storage.detail} {note}")


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

    def load(self, entry: Entry) -> bytes | None:
        """Return what was saved in this process."""
        return self._entries.get(entry)

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
            _remove(self._folder, entry)

    def version(self, entry: Entry) -> tuple[int, ...] | None:
        """Return the number of saves."""
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


def open_store(settings: Settings, environ: Mapping[str, str]) -> Store:
    """Return the profile's store: sealed files, or memory with the reason in its ``storage``.

    No network, but the keyring is asked (3 s at most): not for the event loop.

    Raises:
        StorageError: the source named by ``cache.key`` isn't available.
    """
    folder = profile_dir(settings)
    try:
        _prepare(settings.home, folder)
    except StorageError as error:  # C12, C17
        return MemoryStore(in_memory(error.message), folder)
    key = open_key(settings, environ, on_new_key=lambda kind: _retire(settings.home, kind))
    if key.key is None:
        return MemoryStore(key.storage, folder)
    store = FileStore(folder, Seal(key.key), key.storage)
    if store.has_foreign():
        return MemoryStore(in_memory(_sealed_by_other(key.storage.kind, folder)), folder)
    return store


def _prepare(home: Path, folder: Path) -> None:
    for path in (home, folder.parent, folder):
        private_dir(path)
    sweep(folder)
    probe = FileLock(folder / "store.lock")
    probe.acquire(0)
    probe.release()


def _sealed_by_other(kind: str, folder: Path) -> str:
    if kind == "passphrase":
        why = "The passphrase isn't the one that the cache was sealed with"
    else:
        why = f"The cache was sealed with another key than the one at hand ({kind})"
    return f"{why}; {folder} is left as it is. `mcp-local logout` drops it, for a new beginning."


def _retire(home: Path, kind: str) -> int:
    """Set aside all that a lost key of this source sealed: nothing will open it again."""
    paths = list(home.glob(f"profiles/*/*.{kind}{_SUFFIX}"))
    for path in paths:
        with suppress(OSError):
            _rename_aside(path)
    return len(paths)


def _rename_aside(path: Path) -> None:
    path.replace(path.with_name(path.name + _SET_ASIDE))


def _remove(folder: Path, entry: Entry) -> None:
    try:
        for path in folder.glob(f"{entry}.*{_SUFFIX}*"):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"{entry} can't be removed from {folder}: {error.strerror}.") from error
