"""The store: sealed files that nobody else's key harms, or memory that says why."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from mcp_local.broker.state import Storage
from mcp_local.broker.storage.keystore import PASSPHRASE
from mcp_local.broker.storage.seal import Seal
from mcp_local.broker.storage.store import Entry, FileStore, MemoryStore, Store, open_store
from mcp_local.errors import StorageError
from mcp_local.settings import profile_dir
from mcp_local.settings.model import CacheKey, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mcp_local.broker.storage.files import FileLock

STORAGE = Storage(kind="file", encrypted=False, detail="For a test.")
NO_BUS = {"XDG_RUNTIME_DIR": "/nonexistent"}
"""The environment of a machine without a keyring."""
ONE, OTHER = {**NO_BUS, PASSPHRASE: "one"}, {**NO_BUS, PASSPHRASE: "other"}


def settings(home: Path, key: CacheKey = CacheKey.FILE, client_id: str = "client") -> Settings:
    """Return settings of one profile in a state folder."""
    return Settings(
        home=home,
        config_file=home / "config.toml",
        tenant="tenant",
        client_id=client_id,
        authority="https://login.microsoftonline.com/tenant",
        cache_key=key,
    )


def opened(home: Path, key: CacheKey, environ: Mapping[str, str] = NO_BUS) -> Store:
    """Open the store as a process of that environment does."""
    return open_store(settings(home, key), environ)


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    """A store in sealed files."""
    return FileStore(tmp_path, Seal(bytes(32)), STORAGE)


@pytest.fixture(params=["file", "memory"])
def any_store(request: pytest.FixtureRequest, store: FileStore) -> Store:
    """Both kinds of store: what is promised of one holds for the other."""
    return store if request.param == "file" else MemoryStore(STORAGE)


def test_what_is_saved_is_loaded(any_store: Store) -> None:
    """Each entry has its own last content; what was deleted or never saved is nothing."""
    any_store.save(Entry.TOKEN, b"one")
    any_store.save(Entry.TOKEN, b"two")
    any_store.save(Entry.MSAL, b"cache")
    assert any_store.load(Entry.TOKEN) == b"two"
    assert any_store.load(Entry.MSAL) == b"cache"
    assert any_store.load(Entry.JWKS) is None
    any_store.delete(Entry.TOKEN)
    any_store.delete(Entry.TOKEN)
    assert any_store.load(Entry.TOKEN) is None
    assert any_store.load(Entry.MSAL) == b"cache"


def test_the_version_tells_each_save(any_store: Store) -> None:
    """A watcher sees every save, of the same bytes too, and that an entry is gone."""
    assert any_store.version(Entry.TOKEN) is None
    any_store.save(Entry.TOKEN, b"same")
    first = any_store.version(Entry.TOKEN)
    assert any_store.version(Entry.TOKEN) == first
    any_store.save(Entry.TOKEN, b"same")
    assert any_store.version(Entry.TOKEN) not in {None, first}
    any_store.delete(Entry.TOKEN)
    assert any_store.version(Entry.TOKEN) is None


def test_a_lock_has_one_holder_a_name(any_store: Store) -> None:
    """Locks of other names are free; the same one is refused in bounded time (C9)."""
    with (
        any_store.lock("refresh"),
        any_store.lock("cache"),
        pytest.raises(StorageError, match="refresh"),
        any_store.lock("refresh", timeout=0.1),
    ):
        pytest.fail("two holders")
    with any_store.lock("refresh", timeout=0.1):
        pass


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff" * 300, b'{"AccessToken": 7}', b"MCPL\x01"])
def test_unreadable_content_is_set_aside_once(store: FileStore, content: bytes) -> None:
    """Garbage counts as nothing, is kept for inspection, named, and saving goes on (C7)."""
    store.path(Entry.MSAL).write_bytes(content)
    assert store.load(Entry.MSAL) is None
    assert not store.path(Entry.MSAL).exists()
    assert store.path(Entry.MSAL).with_name("msal.file.bin.unreadable").read_bytes() == content
    assert "msal.file.bin.unreadable" in store.storage.detail
    store.save(Entry.MSAL, b"new")
    assert store.load(Entry.MSAL) == b"new"


def test_a_changed_or_swapped_file_is_set_aside(store: FileStore) -> None:
    """A file put in another entry's place is as good as damaged (C8)."""
    store.save(Entry.TOKEN, b"content")
    shutil.copy(store.path(Entry.TOKEN), store.path(Entry.JWKS))
    assert store.load(Entry.JWKS) is None
    assert store.load(Entry.TOKEN) == b"content"


