"""The signed-in person as FastMCP knows a caller, so that its own authorization works on stdio.

FastMCP skips every check when its transport is marked as stdio; with the marker left unset and
this user installed, ``auth=``, ``get_access_token()``, ``CurrentAccessToken``, ``TokenClaim`` and
``UserSession`` behave as over HTTP.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, final

from fastmcp.server.auth import AccessToken
from mcp.server.auth.middleware.auth_context import auth_context_var
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser

from mcp_local.guard.live import install_session, live_token

if TYPE_CHECKING:
    from mcp_local.guard.live import HasToken
    from mcp_local.identity.model import VerifiedToken


@final
class LiveUser(AuthenticatedUser):
    """Whoever is signed in at the moment of asking, as long as it is the person judged."""

    def __init__(self, session: HasToken) -> None:
        # The parent's __init__ would pin one token; this object is asked anew each time.
        self._session = session
        self._made: tuple[VerifiedToken, AccessToken] | None = None

    @property
    def access_token(self) -> AccessToken | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The real token with its claims; ``None`` for nobody, or for somebody not judged."""
        token = live_token(self._session)
        if token is None:
            return None
        if self._made is None or self._made[0] is not token:
            self._made = (token, _as_fastmcp(token))
        return self._made[1]

    @property
    def scopes(self) -> list[str]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The scopes of the token in force."""
        token = self.access_token
        return [] if token is None else token.scopes

    @property
    def display_name(self) -> str:
        """The client's id, as the parent has it."""
        token = self.access_token
        return "" if token is None else token.client_id


def install(user: LiveUser, session: HasToken) -> None:
    """Make ``user`` the caller in this context and in all tasks started from it."""
    auth_context_var.set(user)
    install_session(session)


def _as_fastmcp(token: VerifiedToken) -> AccessToken:
    """Return the token in FastMCP's shape; the claims are a copy, so that no one can edit ours."""
    identity = token.identity
    subject = token.claims.get("sub")
    return AccessToken(
        token=token.token.reveal(),
        client_id=identity.client_id,
        scopes=sorted(identity.scopes),
        expires_at=identity.expires_at,
        subject=subject if isinstance(subject, str) else identity.object_id,
        claims=deepcopy(dict(token.claims)),
    )
