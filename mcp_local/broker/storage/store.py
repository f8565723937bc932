"""Where the broker keeps what it must remember: sealed files, or memory where that can't be."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from mcp_local.broker.storage.entries import Entry, retire
from mcp_local.broker.storage.file_store import FileStore
from mcp_local.broker.storage.files import FileLock, check_room, private_dir, sweep
from mcp_local.broker.storage.keystore import in_memory, open_key
from mcp_local.broker.storage.memory_store import MemoryStore
from mcp_local.broker.storage.seal import Seal
from mcp_local.errors import StorageError
from mcp_local.settings import profile_dir

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from mcp_local.broker.state import Storage
    from mcp_local.settings.model import Settings

__all__ = ["Entry", "FileStore", "MemoryStore", "Store", "open_store"]


_OTHER_KEY: Final = (
    "Name the passphrase, or bring back the key, that the cache was sealed with; or begin anew: "
    "`mcp-local logout`, then `mcp-local login`."
)


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


def open_store(settings: Settings, environ: Mapping[str, str]) -> Store:
    """Return the profile's store: sealed files, or memory with the reason in its ``storage``.

    No network, but the keyring is asked (3 s at most): not for the event loop.

    Raises:
        StorageError: the source named by ``cache.key`` isn't available.
    """
    folder = profile_dir(settings)
    try:
        _make_private(settings.home, folder)
    except StorageError as error:  # C11, C12: what lies there isn't surely ours
        return MemoryStore(in_memory(error.message, error.hint), folder)
    try:
        _check_locks(folder)
    except StorageError as error:  # C12, C17
        return _readable(settings, environ, error)
    key = open_key(settings, environ, on_new_key=lambda kind: retire(settings.home, kind))
    if key.key is None:
        return MemoryStore(key.storage, folder)
    store = FileStore(folder, Seal(key.key), key.storage)
    if store.has_foreign():
        reason = _sealed_by_other(key.storage.kind, folder)
        return MemoryStore(in_memory(reason, _OTHER_KEY), folder)
    try:
        check_room(folder)
    except StorageError as error:  # C5, C12: what lies there is read, and nothing is lost
        return _taken_over(store, MemoryStore(in_memory(error.message, error.hint), folder))
    return store


def _readable(settings: Settings, environ: Mapping[str, str], error: StorageError) -> MemoryStore:
    """Let memory begin with what a folder holds that can't be written to, for that ``error``."""
    folder = profile_dir(settings)
    memory = MemoryStore(in_memory(error.message, error.hint), folder)

    def refuse(_kind: str) -> int:
        raise error  # a new key would have nothing to seal

    with suppress(StorageError):
        key = open_key(settings, environ, on_new_key=refuse)
        if key.key is not None:
            return _taken_over(FileStore(folder, Seal(key.key), key.storage), memory)
    return memory


def _taken_over(files: FileStore, memory: MemoryStore) -> MemoryStore:
    """Let memory begin with what the files hold."""
    for entry in Entry:
        with suppress(StorageError):
            data = files.load(entry)
            if data is not None:
                memory.save(entry, data)
    if memory.load(Entry.MSAL) is not None:
        memory.ends_with(files.path(Entry.MSAL))
    return memory


def _make_private(home: Path, folder: Path) -> None:
    for path in (home, folder.parent, folder):
        private_dir(path)


def _check_locks(folder: Path) -> None:
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
