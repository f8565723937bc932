"""``signin.method = none``: roles from the settings, for trying things out. Nothing is verified."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING

from mcp_local.broker.state import Phase, Problem, Status
from mcp_local.errors import SignInNeeded
from mcp_local.identity.model import Identity, VerifiedToken
from mcp_local.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mcp_local.broker.state import Wanted
    from mcp_local.settings import Settings

_NOBODY = "declared"
_NEVER = 4_102_444_800
"""The year 2100, as ``exp``: what was declared doesn't expire."""
_NO_SIGN_IN = Problem(
    "no_sign_in",
    "Nobody signs in here (`signin.method = none`), and no roles are declared.",
    "Set `signin.method` (MCP_LOCAL_SIGN_IN) to `browser` or `device`.",
)


class DeclaredSession:
    """A session without a person; marked unverified wherever state is shown.

    Where no roles are declared there is nobody at all, not even for what a policy allows to
    everybody (POLICY.md 0): so it is beside a tenant, where none may be declared.
    """

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
        token = VerifiedToken(Secret(""), identity, claims, valid_until=math.inf)
        self._token = token if self._roles else None

    def start(self, client: object = None) -> None:
        """Do nothing: there is nobody to wait for."""
        del client

    async def close(self) -> None:
        """Do nothing."""

    def current(self) -> VerifiedToken | None:
        """Return the declared roles, if there are any; the token itself is empty."""
        return self._token

    def status(self) -> Status:
        """Say which roles are declared, and that nobody verified them."""
        if self._token is None:
            return Status(Phase.SIGNED_OUT, signed_in=False, problem=_NO_SIGN_IN)
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

    async def invite(self, *, by_person: bool, wanted: Wanted | None = None) -> str:
        """Return no address: there is no page."""
        del by_person, wanted
        return ""

    def opened(self) -> None:
        """Do nothing: there is no page."""

    async def open_page(self) -> None:
        """Do nothing: there is no page."""

    async def finished(self, *, wait: float) -> None:
        """Return at once."""
        del wait

    async def resource_token(self, scopes: Sequence[str], *, claims: str = "") -> Secret:
        """Refuse: nobody is known to any authority.

        Raises:
            SignInNeeded: always.
        """
        del scopes, claims
        raise SignInNeeded(_NO_SIGN_IN.message, hint=_NO_SIGN_IN.hint)

    async def consent(self, wanted: Wanted, *, wait: float) -> Status:
        """Return the status: nobody can be asked."""
        del wanted, wait
        return self.status()

    async def sign_out(self) -> Status:
        """Return the status: nobody can sign out."""
        return self.status()

    async def refresh(self) -> Status:
        """Return the status: roles change in the settings."""
        return self.status()

    def on_change(self, callback: Callable[[], None]) -> None:
        """Do nothing: declared roles don't change."""
