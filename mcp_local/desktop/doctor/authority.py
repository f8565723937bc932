"""Checks of the authority: TLS, clock, documents, keys, and whether it knows the apps."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from mcp_local.broker.authority.clock import SET_IT, TOLERATED, told
from mcp_local.broker.authority.http import Http, Timeouts
from mcp_local.broker.authority.metadata import Documents
from mcp_local.broker.storage.keystore import in_memory
from mcp_local.broker.storage.memory_store import MemoryStore
from mcp_local.desktop.doctor.finding import (
    Actor,
    Finding,
    Verdict,
    from_error,
    ok,
    problem,
    skipped,
)
from mcp_local.desktop.doctor.registration import registration
from mcp_local.desktop.doctor.way import way
from mcp_local.errors import McpLocalError
from mcp_local.identity.keyset import parse_jwks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mcp_local.settings import Settings

_LIMITS: Final = Timeouts(connect=5.0, read=10.0, total=15.0)
_CHECKS: Final = ("name", "connection", "clock", "discovery", "signing keys", "registration")


def authority(settings: Settings) -> Iterator[Finding]:
    """Look at each step on the way to the authority, until one fails."""
    if not settings.authority:
        for check in _CHECKS:
            yield skipped(check, "No tenant is set.")
        return
    try:
        http = Http(settings, _LIMITS)
    except McpLocalError as error:
        yield from_error("trust", error)
        return
    try:
        yield from _look(settings, http)
    finally:
        http.close()


def _look(settings: Settings, http: Http) -> Iterator[Finding]:
    on_the_way = list(way(settings))
    yield from on_the_way
    if any(each.verdict is Verdict.PROBLEM for each in on_the_way):
        yield skipped("connection", "The way there is barred.")
        return
    documents = Documents(
        http, settings.authority, MemoryStore(in_memory("only to look")), time.time
    )
    try:
        http.get(documents.v2_url)
    except McpLocalError as error:
        yield from_error("connection", error)
        return
    host = urlsplit(settings.authority).netloc
    yield ok("connection", f"{host} answers, and its certificate is trusted.")
    yield from _clock(http.skew)
    try:
        document = documents.v2()
    except McpLocalError as error:
        yield from_error("discovery", error)
        return
    yield ok("discovery", f"The tenant is there: {document.issuer}")
    yield from _keys(http, document.jwks_uri)
    try:
        yield from registration(settings, document, http)
    except McpLocalError as error:
        yield from_error("registration", error)


def _clock(skew: float | None) -> Iterator[Finding]:
    if skew is None:
        yield skipped("clock", "The authority didn't say what time it is.")
    elif abs(skew) <= TOLERATED:
        yield ok("clock", f"This clock and the authority's differ by {abs(skew):.0f} s.")
    else:
        yield problem("clock", told(skew), SET_IT)


def _keys(http: Http, address: str) -> Iterator[Finding]:
    try:
        keys = parse_jwks(http.fetch(address))
    except McpLocalError as error:
        yield from_error("signing keys", error, Actor.IT)
        return
    if not keys.keys:
        yield problem(
            "signing keys",
            "The authority publishes no key that can be used.",
            "Something in between may answer in its place; try again, then ask who runs it.",
            Actor.IT,
        )
        return
    yield ok("signing keys", f"The authority publishes {len(keys.keys)} that can be used.")
