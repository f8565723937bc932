"""What passes between the authority (``broker.entra``) and those who sign people in."""

from __future__ import annotations

import hmac
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, cast

from mcp_local.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mcp_local.secret import Secret

_FORM_FIELDS = ("code", "state", "client_info", "error", "error_description", "error_uri")
_SLOWEST_POLL = 30
"""Seconds; the device code is polled more slowly after each fault of the network."""
_LOOK = 0.25
"""Seconds between two looks at ``stop``."""


class Wishes(NamedTuple):
    """What a sign-in is to bring, and how the person is led to it; empty: no wish."""

    login_hint: str = ""
    """The user name that is expected; without one the account picker is shown."""
    claims: str = ""
    """A challenge to be met (JSON)."""
    prompt: str = ""
    """What the authority shows, whatever the hint is (OpenID Connect Core 3.1.2.1)."""
    scopes: Sequence[str] = ()
    """Of another API, whose token ``Entra.exchange`` changes for ours; by default the settings'."""


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody whose refresh token is in the cache. ``username`` is for display."""

    home_account_id: str
    """MSAL's key of the account."""
    object_id: str
    """As MSAL has it: from the operating system's broker, that one's id of the account."""
    username: str
    source: str = ""
    """How it came to be, in MSAL's words: what renews it."""

    @property
    def for_msal(self) -> dict[str, str]:
        """Return it as MSAL looks for it; without a known source MSAL asks a broker, too."""
        return {
            "home_account_id": self.home_account_id,
            "local_account_id": self.object_id,
            "account_source": self.source or "unknown",
        }


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


def read_form(form: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of the browser's answer that mean something; the others are nobody's."""
    return {name: form[name] for name in _FORM_FIELDS if name in form}


def polled(
    flow: DeviceFlow, once: Callable[[], dict[str, object]], stop: Callable[[], bool]
) -> dict[str, object] | None:
    """Ask ``once`` after each interval until there is an answer (RFC 8628, 3.5).

    ``None`` when the code's time is up or ``stop`` says so. A fault of the network slows the
    polling down.
    """
    state = flow.msal_flow
    while _wait(float(cast("int", state["interval"])), flow, stop):
        try:
            result = once()
        except Unreachable:
            state["interval"] = min(2 * cast("int", state["interval"]), _SLOWEST_POLL)
            continue
        if result.get("error") not in {"authorization_pending", "slow_down"}:
            return result
    return None


def _wait(seconds: float, flow: DeviceFlow, stop: Callable[[], bool]) -> bool:
    """Wait before the next poll; ``False`` when the time is up or ``stop`` says so."""
    until = time.monotonic() + seconds
    while not stop() and time.time() < flow.expires_at:
        left = until - time.monotonic()
        if left <= 0:
            return True
        time.sleep(min(left, _LOOK))
    return False