def test_a_file_of_another_profile_is_refused(tmp_path: Path) -> None:
    """The development emulator's token can't be put in the place of the cloud's (C8, O18)."""
    one, two = (
        open_store(settings(tmp_path, client_id=client_id), NO_BUS) for client_id in ("1", "2")
    )
    assert isinstance(one, FileStore)
    assert isinstance(two, FileStore)
    one.save(Entry.TOKEN, b"content")
    shutil.copy(one.path(Entry.TOKEN), two.path(Entry.TOKEN))
    assert two.load(Entry.TOKEN) is None


def test_a_good_file_is_never_set_aside_for_a_bad_one(store: FileStore, tmp_path: Path) -> None:
    """Who found it unreadable looks again under the lock: another process may have mended it."""
    path = store.path(Entry.TOKEN)
    path.write_bytes(b"garbage")
    with store.lock("store"):
        finder = threading.Thread(target=store.load, args=[Entry.TOKEN])
        finder.start()
        time.sleep(0.2)  # it has read the garbage and waits for the lock
        path.write_bytes(Seal(bytes(32)).seal(f"{tmp_path.name}/token", b"good"))
    finder.join()
    assert store.load(Entry.TOKEN) == b"good"
    assert "unreadable" not in store.storage.detail


def test_what_another_key_sealed_is_left_alone(store: FileStore, tmp_path: Path) -> None:
    """It can't be read, isn't set aside, and isn't overwritten; sign-out may remove it."""
    other = FileStore(tmp_path, Seal(bytes(range(32))), STORAGE)
    other.save(Entry.TOKEN, b"theirs")
    assert store.load(Entry.TOKEN) is None
    with pytest.raises(StorageError, match="another key"):
        store.save(Entry.TOKEN, b"ours")
    assert other.load(Entry.TOKEN) == b"theirs"
    store.delete(Entry.TOKEN)
    assert other.load(Entry.TOKEN) is None


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_file_that_is_not_ours_is_an_error(store: FileStore) -> None:
    """A link in the entry's place is neither read nor set aside (C11)."""
    store.path(Entry.TOKEN).symlink_to(store.path(Entry.MSAL))
    with pytest.raises(StorageError, match="token"):
        store.load(Entry.TOKEN)


