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
_LOCAL, _USER = 1, 7
"""Columns of a line (proc_pid_net(5))."""
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
    wanted = _as_in_table(*peer)
    return any(local == wanted and user in {os.getuid(), _ROOT} for local, user in _sockets())


def _sockets() -> Iterator[tuple[str, int]]:
    """Yield the local address and the user of each TCP socket of this machine."""
    for table in _TABLES:
        try:
            _, *lines = table.read_text("ascii").splitlines()
        except OSError:  # no IPv6, or no /proc
            continue
        for line in lines:
            columns = line.split()
            yield columns[_LOCAL], int(columns[_USER])


def _as_in_table(host: str, port: int) -> str:
    """Return an address as the kernel prints it: words of 32 bits in the machine's byte order."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    packed = socket.inet_pton(family, host)
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    return "".join(f"{word:08X}" for word in words) + f":{port:04X}"
