"""Private files: written whole or not at all, for their owner only, locked by the system."""

from __future__ import annotations

import errno
import os
import stat
import sys
import threading
import time
from typing import TYPE_CHECKING, NoReturn

import pytest

from mcp_local.broker.storage.files import FileLock, atomic_write, private_dir, read_private, sweep
from mcp_local.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

posix = pytest.mark.skipif(sys.platform == "win32", reason="modes and owners are POSIX's")
NOBODY = 65534


def mode(path: Path) -> int:
    """Return the permission bits."""
    return stat.S_IMODE(path.lstat().st_mode)


def names(folder: Path) -> list[str]:
    """Return what is in the folder."""
    return sorted(path.name for path in folder.iterdir())


def failing(code: int) -> Callable[..., NoReturn]:
    """Return a system call that fails: the fault is the system's, so it is put in there."""

    def fail(*_args: object, **_kwargs: object) -> NoReturn:
        raise OSError(code, os.strerror(code))

    return fail


@pytest.fixture
def no_umask() -> Generator[None]:
    """Files would be open to everybody if nobody took care (C11)."""
    before = os.umask(0)
    yield
    os.umask(before)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """A file holds the last content, and nothing else lies beside it."""
    path = tmp_path / "entry.bin"
    atomic_write(path, b"one")
    atomic_write(path, b"two")
    assert read_private(path) == b"two"
    assert names(tmp_path) == ["entry.bin"]


def test_no_file_is_nothing(tmp_path: Path) -> None:
    """What isn't there is no error."""
    assert read_private(tmp_path / "absent") is None


@posix
@pytest.mark.usefixtures("no_umask")
def test_only_the_owner_can_read_whatever_the_umask(tmp_path: Path) -> None:
    """Files are 0600, folders and their new parents 0700, locks too (C11)."""
    folder = private_dir(tmp_path / "a" / "b")
    atomic_write(folder / "file", b"x")
    with FileLock(folder / "lock"):
        assert mode(folder / "lock") == 0o600
    assert mode(folder / "file") == 0o600
    assert [mode(folder), mode(folder.parent)] == [0o700, 0o700]


@posix
def test_a_mask_that_takes_everything_leaves_the_file_ours(tmp_path: Path) -> None:
    """A umask of 0777 would make files that even we can't read."""
    before = os.umask(0o777)
    try:
        atomic_write(tmp_path / "file", b"x")
    finally:
        os.umask(before)
    assert mode(tmp_path / "file") == 0o600


@posix
def test_an_old_open_file_is_closed_to_others(tmp_path: Path) -> None:
    """A 0644 file of an earlier time is read, and 0600 from then on (C11)."""
    path = tmp_path / "old"
    path.write_bytes(b"x")
    path.chmod(0o644)
    assert read_private(path) == b"x"
    assert mode(path) == 0o600


@posix
def test_an_open_folder_is_closed_to_others(tmp_path: Path) -> None:
    """A 0777 folder becomes 0700 (C11)."""
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    assert private_dir(folder) == folder
    assert mode(folder) == 0o700


@posix
def test_links_pipes_and_folders_are_refused(tmp_path: Path) -> None:
    """Only a regular file is read or locked, and a FIFO doesn't block (C11)."""
    (tmp_path / "target").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    for name in ("link", "fifo", "folder"):
        with pytest.raises(StorageError, match=name):
            read_private(tmp_path / name)
        with pytest.raises(StorageError, match=name):
            FileLock(tmp_path / name).acquire(0)


@posix
def test_a_link_in_the_place_of_the_target_is_replaced_not_followed(tmp_path: Path) -> None:
    """Writing leaves alone what a planted link points at."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"theirs")
    (tmp_path / "entry").symlink_to(victim)
    atomic_write(tmp_path / "entry", b"ours")
    assert victim.read_bytes() == b"theirs"
    assert read_private(tmp_path / "entry") == b"ours"


@posix
def test_a_folder_that_is_a_link_or_a_file_is_refused(tmp_path: Path) -> None:
    """Nobody can send our state elsewhere by a link (C11)."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "file").touch()
    for name in ("link", "file"):
        with pytest.raises(StorageError, match=name):
            private_dir(tmp_path / name)


@posix
@pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root gives files away")
def test_what_belongs_to_another_user_is_refused(tmp_path: Path) -> None:
    """A file or folder of somebody else isn't ours to trust (C11)."""
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    os.chown(tmp_path / "file", NOBODY, NOBODY)
    os.chown(tmp_path / "folder", NOBODY, NOBODY)
    with pytest.raises(StorageError, match="another user"):
        read_private(tmp_path / "file")
    with pytest.raises(StorageError, match="another user"):
        private_dir(tmp_path / "folder")


