"""Appending and locking on POSIX systems. Everything here raises ``OSError``."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

_CLOSED: Final = -1
_FLAGS: Final = (
    os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
)


@final
class Appender:
    """Appends to whichever file has the name at that moment; it is kept open from line to line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = _CLOSED
        self._file: tuple[int, int] | None = None
        """Device and inode of what is open."""
        self._turn = threading.Lock()

    def append(self, data: bytes) -> int:
        """Append ``data`` in one write, which the system keeps apart from others'; return the size.

        The file is made with mode 0600; a link or anything but a regular file is refused.
        """
        with self._turn:
            size = self._size_now()
            written = os.write(self._fd, data)
            if written < len(data):  # the disk is full: end the line that was begun
                os.write(self._fd, b"\n")
            return size + len(data)

    def _size_now(self) -> int:
        """Return the size of the file, which is open afterwards; another if it was rotated."""
        try:
            status = os.lstat(self._path)
        except FileNotFoundError:
            status = None
        if status is None or (status.st_dev, status.st_ino) != self._file:
            status = self._open()
        if status.st_mode & 0o077:
            os.fchmod(self._fd, 0o600)
        return status.st_size

    def _open(self) -> os.stat_result:
        self.close()
        self._fd = os.open(self._path, _FLAGS, 0o600)
        status = os.fstat(self._fd)
        if not stat.S_ISREG(status.st_mode):
            self.close()
            raise OSError(errno.EPERM, "it is not a regular file")
        self._file = (status.st_dev, status.st_ino)
        return status

    def close(self) -> None:
        """Close the file; the next line opens it again."""
        if self._fd != _CLOSED:
            os.close(self._fd)
        self._fd, self._file = _CLOSED, None

    def __del__(self) -> None:
        self.close()


@contextmanager
def try_lock(path: Path) -> Generator[bool]:
    """Hold the lock if it is free, and tell whether; never waits."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(fd)
