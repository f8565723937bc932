"""Whether the files of a policy have changed, told without reading them where that will do."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Final, final

from mcp_local.errors import PolicyError
from mcp_local.policy.load import MAX_BYTES, policy_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_COARSE: Final = 2.0
"""Seconds in which two writes may bear the same time (FAT; Linux has some milliseconds)."""


@final
class FilesSeen:
    """The state of a policy's files when they were last taken."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._taken: object = None
        self._content = b""
        self._doubtful_until = 0.0
        self._new: object = None
        self._new_since = 0.0

    @property
    def unsettled(self) -> bool:
        """Whether a change was seen that has not stood long enough yet."""
        return self._new != self._taken

    @property
    def at_rest(self) -> bool:
        """Whether :meth:`changed` has nothing to read. A few calls of ``stat``."""
        same = _stamp(self._path) == self._taken
        return same and not self.unsettled and self._clock() >= self._doubtful_until

    def changed(self, settle: float) -> bool:
        """Tell whether the files are to be read, once for each change.

        ``settle`` is how many seconds a change must have stood.
        """
        now = self._clock()
        stamp = _stamp(self._path)
        if stamp != self._new:
            self._new, self._new_since = stamp, now
        if stamp != self._taken and now - self._new_since < settle:
            return False
        if stamp == self._taken and now >= self._doubtful_until:
            return False
        if stamp != self._taken:
            self._taken, self._doubtful_until = stamp, now + _COARSE
        content = _digest(self._path)
        if content == self._content:
            return False
        self._content = content
        return True


def _stamp(path: Path) -> object:
    """Return what changes with a file, or with what is in a folder."""
    try:
        files = policy_files(path)
    except PolicyError as error:
        return error.message
    return tuple(_of_file(file) for file in files)


def _of_file(file: Path) -> object:
    try:
        state = file.stat()
    except OSError as error:
        return (str(file), error.errno)
    times = (state.st_mtime_ns, state.st_ctime_ns)
    return (str(file), *times, state.st_size, state.st_ino, state.st_mode)


def _digest(path: Path) -> bytes:
    """Return a hash of all content; of what can't be read, of why."""
    whole = hashlib.sha256()
    try:
        for file in policy_files(path):
            content = _content(file)
            whole.update(f"{file}\0{len(content)}\0".encode("utf-8", "surrogatepass") + content)
    except PolicyError as error:
        whole.update(error.message.encode("utf-8", "surrogatepass"))
    return whole.digest()


def _content(file: Path) -> bytes:
    try:
        if not file.is_file():
            return b"no file"
        with file.open("rb") as opened:
            return opened.read(MAX_BYTES + 1)  # of a larger one nothing is taken
    except OSError as error:
        return f"unreadable: {error.errno}".encode()
