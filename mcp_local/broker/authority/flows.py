"""What passes between the authority (``broker.entra``) and those who sign people in."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcp_local.secret import Secret


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody whose refresh token is in the cache. ``username`` is for display."""

    home_account_id: str
    """MSAL's key of the account."""
    object_id: str
    username: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a sign-in or a renewal brought; nothing of it is verified yet."""

    access_token: Secret
    account: Account
    expires_at: float
    """Seconds since the epoch, as the authority told it beside the token."""
    refresh_on: float
    """When the authority advises a renewal, seconds since the epoch; 0 when it doesn't."""
    cache: bytes = field(repr=False)
    """MSAL's cache with these tokens in it."""


@dataclass(frozen=True, slots=True)
class BrowserFlow:
    """A sign-in that waits for the browser's answer at the redirect URI."""

    auth_uri: str = field(repr=False)
    """Where the browser is sent: an https address, or a page of a development authority."""
    msal_flow: dict[str, object] = field(repr=False)
    """MSAL's own: state, nonce and PKCE verifier. For ``broker.entra`` only."""

    def accepts(self, state: str) -> bool:
        """Tell whether an answer with this ``state`` belongs to this sign-in (SECURITY.md O1)."""
        return hmac.compare_digest(state.encode(), str(self.msal_flow["state"]).encode())


@dataclass(frozen=True, slots=True)
class DeviceFlow:
    """A sign-in that waits until the person has entered the code on some device."""

    user_code: str
    verification_uri: str
    expires_at: float
    """Seconds since the epoch."""
    msal_flow: dict[str, object] = field(repr=False)
    """MSAL's own, with the device code. For ``broker.entra`` only."""

    @property
    def message(self) -> str:
        """One sentence that tells the person what to do."""
        return f"Open {self.verification_uri} and enter the code {self.user_code}."
