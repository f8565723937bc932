"""Appending and locking on POSIX systems. Everything here raises ``OSError``."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


def append(path: Path, data: bytes) -> int:
    """Append ``data`` in one write, which the system keeps apart from others'; return the size.

    The file is made with mode 0600; a link or anything but a regular file is refused.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    fd = os.open(path, flags, 0o600)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EPERM, "it is not a regular file")
        if status.st_mode & 0o077:
            os.fchmod(fd, 0o600)
        if os.write(fd, data) < len(data):  # the disk is full: end the line that was begun
            os.write(fd, b"\n")
        return os.fstat(fd).st_size
    finally:
        os.close(fd)


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
