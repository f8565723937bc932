"""``signin.method = none``: roles from the settings, for trying things out. Nothing is verified."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING

from mcp_local.broker.state import Phase, Status
from mcp_local.identity.model import Identity, VerifiedToken
from mcp_local.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp_local.settings import Settings

_NOBODY = "declared"
_NEVER = 4_102_444_800
"""The year 2100, as ``exp``: what was declared doesn't expire."""


class DeclaredSession:
    """A session without a person; marked unverified wherever state is shown."""

    def __init__(self, settings: Settings) -> None:
        self.program = ""
        self._roles = settings.signin.roles
        identity = Identity(
            tenant_id="",
            object_id=_NOBODY,
            roles=frozenset(self._roles),
            scopes=frozenset(),
            groups=frozenset(),
            client_id="",
            issued_at=0,
            expires_at=_NEVER,
            name="declared roles",
        )
        claims = MappingProxyType({"oid": _NOBODY, "roles": list(self._roles)})
        self._token = VerifiedToken(Secret(""), identity, claims, valid_until=math.inf)

    def start(self) -> None:
        """Do nothing: there is nobody to wait for."""

    async def close(self) -> None:
        """Do nothing."""

    def current(self) -> VerifiedToken:
        """Return the declared roles; the token itself is empty."""
        return self._token

    def status(self) -> Status:
        """Say which roles are declared, and that nobody verified them."""
        return Status(
            Phase.SIGNED_IN,
            signed_in=True,
            name=self._token.identity.name,
            object_id=_NOBODY,
            roles=self._roles,
            unverified=True,
        )

    async def ready(self, *, hold: float = 0.0, use: bool = False) -> None:
        """Return at once."""

    async def sign_in(self, *, wait: float) -> Status:
        """Return the status: nobody can sign in."""
        del wait
        return self.status()

    async def sign_out(self) -> Status:
        """Return the status: nobody can sign out."""
        return self.status()

    async def refresh(self) -> Status:
        """Return the status: roles change in the settings."""
        return self.status()

    def on_change(self, callback: Callable[[], None]) -> None:
        """Do nothing: declared roles don't change."""
