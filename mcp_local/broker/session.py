"""Who is signed in, live, for the servers; implements ``guard.session.Session``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mcp_local.broker.state import Status
    from mcp_local.identity.model import VerifiedToken
    from mcp_local.log import Log
    from mcp_local.settings import Settings


class LocalSession:
    """The person of this machine's profile, as every server sees them."""

    def __init__(self, settings: Settings, environ: Mapping[str, str], *, log: Log) -> None:
        raise NotImplementedError

    def start(self) -> None:
        """Begin, on the running event loop, once the wire is up; returns at once."""
        raise NotImplementedError

    async def close(self) -> None:
        """Stop watching; a sign-in under way goes on in its own process."""
        raise NotImplementedError

    def current(self) -> VerifiedToken | None: ...
    def status(self) -> Status: ...
    async def ready(self, *, hold: float = 0.0) -> None: ...
    async def sign_in(self, *, wait: float) -> Status: ...
    async def sign_out(self) -> Status: ...
    async def refresh(self) -> Status: ...
    def on_change(self, callback: Callable[[], None]) -> None: ...


class DeclaredSession:
    """``signin.method = none``: roles from the settings, unverified, marked so everywhere.

    Same methods as LocalSession.
    """

    def __init__(self, settings: Settings) -> None:
        raise NotImplementedError