def test_a_failed_removal_is_an_error(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sign-out that couldn't remove the file must not look as if it had."""
    store.save(Entry.TOKEN, b"x")

    def unlink(*_args: object, **_kwargs: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "unlink", unlink)
    with pytest.raises(StorageError, match="token can't be removed"):
        store.delete(Entry.TOKEN)


def test_the_same_settings_open_the_same_store(tmp_path: Path) -> None:
    """What one process keeps, the next one finds, with each kind of key."""
    for key in (CacheKey.FILE, CacheKey.PASSPHRASE):
        opened(tmp_path, key, ONE).save(Entry.TOKEN, key.encode())
        assert opened(tmp_path, key, ONE).load(Entry.TOKEN) == key.encode()


def test_opening_makes_private_folders_and_sweeps(tmp_path: Path) -> None:
    """Everything below the state folder is for its owner; old litter goes (C4, C11)."""
    home = tmp_path / "home"
    folder = profile_dir(settings(home))
    folder.mkdir(parents=True)
    litter = folder / "token.file.bin.00.tmp"
    litter.touch()
    os.utime(litter, (0, 0))
    opened(home, CacheKey.FILE)
    assert not litter.exists()
    if sys.platform != "win32":
        for path in (home, folder.parent, folder):
            assert path.stat().st_mode & 0o777 == 0o700


def test_memory_by_the_settings_touches_no_disk(tmp_path: Path) -> None:
    """``cache.key = memory`` keeps nothing, and says so."""
    store = opened(tmp_path, CacheKey.MEMORY)
    store.save(Entry.TOKEN, b"x")
    assert (store.storage.kind, store.storage.encrypted) == ("memory", False)
    assert "cache.key = memory" in store.storage.detail
    assert not list(tmp_path.rglob("*.bin"))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a keyring")
def test_without_keyring_and_passphrase_it_is_memory_with_the_reasons(tmp_path: Path) -> None:
    """``auto`` never writes what it can't protect, and tells why (C13)."""
    store = opened(tmp_path, CacheKey.AUTO)
    assert store.storage.kind == "memory"
    assert "no passphrase is set" in store.storage.detail
    assert not list(tmp_path.rglob("*.bin"))


def test_a_wrong_passphrase_harms_nothing(tmp_path: Path) -> None:
    """The cache stays for the right passphrase; meanwhile it is memory, and the detail says so."""
    opened(tmp_path, CacheKey.PASSPHRASE, ONE).save(Entry.TOKEN, b"kept")
    wrong = opened(tmp_path, CacheKey.PASSPHRASE, OTHER)
    assert wrong.storage.kind == "memory"
    assert "passphrase isn't the one" in wrong.storage.detail
    assert "mcp-local logout" in wrong.storage.detail
    assert wrong.load(Entry.TOKEN) is None
    wrong.save(Entry.TOKEN, b"for this process")
    assert opened(tmp_path, CacheKey.PASSPHRASE, ONE).load(Entry.TOKEN) == b"kept"


def test_another_key_put_in_the_place_of_ours_harms_nothing(tmp_path: Path) -> None:
    """A key exchanged by hand opens nothing and spoils nothing."""
    opened(tmp_path, CacheKey.FILE).save(Entry.TOKEN, b"kept")
    key = (tmp_path / "cache.key").read_bytes()
    (tmp_path / "cache.key").write_bytes(b"00" * 32)
    store = opened(tmp_path, CacheKey.FILE)
    assert store.storage.kind == "memory"
    assert "another key than the one at hand (file)" in store.storage.detail
    (tmp_path / "cache.key").write_bytes(key)
    assert opened(tmp_path, CacheKey.FILE).load(Entry.TOKEN) == b"kept"


def test_signing_out_with_a_wrong_passphrase_makes_a_new_beginning(tmp_path: Path) -> None:
    """Nobody is locked out for ever by a forgotten passphrase."""
    opened(tmp_path, CacheKey.PASSPHRASE, ONE).save(Entry.TOKEN, b"lost")
    wrong = opened(tmp_path, CacheKey.PASSPHRASE, OTHER)
    for entry in Entry:
        wrong.delete(entry)
    again = opened(tmp_path, CacheKey.PASSPHRASE, OTHER)
    again.save(Entry.TOKEN, b"new")
    assert opened(tmp_path, CacheKey.PASSPHRASE, OTHER).load(Entry.TOKEN) == b"new"


def test_a_lost_key_sets_aside_what_it_sealed_in_every_profile(tmp_path: Path) -> None:
    """Without its key file the cache is useless: kept aside, the cause named, a new one begun."""
    others = settings(tmp_path, client_id="other")
    opened(tmp_path, CacheKey.FILE).save(Entry.TOKEN, b"one")
    open_store(others, NO_BUS).save(Entry.TOKEN, b"two")
    (tmp_path / "cache.key").unlink()
    store = opened(tmp_path, CacheKey.FILE)
    assert store.storage.kind == "file"
    assert "sealed files set aside: 2" in store.storage.detail
    assert store.load(Entry.TOKEN) is None
    assert open_store(others, NO_BUS).storage.kind == "file"
    assert len(list(tmp_path.rglob("token.file.bin.unreadable"))) == 2


def test_a_key_lost_from_one_source_leaves_the_other_sources_files(tmp_path: Path) -> None:
    """Sessions with a keyring, a passphrase, a key file live side by side in one folder."""
    opened(tmp_path, CacheKey.PASSPHRASE, ONE).save(Entry.TOKEN, b"by passphrase")
    opened(tmp_path, CacheKey.FILE).save(Entry.TOKEN, b"by file")
    (tmp_path / "cache.key").unlink()
    assert opened(tmp_path, CacheKey.FILE).load(Entry.TOKEN) is None
    assert opened(tmp_path, CacheKey.PASSPHRASE, ONE).load(Entry.TOKEN) == b"by passphrase"


def test_signing_out_forgets_under_every_key(tmp_path: Path) -> None:
    """Sign-out means everywhere: other sources' files and what was set aside too."""
    opened(tmp_path, CacheKey.PASSPHRASE, ONE).save(Entry.TOKEN, b"x")
    store = opened(tmp_path, CacheKey.FILE)
    assert isinstance(store, FileStore)
    store.path(Entry.TOKEN).write_bytes(b"garbage")
    store.load(Entry.TOKEN)
    opened(tmp_path, CacheKey.FILE).save(Entry.TOKEN, b"x")
    opened(tmp_path, CacheKey.MEMORY).delete(Entry.TOKEN)
    assert not list(tmp_path.rglob("token*"))


def test_a_copied_cache_is_unreadable_without_its_key(tmp_path: Path) -> None:
    """A thief of the folder has no passphrase; what they copy shows nothing (C14)."""
    opened(tmp_path / "home", CacheKey.PASSPHRASE, ONE).save(Entry.TOKEN, b"canary-canary")
    shutil.copytree(tmp_path / "home", tmp_path / "copy")
    for guess in (OTHER, {**NO_BUS, PASSPHRASE: "one "}):
        assert opened(tmp_path / "copy", CacheKey.PASSPHRASE, guess).load(Entry.TOKEN) is None
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if b"canary" in path.read_bytes()]


