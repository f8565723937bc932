"""Standard input and output as the protocol's own wire: nothing else in the process reaches it."""

from __future__ import annotations

import os
import select
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_LINE: Final = 4 * 1024 * 1024
"""Bytes of one message from the client (M16)."""
_CHUNK: Final = 65_536
_NEVER_BLOCKS: Final = 4096
"""Bytes that a pipe or socket takes at once when it says that it has room (POSIX ``PIPE_BUF``)."""
_TOO_LONG: Final = (
    b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Message longer than 4 MiB"}}\n'
)


@final
class Wire:
    """The two descriptors that carry the protocol."""

    __slots__ = ("_writing", "read_fd", "write_fd")

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self.read_fd = read_fd
        self.write_fd = write_fd
        self._writing = threading.Lock()

    def write(self, data: bytes) -> None:
        """Write all of ``data`` before anybody else writes; blocks while the client doesn't read.

        Raises:
            OSError: the client is gone.
        """
        with self._writing:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self.write_fd, rest) :]

    def has_room(self, size: int) -> bool:
        """Whether :meth:`write` would take that many bytes without blocking."""
        if sys.platform == "win32" or size > _NEVER_BLOCKS:  # Windows can tell of sockets only
            return False
        ready = select.poll()
        ready.register(self.write_fd, select.POLLOUT)
        return bool(ready.poll(0))

    def messages(self) -> Iterator[bytes]:
        """Yield the client's lines until it is gone; one that is too long is answered here."""
        line = bytearray()
        skipping = False
        for chunk in self._chunks():
            *ends, rest = chunk.split(b"\n")
            for end in ends:
                line += end
                if not skipping and len(line) <= MAX_LINE:
                    yield bytes(line)
                elif not skipping:
                    self._refuse()
                skipping = False
                line.clear()
            line += rest
            if len(line) > MAX_LINE:
                if not skipping:
                    self._refuse()
                skipping = True
            if skipping:
                line.clear()
        if line:
            yield bytes(line)

    def _chunks(self) -> Iterator[bytes]:
        with suppress(OSError):
            while chunk := os.read(self.read_fd, _CHUNK):
                yield chunk

    def _refuse(self) -> None:
        """Answer without the id, which stands somewhere in what is thrown away."""
        with suppress(OSError):
            self.write(_TOO_LONG)


def claim_wire() -> Wire:
    """Take descriptors 0 and 1 for the protocol; call before any user code is imported.

    Afterwards 0 reads nothing and 1 goes to standard error, so that prints of imported modules,
    tools and children can't reach the client, now or at exit (M15).

    Raises:
        OSError: there is no standard input or output.
    """
    wire = Wire(_duplicate(0), _duplicate(1))
    if sys.platform != "win32":  # a client may hand over its own ends as it uses them itself
        os.set_blocking(wire.read_fd, True)
        os.set_blocking(wire.write_fd, True)
    _replace(0, os.open(os.devnull, os.O_RDONLY))
    try:
        elsewhere = os.dup(2)
    except OSError:  # the client gave no standard error
        elsewhere = os.open(os.devnull, os.O_WRONLY)
    _replace(1, elsewhere)
    if sys.platform == "win32":
        from mcp_local.guard.stdio_windows import rebind  # noqa: PLC0415 - it exists there only

        rebind(wire.read_fd, wire.write_fd)
    return wire


def _duplicate(fd: int) -> int:
    """Return a copy that no child inherits, above the three standard descriptors."""
    low: list[int] = []
    copy = os.dup(fd)
    while copy <= 2:  # noqa: PLR2004 - one of them was closed
        low.append(copy)
        copy = os.dup(fd)
    for number in low:
        os.close(number)
    return copy


def _replace(fd: int, other: int) -> None:
    os.dup2(other, fd)
    os.close(other)
