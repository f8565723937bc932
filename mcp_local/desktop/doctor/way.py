"""Checks of the way to the authority: its name, or the proxy that stands in between."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from mcp_local.desktop.doctor.finding import Actor, Finding, note, ok, problem
from mcp_local.network import proxy_host, proxy_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mcp_local.settings import Settings

_PATIENCE: Final = 5.0
"""Seconds that a proxy has to take a connection."""
_PORTS: Final = {"http": 80, "https": 443}


def way(settings: Settings) -> Iterator[Finding]:
    """Look whether the authority has an address, or its proxy takes connections."""
    proxy = settings.proxy or proxy_of(settings.authority)
    if proxy:
        yield from _proxy(proxy, of_settings=bool(settings.proxy))
        return
    host = urlsplit(settings.authority).hostname or ""
    try:
        socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        yield problem(
            "name",
            f"{host} has no address here: {reason}.",
            "Look at the network's name server; where only a proxy knows names, set `proxy`.",
            Actor.IT,
        )
        return
    yield ok("name", f"{host} has an address.")


def _proxy(proxy: str, *, of_settings: bool) -> Iterator[Finding]:
    """Look at a proxy; its address is shown without the password in it."""
    address = proxy if "://" in proxy else f"http://{proxy}"
    where = proxy_host(proxy)
    source = "the settings" if of_settings else "this environment or system"
    try:
        parts = urlsplit(address)
        port = parts.port or _PORTS.get(parts.scheme, 80)
        socket.create_connection((parts.hostname or "", port), _PATIENCE).close()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it takes no connection"
        yield problem(
            "proxy",
            f"The proxy {where} of {source} can't be reached: {reason}.",
            "Correct `proxy` in the settings, or the system's proxy.",
            Actor.YOU if of_settings else Actor.IT,
        )
        return
    yield ok("proxy", f"The proxy {where} of {source} takes connections.")
    if not of_settings:
        yield note(
            "proxy",
            "Desktop clients may not hand this environment on.",
            f'Put `proxy = "http://{where}"` into the settings, if a client can\'t sign in.',
        )
