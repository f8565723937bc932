"""What private files and locks need from POSIX systems. Everything here raises ``OSError``."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_OTHERS = 0o077


def open_private(path: Path, flags: int) -> int:
    """Open a regular file of our own, readable by us only; return the descriptor.

    Links aren't followed and a FIFO doesn't block; the checks are made on the open file, so that
    nothing can be exchanged in between.
    """
    fd = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    try:
        _secure(fd, "a regular file", stat.S_ISREG)
    except BaseException:
        os.close(fd)
        raise
    return fd


def create_private(path: Path) -> int:
    """Create a file that wasn't there, mode 0600 whatever the umask; return the descriptor."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    os.fchmod(fd, 0o600)
    return fd


def secure_dir(path: Path) -> None:
    """Tighten our folder to 0700; refuse another user's, and anything that is no folder."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _secure(fd, "a folder", stat.S_ISDIR)
    finally:
        os.close(fd)


def replace(source: Path, target: Path) -> None:
    """Put ``source`` in the place of ``target``, in one step."""
    os.replace(source, target)  # noqa: PTH105 - pairs with the Windows variant


def sync_dir(folder: Path) -> None:
    """Make a rename in the folder survive a crash of the machine."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:  # not known to every file system
            raise
    finally:
        os.close(fd)


def try_lock(fd: int) -> bool:
    """Take the exclusive lock if it is free; closing the descriptor gives it back."""
    with suppress(BlockingIOError):
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _secure(fd: int, wanted: str, is_wanted: Callable[[int], bool]) -> None:
    status = os.fstat(fd)
    if not is_wanted(status.st_mode):
        raise OSError(errno.EPERM, f"it is not {wanted}")
    if status.st_uid != os.geteuid():
        raise OSError(errno.EPERM, "it belongs to another user")
    if status.st_mode & _OTHERS:
        os.fchmod(fd, stat.S_IMODE(status.st_mode) & ~_OTHERS)
