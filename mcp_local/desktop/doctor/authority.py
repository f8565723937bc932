"""Checks of the way to the authority: name, proxy, TLS, documents, keys, clock."""

from __future__ import annotations

import socket
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from mcp_local.broker.authority.http import Http, Timeouts
from mcp_local.broker.authority.metadata import Documents
from mcp_local.broker.storage.keystore import in_memory
from mcp_local.broker.storage.memory_store import MemoryStore
from mcp_local.desktop.doctor.finding import Actor, Finding, from_error, note, ok, problem, skipped
from mcp_local.errors import McpLocalError, SettingsError, Unreachable
from mcp_local.identity.keyset import parse_jwks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mcp_local.settings import Settings

_LIMITS: Final = Timeouts(connect=5.0, read=10.0, total=15.0)
_SKEW: Final = 60.0
"""Seconds that clocks may differ before it is told; five minutes make tokens fail."""
_CHECKS: Final = ("name", "connection", "clock", "discovery", "signing keys")


def authority(settings: Settings) -> Iterator[Finding]:
    """Look at each step on the way to the authority, until one fails."""
    if not settings.authority:
        for check in _CHECKS:
            yield skipped(check, "No tenant is set.")
        return
    try:
        http = Http(settings, _LIMITS)
    except McpLocalError as error:
        yield from_error("connection", error)
        return
    try:
        yield from _look(settings, http)
    finally:
        http.close()


def _look(settings: Settings, http: Http) -> Iterator[Finding]:
    yield from _name(settings)
    documents = Documents(
        http, settings.authority, MemoryStore(in_memory("only to look")), time.time
    )
    try:
        answer = http.get(documents.v2_url)
    except Unreachable as error:
        yield from_error("connection", error, Actor.IT)
        return
    host = urlsplit(settings.authority).netloc
    yield ok("connection", f"{host} answers, and its certificate is trusted.")
    yield from _clock(answer.headers)
    try:
        document = documents.v2()
    except SettingsError as error:
        yield from_error("discovery", error)
        return
    except Unreachable as error:
        yield from_error("discovery", error, Actor.IT)
        return
    yield ok("discovery", f"The tenant is there: {document.issuer}")
    yield from _keys(http, document.jwks_uri)


def _name(settings: Settings) -> Iterator[Finding]:
    host = urlsplit(settings.authority).hostname or ""
    if settings.proxy:
        yield ok("name", f"The proxy of the settings resolves {host}.")
        return
    try:
        socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    except OSError as error:
        yield note(
            "name",
            f"{host} has no address here: {error.strerror or error}.",
            "If a proxy resolves names here, that is as it should be. Else look at the network.",
            Actor.IT,
        )
        return
    yield ok("name", f"{host} has an address.")


def _clock(headers: object) -> Iterator[Finding]:
    skew = clock_skew(headers, time.time())
    if skew is None:
        yield skipped("clock", "The authority didn't say what time it is.")
    elif abs(skew) <= _SKEW:
        yield ok("clock", f"This clock and the authority's differ by {abs(skew):.0f} s.")
    else:
        late = "ahead of" if skew > 0 else "behind"
        yield problem(
            "clock",
            f"This clock is {_spoken(abs(skew))} {late} the authority's.",
            "Set the clock by the network; tokens look expired, or not yet valid, until then.",
        )


def clock_skew(headers: object, now: float) -> float | None:
    """Return by how many seconds this clock is ahead of an answer's ``Date``; ``None``: no word."""
    fields = {str(k).lower(): str(v) for k, v in dict(headers).items()}  # pyright: ignore[reportCallIssue, reportUnknownArgumentType, reportUnknownVariableType, reportArgumentType]
    try:
        return now - parsedate_to_datetime(fields["date"]).timestamp()
    except (KeyError, ValueError):
        return None


def _spoken(seconds: float) -> str:
    if seconds < 120:  # noqa: PLR2004 - two minutes
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"  # noqa: PLR2004 - two hours


def _keys(http: Http, address: str) -> Iterator[Finding]:
    try:
        keys = parse_jwks(http.fetch(address))
    except McpLocalError as error:
        yield from_error("signing keys", error, Actor.IT)
        return
    yield ok("signing keys", f"The authority publishes {len(keys.keys)} that can be used.")
