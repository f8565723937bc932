"""Entra ID through MSAL: the only module that knows it. Its result dicts end here.

Runs in the broker's short-lived processes (DESIGN.md 3). MSAL blocks; so does everything here.
"""

from __future__ import annotations

import hmac
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import msal
import msgspec

from mcp_local.broker.http import Answer
from mcp_local.broker.metadata import WELL_KNOWN, Documents, Metadata, load_metadata
from mcp_local.broker.refusal import (
    AuthorityDown,
    Declined,
    InteractionNeeded,
    refusal,
)
from mcp_local.broker.state import Problem
from mcp_local.broker.store import Entry
from mcp_local.errors import McpLocalError, SignInFailed, Unreachable
from mcp_local.secret import Secret
from mcp_local.settings import profile_dir
from mcp_local.settings.authority import is_loopback, is_microsoft

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mcp_local.broker.http import Http
    from mcp_local.broker.store import Store
    from mcp_local.settings.model import Settings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody whose refresh token is in the cache. The names are for display."""

    home_account_id: str
    """MSAL's key of the account."""
    object_id: str
    tenant_id: str
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
    """Where the browser is sent; an https address, or one of a development authority."""
    _flow: dict[str, object] = field(repr=False)

    def accepts(self, state: str) -> bool:
        """Tell whether an answer with this ``state`` belongs to this sign-in (O1)."""
        return hmac.compare_digest(state.encode(), str(self._flow["state"]).encode())


@dataclass(frozen=True, slots=True)
class DeviceFlow:
    """A sign-in that waits until the person has entered the code on some device."""

    user_code: str
    verification_uri: str
    expires_at: float
    """Seconds since the epoch."""
    _flow: dict[str, object] = field(repr=False)

    @property
    def message(self) -> str:
        """One sentence that tells the person what to do."""
        return f"Open {self.verification_uri} and enter the code {self.user_code}."


class Entra:
    """Signs people in, renews tokens, forgets accounts."""

    def __init__(
        self,
        settings: Settings,
        http: Http,
        store: Store,
        clock: Callable[[], float] = time.time,
    ) -> None: ...

    def metadata(self) -> Metadata:
        """Return issuers and the address of the keys; from the disk when that is fresh enough.

        Raises:
            SettingsError: there is no such tenant.
            Unreachable: the authority doesn't answer, and nothing is kept.
        """
        ...

    def begin_browser(
        self, redirect_uri: str, *, login_hint: str = "", claims: str = "", prompt: str = ""
    ) -> BrowserFlow:
        """Prepare a sign-in whose answer comes to ``redirect_uri`` as a form POST.

        ``login_hint`` is a user name; without one the account picker is shown, unless ``prompt``
        (OpenID Connect) says otherwise. ``claims`` is the challenge of an InteractionNeeded.

        Raises:
            SettingsError: there is no such tenant.
            Unreachable: the authority doesn't answer.
        """
        ...

    def finish_browser(self, flow: BrowserFlow, form: Mapping[str, str]) -> Tokens:
        """Redeem the answer that the browser posted; nothing is stored yet.

        Raises:
            SignInFailed: declined, blocked, or an answer that belongs to another sign-in.
            InteractionNeeded: the authority wants another sign-in, with other claims.
            Unreachable: the authority doesn't answer.
        """
        ...

    def begin_device(self, *, claims: str = "") -> DeviceFlow:
        """Ask for a device code (RFC 8628, 3.1).

        Raises:
            SignInFailed: the authority gives none.
            SettingsError: there is no such tenant.
            Unreachable: the authority doesn't answer.
        """
        ...

    def finish_device(self, flow: DeviceFlow, stop: Callable[[], bool]) -> Tokens:
        """Wait until the person has entered the code; nothing is stored yet.

        ``stop`` is asked several times a second; when it says yes the wait ends. The authority's
        interval is obeyed (O13), and a fault of the network is waited out (RFC 8628, 3.5).

        Raises:
            SignInFailed: declined, expired, or stopped.
            InteractionNeeded: the authority wants another sign-in, with other claims.
        """
        ...

    def silent(self, *, force: bool = False, scopes: Sequence[str] | None = None) -> Tokens:
        """Get a token without the person; what is new is stored before this returns.

        The caller holds the refresh lock (``Broker`` does). ``force`` asks the authority even if
        the cached token is still good. ``scopes``: of another API; by default those of the
        settings.

        Raises:
            InteractionNeeded: nobody is signed in, or the authority wants the person.
            Blocked: an administrator or developer must act.
            Unreachable: the authority doesn't answer; AuthorityDown when it does with an error.
        """
        ...

    def accounts(self) -> list[Account]:
        """Return whose refresh tokens are in the cache; no network."""
        ...

    def sign_out(self) -> list[Account]:
        """Forget all accounts and tokens of this profile, and return who they were; no network.

        A renewal under way in another process finds its result refused (SECURITY.md C16).

        Raises:
            StorageError: something can't be removed.
        """
        ...
