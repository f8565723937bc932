"""Sockets on the loopback addresses only, both families on one port (SECURITY.md O5, O6)."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

from mcp_local.errors import SignInFailed

if TYPE_CHECKING:
    from collections.abc import Iterable

_NO_IPV6 = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT}
_TAKEN = {errno.EADDRINUSE, errno.EACCES}
_OWN_ADDRESS: int = getattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_REUSEADDR)
"""Windows lets others share a port unless it was bound exclusively. Elsewhere a listening port
can't be shared, and the option frees a fixed port at once after the last sign-in."""


def open_loopback(ports: Iterable[int]) -> list[socket.socket]:
    """Listen on the first of ``ports`` (0: any free one) that is free on 127.0.0.1 and on ::1.

    Browsers take either address for ``localhost``, so another program must own neither. A machine
    without IPv6 is served on 127.0.0.1 alone.

    Raises:
        SignInFailed: all of them are taken, or the system lets nobody listen.
    """
    for port in ports:
        opened = _open_both(port)
        if opened:
            return opened
    raise SignInFailed(
        "The port for the answer of the sign-in page is taken by another program.",
        hint="Choose another one with `mcp-local login --no-browser --port 8401`, or leave it out.",
    )


def _open_both(port: int) -> list[socket.socket]:
    """Return the listening sockets; none when the port is taken."""
    with ExitStack() as stack:
        try:
            first = _listen(stack, socket.AF_INET, "127.0.0.1", port)
            port = int(first.getsockname()[1])
            sockets = [first, *_listen_v6(stack, port)]
        except OSError as error:
            if error.errno in _TAKEN:
                return []
            raise SignInFailed(
                f"No port can be opened on this machine: {error.strerror}.",
                hint="Something forbids it, a sandbox perhaps. Without one: "
                "`mcp-local login --device`.",
            ) from error
        stack.pop_all()
        return sockets


def _listen_v6(stack: ExitStack, port: int) -> list[socket.socket]:
    if not socket.has_ipv6:
        return []
    try:
        return [_listen(stack, socket.AF_INET6, "::1", port)]
    except OSError as error:
        if error.errno in _NO_IPV6:
            return []
        raise


def _listen(stack: ExitStack, family: int, host: str, port: int) -> socket.socket:
    # asyncio sets TCP_NODELAY only where the protocol is named.
    unbound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening = stack.enter_context(unbound)
    listening.setsockopt(socket.SOL_SOCKET, _OWN_ADDRESS, 1)
    if family == socket.AF_INET6:
        listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listening.bind((host, port))
    listening.listen()
    return listening
