"""What the authority has given out: authorization codes, refresh tokens, device codes.

All of it lives in memory and is touched by the emulator's event loop only.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mcp_local.emulator.aadsts import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp_local.emulator.sessions import SignedIn

CODE_LIFETIME = 600.0
"""Seconds an authorization code can be redeemed."""
REFRESH_LIFETIME = 90 * 86400.0
"""Seconds of inactivity after which a refresh token expires."""
_USER_CODE = "BCDFGHJKLMNPQRSTVWXYZ23456789"
"""No vowels, no 0 or 1: no words, nothing to mistake (RFC 8628, section 6.1)."""
_USER_CODE_LENGTH = 9


@dataclass(frozen=True, slots=True)
class CodeGrant:
    """An authorization code not yet redeemed."""

    signed_in: SignedIn
    redirect_uri: str
    challenge: str
    scope: str
    nonce: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class RefreshGrant:
    """A refresh token; it works for every API (multi-resource)."""

    signed_in: SignedIn
    scope: str
    last_used: float


@dataclass(slots=True)
class DeviceGrant:
    """A device code and what became of it."""

    user_code: str
    scope: str
    expires_at: float
    correlation_id: str
    last_poll: float = 0.0
    declined: bool = False
    signed_in: SignedIn | None = None


def _token(prefix: str) -> str:
    return f"{prefix}{secrets.token_urlsafe(96)}"


@dataclass(slots=True)
class Grants:
    """Everything given out by one authority."""

    clock: Callable[[], float]
    device_lifetime: float = 900.0
    """Seconds a device code can be used."""
    strict_rotation: bool = False
    """Whether a refresh token works once only; the cloud lets old ones live."""
    _codes: dict[str, CodeGrant] = field(default_factory=dict[str, CodeGrant])
    _redeemed: set[str] = field(default_factory=set[str])
    _refresh: dict[str, RefreshGrant] = field(default_factory=dict[str, RefreshGrant])
    _devices: dict[str, DeviceGrant] = field(default_factory=dict[str, DeviceGrant])

    # Authorization codes

    def give_code(
        self, signed_in: SignedIn, redirect_uri: str, challenge: str, scope: str, nonce: str
    ) -> str:
        """Return a new authorization code."""
        code = _token("1.A")
        expires_at = self.clock() + CODE_LIFETIME
        self._codes[code] = CodeGrant(signed_in, redirect_uri, challenge, scope, nonce, expires_at)
        return code

    def take_code(self, code: str) -> CodeGrant:
        """Redeem a code; a second time is 54005, too late 70008, unknown 70000."""
        grant = self._codes.pop(code, None)
        if grant is None:
            raise Refused(54005 if code in self._redeemed else 70000)
        self._redeemed.add(code)
        if self.clock() > grant.expires_at:
            raise Refused(70008)
        return grant

    # Refresh tokens

    def give_refresh(self, signed_in: SignedIn, scope: str) -> str:
        """Return a new refresh token."""
        token = _token("1.A")
        self._refresh[token] = RefreshGrant(signed_in, scope, self.clock())
        return token

    def use_refresh(self, token: str) -> RefreshGrant:
        """Return the grant behind a refresh token; unknown is 70000, unused too long 700082."""
        grant = self._refresh.get(token)
        if grant is None:
            raise Refused(70000)
        now = self.clock()
        if now > grant.last_used + REFRESH_LIFETIME:
            raise Refused(700082)
        self._refresh[token] = replace(grant, last_used=now)
        return grant

    def rotate(self, token: str) -> None:
        """Drop a refresh token that was replaced, where rotation is strict."""
        if self.strict_rotation:
            self._refresh.pop(token, None)

    # Device codes

    def give_device(self, scope: str, correlation_id: str) -> tuple[str, DeviceGrant]:
        """Return a new device code and its grant."""
        user_code = "".join(secrets.choice(_USER_CODE) for _ in range(_USER_CODE_LENGTH))
        code = _token("D")
        expires_at = self.clock() + self.device_lifetime
        self._devices[code] = DeviceGrant(user_code, scope, expires_at, correlation_id)
        return code, self._devices[code]

    def device(self, code: str) -> DeviceGrant:
        """Return the grant behind a device code; unknown is 70018 (``bad_verification_code``)."""
        if code not in self._devices:
            raise Refused(70018)
        return self._devices[code]

    def device_by_user_code(self, user_code: str) -> DeviceGrant:
        """Return the grant a person means; unknown or used is 70018, too late 70019."""
        wanted = "".join(user_code.split()).replace("-", "").upper()
        for grant in self._devices.values():
            if grant.user_code == wanted and not grant.declined and not grant.signed_in:
                if self.clock() > grant.expires_at:
                    raise Refused(70019)
                return grant
        raise Refused(70018)

    def end_device(self, code: str) -> None:
        """Forget a device code that was redeemed."""
        self._devices.pop(code, None)