def test_a_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    """A planted giant can't fill the memory; the limit itself is allowed."""
    atomic_write(tmp_path / "file", b"12345")
    assert read_private(tmp_path / "file", limit=5) == b"12345"
    with pytest.raises(StorageError, match="larger than 4 bytes"):
        read_private(tmp_path / "file", limit=4)


@pytest.mark.parametrize(
    ("call", "code"),
    [("fsync", errno.EIO), ("replace", errno.EACCES), ("open", errno.ENOSPC)],
)
def test_a_failed_write_leaves_the_old_content_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    """Disk full, EIO, a refused rename: the old content stays, no litter, and the file is named."""
    path = tmp_path / "entry"
    atomic_write(path, b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing(code))
        with pytest.raises(StorageError, match="entry") as caught:
            atomic_write(path, b"new")
    assert os.strerror(code) in caught.value.message
    assert caught.value.hint
    assert read_private(path) == b"old"
    assert names(tmp_path) == ["entry"]


@posix
@pytest.mark.parametrize(("code", "fatal"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_a_folder_that_cannot_be_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, *, fatal: bool
) -> None:
    """File systems without a sync of folders are fine; a real fault is told, the content whole."""
    path = tmp_path / "entry"
    sync = os.fsync

    def fsync(fd: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(code, os.strerror(code))
        sync(fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        if fatal:
            with pytest.raises(StorageError):
                atomic_write(path, b"new")
        else:
            atomic_write(path, b"new")
    assert read_private(path) == b"new"


def test_litter_of_killed_processes_is_swept(tmp_path: Path) -> None:
    """Old temporary files go, those of the future too; young ones and all else stay (C4)."""
    now = time.time()
    for name, age in {"a.bin.00.tmp": 3600, "b.bin.11.tmp": -3600, "c.bin.22.tmp": 1}.items():
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (now - age, now - age))
    (tmp_path / "d.bin").touch()
    os.utime(tmp_path / "d.bin", (0, 0))
    assert sweep(tmp_path) == 2
    assert names(tmp_path) == ["c.bin.22.tmp", "d.bin"]


def test_sweeping_what_is_not_there_is_quiet(tmp_path: Path) -> None:
    """No folder, no litter, no error."""
    assert sweep(tmp_path / "absent") == 0


def test_a_lock_keeps_others_out_until_it_is_released(tmp_path: Path) -> None:
    """Two lock objects are two parties, in one process too; the file is never deleted."""
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert not second.held_elsewhere()
    assert first.acquire(0)
    assert first.held
    assert second.held_elsewhere()
    assert not first.held_elsewhere()
    assert not second.acquire(0)
    first.release()
    first.release()
    assert not second.held_elsewhere()
    assert second.acquire(0)
    second.release()
    assert (tmp_path / "lock").exists()


def test_waiting_for_a_lock_ends_in_time(tmp_path: Path) -> None:
    """A ``with`` statement gives up after its time and says which file (C9)."""
    with (
        FileLock(tmp_path / "cache.lock"),
        pytest.raises(StorageError, match=r"cache\.lock for more than 0\.1 s"),
        FileLock(tmp_path / "cache.lock", timeout=0.1),
    ):
        pytest.fail("two holders")


def test_a_lock_is_handed_on_to_the_one_who_waits(tmp_path: Path) -> None:
    """Who waits long enough gets in as soon as the holder leaves."""
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    first.acquire(0)
    threading.Timer(0.05, first.release).start()
    assert second.acquire(10)
    second.release()


def test_a_lock_in_no_folder_is_an_error_that_names_it(tmp_path: Path) -> None:
    """A lock that can't be made isn't a lock that is held; nobody holds what isn't there."""
    lock = FileLock(tmp_path / "absent" / "lock")
    with pytest.raises(StorageError, match="lock can't be locked"):
        lock.acquire(0)
    assert not lock.held_elsewhere()


@posix
def test_a_file_system_without_locks_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system knows no locks, none is pretended (C17)."""
    import fcntl  # noqa: PLC0415 - POSIX only

    monkeypatch.setattr(fcntl, "flock", failing(errno.ENOLCK))
    with pytest.raises(StorageError, match="lock can't be locked"):
        FileLock(tmp_path / "lock").acquire(0)
