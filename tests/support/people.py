"""People for the guard's tests, and sessions at the edge where the broker would be."""

# ruff: noqa: D102 - guard/session.py says what each method does

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mcp_local.broker.state import Phase, Status
from mcp_local.errors import SignInNeeded
from mcp_local.identity.model import Identity, VerifiedToken
from mcp_local.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from mcp_local.broker.state import Wanted

TENANT = "11111111-1111-4111-8111-111111111111"
CLIENT = "22222222-2222-4222-8222-222222222222"


def token_for(person: Mapping[str, Any]) -> VerifiedToken:
    """Return the verified token of somebody with an ``oid``, ``roles`` and a ``lifetime``."""
    now = time.time()
    roles = frozenset[str](person.get("roles", ()))
    expires = int(now + person.get("lifetime", 3600))
    oid = person["oid"]
    identity = Identity(
        tenant_id=TENANT,
        object_id=oid,
        roles=roles,
        scopes=frozenset({"access_as_user"}),
        groups=frozenset(),
        client_id=CLIENT,
        issued_at=int(now),
        expires_at=expires,
        name=person.get("name", "Somebody"),
        username=f"{oid}@example.com",
    )
    claims = {
        "iss": f"https://login.microsoftonline.com/{TENANT}/v2.0",
        "oid": oid,
        "tid": TENANT,
        "sub": f"sub-{oid}",
        "roles": sorted(roles),
    }
    secret = Secret(f"token-of-{oid}-{person.get('serial', 0)}")
    return VerifiedToken(secret, identity, MappingProxyType(claims), float(expires))


def person(oid: str, *roles: str, **more: Any) -> VerifiedToken:
    """Return the verified token of somebody with these roles."""
    return token_for({"oid": oid, "roles": roles, **more})


def status_of(token: VerifiedToken | None, start_url: str = "") -> Status:
    """Return what a session tells of its person."""
    if token is None:
        phase = Phase.WAITING_FOR_BROWSER if start_url else Phase.SIGNED_OUT
        return Status(phase, signed_in=False, start_url=start_url)
    who = token.identity
    return Status(
        Phase.SIGNED_IN,
        signed_in=True,
        name=who.name,
        username=who.username,
        object_id=who.object_id,
        tenant_id=who.tenant_id,
        roles=tuple(sorted(who.roles)),
        scopes=tuple(sorted(who.scopes)),
        expires_at=who.expires_at,
    )


@dataclass
class MemorySession:
    """Whoever the test says."""

    token: VerifiedToken | None = None
    callbacks: list[Callable[[], None]] = field(default_factory=list["Callable[[], None]"])
    program: str = ""
    started: bool = False
    closed: bool = False

    def start(self, client: object = None) -> None:
        del client
        self.started = True

    async def close(self) -> None:
        self.closed = True

    def current(self) -> VerifiedToken | None:
        return self.token

    def status(self) -> Status:
        return status_of(self.token)

    async def ready(self, *, hold: float = 0.0, use: bool = False) -> None:
        """Nobody is on the way here: return when a list's hold is over."""
        if self.token is None and not use:
            await asyncio.sleep(hold)

    async def sign_in(self, *, wait: float) -> Status:
        del wait
        return self.status()

    async def invite(self, *, by_person: bool, wanted: Wanted | None = None) -> str:
        """Nothing is to be opened by clients here."""
        del by_person, wanted
        return ""

    def opened(self) -> None:
        """Nothing to be opened."""

    async def open_page(self) -> None:
        """Nothing to be opened."""

    async def finished(self, *, wait: float) -> None:
        """Nothing is under way."""
        del wait

    async def resource_token(self, scopes: Sequence[str], *, claims: str = "") -> Secret:
        """No other API is known here."""
        raise SignInNeeded(" ".join([*scopes, claims]))

    async def consent(self, wanted: Wanted, *, wait: float) -> Status:
        """Nobody is asked here."""
        del wanted, wait
        return self.status()

    async def sign_out(self) -> Status:
        self.token = None
        return self.status()

    async def refresh(self) -> Status:
        return self.status()

    def on_change(self, callback: Callable[[], None]) -> None:
        self.callbacks.append(callback)


class LateSession(MemorySession):
    """Somebody signs in as soon as anybody waits for it."""

    async def ready(self, *, hold: float = 0.0, use: bool = False) -> None:
        """Sign in for a use."""
        del hold
        if use:
            self.token = person("ada", "reader")


@dataclass
class FileSession:
    """No file is nobody; the file's content is a person; for servers in processes of their own."""

    path: Path
    program: str = ""
    _callbacks: list[Callable[[], None]] = field(default_factory=list["Callable[[], None]"])
    _seen: object = None
    _token: VerifiedToken | None = None
    _closed: bool = False

    def start(self, client: object = None) -> None:
        del client
        self._look()
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._watch, args=(loop,), daemon=True).start()

    async def close(self) -> None:
        self._closed = True

    def current(self) -> VerifiedToken | None:
        token = self._token
        return token if token is not None and time.time() < token.valid_until else None

    def status(self) -> Status:
        return status_of(self.current(), os.environ.get("START_URL", ""))

    async def ready(self, *, hold: float = 0.0, use: bool = False) -> None:
        deadline = time.monotonic() + (0 if use else hold)  # for a use nobody is on the way
        self._look()
        while self.current() is None and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
            self._look()

    async def sign_in(self, *, wait: float) -> Status:
        """Sign in whoever stands in the file beside, as if they had done it in a browser."""
        del wait
        beside = self.path.with_suffix(".next")
        if beside.exists():
            beside.replace(self.path)
        self._look()
        return self.status()

    async def invite(self, *, by_person: bool, wanted: Wanted | None = None) -> str:
        """Nothing is to be opened by clients here."""
        del by_person, wanted
        return ""

    def opened(self) -> None:
        """Nothing to be opened."""

    async def open_page(self) -> None:
        """Nothing to be opened."""

    async def finished(self, *, wait: float) -> None:
        """Nothing is under way."""
        del wait

    async def resource_token(self, scopes: Sequence[str], *, claims: str = "") -> Secret:
        """No other API is known here."""
        raise SignInNeeded(" ".join([*scopes, claims]))

    async def consent(self, wanted: Wanted, *, wait: float) -> Status:
        """Nobody is asked here."""
        del wanted, wait
        return self.status()

    async def sign_out(self) -> Status:
        self.path.unlink(missing_ok=True)
        self._look()
        return self.status()

    async def refresh(self) -> Status:
        self._look()
        return self.status()

    def on_change(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)

    def _look(self) -> None:
        try:
            found = self.path.stat()
            seen = (found.st_mtime_ns, found.st_ino)
            if seen != self._seen:
                self._token = token_for(json.loads(self.path.read_text(encoding="utf-8")))
                self._seen = seen
        except FileNotFoundError:
            self._seen, self._token = None, None

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        before = self.current()
        while not self._closed:
            time.sleep(0.02)
            self._look()
            if self.current() is not before:
                before = self.current()
                for callback in self._callbacks:
                    loop.call_soon_threadsafe(callback)
