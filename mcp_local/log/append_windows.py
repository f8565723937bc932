"""Appending and locking on Windows. Everything here raises ``OSError``."""

from __future__ import annotations

import errno
import msvcrt
import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, final

assert sys.platform == "win32"  # noqa: S101 - tells the type checker which system this is for

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

_PATIENCE = 0.5
"""Seconds that a line waits for those of other processes."""


@final
class Appender:
    """Appends to the file, which is open for no longer: it could not be renamed meanwhile."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, data: bytes) -> int:
        """Append ``data`` in one write; return the file's size.

        The C library's append mode seeks and then writes, so the writers take turns by a lock.
        """
        deadline = time.monotonic() + _PATIENCE
        while True:
            with try_lock(self._path.with_name(f"{self._path.name}.append.lock")) as held:
                if held or time.monotonic() >= deadline:
                    return _append(self._path, data)
            time.sleep(0.002)


@contextmanager
def try_lock(path: Path) -> Generator[bool]:
    """Hold the lock if it is free, and tell whether; never waits."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_BINARY | os.O_NOINHERIT, 0o600)
    try:
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno not in {errno.EACCES, errno.EDEADLOCK}:
                raise
            yield False
        else:
            yield True
    finally:
        os.close(fd)


def _append(path: Path, data: bytes) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_BINARY | os.O_NOINHERIT
    fd = os.open(path, flags, 0o600)
    try:
        os.write(fd, data)
        return os.fstat(fd).st_size
    finally:
        os.close(fd)
