"""Private files, written whole, and locks that vanish with their process.

A reader sees the old content or the new one, never a part of either, whatever is killed when
(SECURITY.md C1-C6). Only the owner can read what is written here (C11).
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Self

from mcp_local.errors import StorageError

if sys.platform == "win32":
    from mcp_local.broker.storage import files_windows as system
else:
    from mcp_local.broker.storage import files_posix as system

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path
    from types import TracebackType

DEFAULT_LIMIT = 4 * 1024 * 1024
"""Bytes; far more than any file of ours has, so that a planted one can't fill the memory."""
_ROOM = 64 * 1024
"""Bytes that a sign-in may need."""
_TEMPORARY = ".tmp"
_STALE = 60.0
"""Seconds after which a temporary file belongs to a process that died: writing takes far less."""
_POLL = 0.01
_PROBE = 0.05
"""Seconds that even the shortest :meth:`FileLock.acquire` tries, since a probe may be looking."""


@contextmanager
def _named(path: Path, what: str) -> Generator[None]:
    """Turn an ``OSError`` into a StorageError that says which file and why."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise StorageError(
            f"{path} can't be {what}: {reason}.",
            hint="Check the permissions and the free space of the folder, "
            "or set MCP_LOCAL_HOME to another one.",
        ) from error


def private_dir(path: Path) -> Path:
    """Make the folder, with its parents, so that only the owner can look into it; return it.

    An existing folder is tightened to 0700; one that is a symlink or another user's is refused
    (SECURITY.md C11).

    Raises:
        StorageError: it can't be made or isn't ours.
    """
    with _named(path, "used as a private folder"):
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        for folder in reversed(missing):
            with suppress(FileExistsError):  # another process was quicker
                folder.mkdir(mode=0o700)
        system.secure_dir(path)
    return path


def read_private(path: Path, limit: int = DEFAULT_LIMIT) -> bytes | None:
    """Return the content of a file of ours; ``None`` when there is none.

    A file that others could read is tightened to 0600 first; a symlink, FIFO, device, or another
    user's file is refused, as is one of more than ``limit`` bytes (SECURITY.md C11).

    Raises:
        StorageError: the file isn't ours to trust, or can't be read.
    """
    with _named(path, "read"):
        try:
            fd = system.open_private(path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        with os.fdopen(fd, "rb") as file:
            data = file.read(limit + 1)
    if len(data) > limit:
        raise StorageError(f"{path} is larger than {limit} bytes; it isn't ours.")
    return data


def atomic_write(path: Path, data: bytes) -> None:
    """Replace the file's content in one step; mode 0600, on the disk when this returns.

    The folder must exist. After a failure the old content is still there, whole (C5, C6).

    Raises:
        StorageError: the disk is full, the folder read-only, or the like.
    """
    temporary = path.with_name(f"{path.name}.{os.urandom(8).hex()}{_TEMPORARY}")
    with _named(path, "written"):
        try:
            fd = system.create_private(temporary)
            with os.fdopen(fd, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(fd)
            system.replace(temporary, path)
        except BaseException:  # also when interrupted: no litter
            with suppress(OSError):
                temporary.unlink()
            raise
        system.sync_dir(path.parent)


def check_room(folder: Path) -> None:
    """Check that what a sign-in needs can be written to the folder.

    Raises:
        StorageError: the disk is full, or the like.
    """
    probe = folder / f"room.{os.urandom(8).hex()}{_TEMPORARY}"
    with _named(folder, "written to"):
        try:
            with os.fdopen(system.create_private(probe), "wb") as file:
                file.write(bytes(_ROOM))
        finally:
            with suppress(OSError):
                probe.unlink()


def sweep(folder: Path, *, older_than: float = _STALE) -> int:
    """Remove temporary files left by killed processes; return how many (SECURITY.md C4).

    ``older_than`` (seconds) spares the writes that are under way. Never raises: litter is no
    reason to stop.
    """
    removed = 0
    with suppress(OSError):
        for path in folder.glob(f"*{_TEMPORARY}"):
            with suppress(OSError):
                # a time in the future is as stale as an old one: the clock was changed
                if abs(time.time() - path.lstat().st_mtime) >= older_than:
                    path.unlink()
                    removed += 1
    return removed


class FileLock:
    """An exclusive lock between processes and threads.

    The operating system holds it (``flock``, ``LockFile``), so it vanishes with its process. The
    lock file is never deleted: deleting one lets two holders in. Not reentrant.
    """

    def __init__(self, path: Path, *, timeout: float = 10.0) -> None:
        self._path = path
        self._timeout = timeout
        """Seconds that a ``with`` statement waits."""
        self._fd: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._fd is not None

    def acquire(self, timeout: float) -> bool:
        """Take the lock; wait at most ``timeout`` seconds (C9). Return whether it is held now.

        Raises:
            StorageError: the lock file can't be opened, or the file system has no locks (C17).
        """
        deadline = time.monotonic() + max(timeout, _PROBE)
        with _named(self._path, "locked"):
            fd = system.open_private(self._path, os.O_RDWR | os.O_CREAT)
            try:
                while not system.try_lock(fd):
                    if time.monotonic() >= deadline:
                        return False
                    time.sleep(_POLL)
                self._fd, fd = fd, -1
            finally:
                if fd >= 0:
                    os.close(fd)
        return True

    def release(self) -> None:
        """Let others in; does nothing when the lock isn't held."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def held_elsewhere(self) -> bool:
        """Tell whether somebody else holds the lock at this moment; ``False`` without a lock file.

        Raises:
            StorageError: as :meth:`acquire`.
        """
        if self.held:
            return False
        with _named(self._path, "locked"):
            try:
                fd = system.open_private(self._path, os.O_RDWR)
            except FileNotFoundError:
                return False
            try:
                return not system.try_lock(fd)
            finally:
                os.close(fd)

    def __enter__(self) -> Self:
        """Take the lock within the time given to the constructor.

        Raises:
            StorageError: somebody else holds it for longer.
        """
        if not self.acquire(self._timeout):
            raise StorageError(
                f"Another process has held {self._path} for more than {self._timeout:g} seconds.",
                hint="Is a stopped mcp-local process around? End it and try again.",
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()
