"""Whether the program at the other end of a loopback connection is run by the same user."""

from __future__ import annotations

import os
import socket
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from asyncio import StreamWriter
    from collections.abc import Iterator

_TABLES: Final = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LOCAL, _REMOTE, _USER, _INODE = 1, 2, 7, 9
"""Columns of a line (proc_pid_net(5))."""
_NOBODYS: Final = "0"
"""The inode of a socket that was closed; its user counts as root, whoever had it."""
_LOOKS: Final = 3
"""The kernel may leave out a line while others come and go."""
_ROOT: Final = 0
"""May do anything anyway; forwards browsers of a host into its containers."""


def is_same_user(writer: StreamWriter) -> bool:
    """Tell whether the peer's socket belongs to this process's user.

    An address with a secret in it stands in a browser's command line, which on Linux every user of
    the machine can read. Elsewhere others can't, or it isn't there (macOS: an Apple event).
    """
    if sys.platform != "linux":
        return True
    peer: tuple[str, int] = writer.get_extra_info("peername")[:2]
    own: tuple[str, int] = writer.get_extra_info("sockname")[:2]
    ends = {
        (_as_in_table(f"{mapped}{peer[0]}", peer[1]), _as_in_table(f"{mapped}{own[0]}", own[1]))
        for mapped in ("", "::ffff:")
        if not mapped or ":" not in peer[0]
    }
    # Both ends: from one port there may be other connections, also of others, and closed ones.
    users = (user for _ in range(_LOOKS) for pair, user in _sockets() if pair in ends)
    return next(users, None) in {os.getuid(), _ROOT}


def _sockets() -> Iterator[tuple[tuple[str, str], int]]:
    """Yield both ends, its own first, and the user of each TCP socket that somebody has open."""
    for table in _TABLES:
        try:
            _, *lines = table.read_text("ascii").splitlines()
        except OSError:  # no IPv6, or no /proc
            continue
        for line in lines:
            columns = line.split()
            if columns[_INODE] != _NOBODYS:
                yield (columns[_LOCAL], columns[_REMOTE]), int(columns[_USER])


def _as_in_table(host: str, port: int) -> str:
    """Return an address as the kernel prints it: words of 32 bits in the machine's byte order."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    packed = socket.inet_pton(family, host)
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    return "".join(f"{word:08X}" for word in words) + f":{port:04X}"