def test_a_state_folder_that_cannot_be_used_means_memory(tmp_path: Path) -> None:
    """A home that isn't a folder doesn't stop the program; the detail names it (C12)."""
    (tmp_path / "file").touch()
    store = opened(tmp_path / "file" / "home", CacheKey.FILE)
    assert store.storage.kind == "memory"
    assert "can't be used as a private folder" in store.storage.detail
    store.save(Entry.TOKEN, b"x")
    assert store.load(Entry.TOKEN) == b"x"


@pytest.mark.skipif(sys.platform == "win32", reason="flock is POSIX's")
def test_a_file_system_without_locks_means_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes could destroy each other's writes there (C17)."""
    import fcntl  # noqa: PLC0415 - POSIX only

    def flock(*_args: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    store = opened(tmp_path, CacheKey.FILE)
    assert store.storage.kind == "memory"
    assert "can't be locked" in store.storage.detail


@pytest.mark.skipif(sys.platform == "win32", reason="what a mount does to files is POSIX's")
@pytest.mark.parametrize(("key", "environ"), [(CacheKey.FILE, NO_BUS), (CacheKey.AUTO, ONE)])
def test_what_lies_in_a_read_only_home_is_taken_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: CacheKey, environ: Mapping[str, str]
) -> None:
    """A sign-in that can be read serves, as on a full disk; what comes of it stays in memory."""
    opened(tmp_path, key, environ).save(Entry.TOKEN, b"kept")
    really = os.open

    def read_only(path: str, flags: int, *rest: int) -> int:
        if flags & (os.O_RDWR | os.O_WRONLY | os.O_CREAT):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return really(path, flags, *rest)

    monkeypatch.setattr(os, "open", read_only)
    store = opened(tmp_path, key, environ)
    assert store.storage.kind == "memory"
    assert "Read-only file system" in store.storage.detail
    assert store.load(Entry.TOKEN) == b"kept"
    store.save(Entry.TOKEN, b"renewed")
    monkeypatch.undo()
    assert opened(tmp_path, key, environ).load(Entry.TOKEN) == b"kept"


def test_no_key_is_made_for_a_home_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that is gone isn't replaced, and what it sealed isn't set aside, in passing."""
    opened(tmp_path, CacheKey.FILE).save(Entry.TOKEN, b"x")
    (tmp_path / "cache.key").unlink()
    before = {path for path in tmp_path.rglob("*") if path.name != "key.lock"}

    def no_locks(_path: Path) -> FileLock:
        raise StorageError("No locks here.")

    monkeypatch.setattr("mcp_local.broker.storage.store.FileLock", no_locks)
    store = opened(tmp_path, CacheKey.FILE)
    assert (store.storage.kind, store.load(Entry.TOKEN)) == ("memory", None)
    assert {path for path in tmp_path.rglob("*") if path.name != "key.lock"} == before
