"""What private files and locks need from Windows. Everything here raises ``OSError``.

There are no modes to set: a user's folder already keeps other users out by its access list, which
new files inherit.
"""

from __future__ import annotations

import errno
import msvcrt
import os
import stat
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

assert sys.platform == "win32"  # noqa: S101 - tells the type checker which system this is for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_LINKS = {stat.IO_REPARSE_TAG_SYMLINK, stat.IO_REPARSE_TAG_MOUNT_POINT}
_SHARING = 2.0
"""Seconds to wait for others: Windows refuses a replace while somebody reads the file, and a read
while somebody replaces it."""
_T = TypeVar("_T")


def open_private(path: Path, flags: int) -> int:
    """Open a regular file; return the descriptor. Links and junctions are refused."""
    with suppress(FileNotFoundError):
        _secure(path, "a regular file", stat.S_ISREG)
    return _patiently(lambda: os.open(path, flags | os.O_BINARY | os.O_NOINHERIT, 0o600))


def create_private(path: Path) -> int:
    """Create a file that wasn't there; return the descriptor."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_BINARY | os.O_NOINHERIT
    return os.open(path, flags, 0o600)


def secure_dir(path: Path) -> None:
    """Refuse anything that is no folder of its own."""
    _secure(path, "a folder", stat.S_ISDIR)


def replace(source: Path, target: Path) -> None:
    """Put ``source`` in the place of ``target``, in one step."""
    _patiently(lambda: os.replace(source, target))  # noqa: PTH105 - as the POSIX variant


def sync_dir(folder: Path) -> None:
    """Do nothing: NTFS keeps renames in its journal, and folders can't be synced."""


def try_lock(fd: int) -> bool:
    """Take the exclusive lock if it is free; closing the descriptor gives it back."""
    try:
        os.lseek(fd, 0, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
    except OSError as error:
        if error.errno in {errno.EACCES, errno.EDEADLOCK}:
            return False
        raise
    return True


def _patiently(call: Callable[[], _T]) -> _T:
    deadline = time.monotonic() + _SHARING
    while True:
        try:
            return call()
        except PermissionError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.01)


def _secure(path: Path, wanted: str, is_wanted: Callable[[int], bool]) -> None:
    status = path.lstat()
    if not is_wanted(status.st_mode) or status.st_reparse_tag in _LINKS:
        raise OSError(errno.EPERM, f"it is not {wanted}")
