"""Getting a verified token: what the broker's short-lived processes call."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mcp_local.broker.entra import Account, Entra, Tokens
    from mcp_local.broker.http import Timeouts
    from mcp_local.broker.store import Store
    from mcp_local.identity.model import VerifiedToken
    from mcp_local.secret import Secret
    from mcp_local.settings.model import Settings


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token for another API: to be sent there, not judged here."""

    token: Secret
    expires_at: float
    """Seconds since the epoch."""


class Broker:
    """The person's token: looked up, renewed, exchanged, forgotten. Not for the event loop.

    Use it as a context manager, or close it.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        clock: Callable[[], float] = time.time,
        *,
        timeouts: Timeouts | None = None,
    ) -> None: ...

    @property
    def entra(self) -> Entra:
        """The authority, for the sign-in flows."""
        ...

    def current(self) -> VerifiedToken | None:
        """Return the kept token if it verifies now; no network."""
        ...

    def renew(self, *, force: bool = False) -> VerifiedToken:
        """Return a token that isn't due for renewal, fetched if need be.

        Of many processes that find the token due, one asks the authority (SECURITY.md O14);
        ``force`` asks even so. The kept token stays as it is when this fails, so
        :meth:`current` may still return it.

        Raises:
            InteractionNeeded: only the person can help.
            Blocked: an administrator or developer must act.
            TokenRejected: the authority issued a token that isn't believed.
            WrongAccount: the cached account isn't the pinned one.
            Unreachable: the authority doesn't answer.
            StorageError: another process has held the lock for too long.
        """
        ...

    def acquire(self) -> VerifiedToken:
        """Return the token to be used now: renewed when due, else the one that is still valid.

        Raises:
            McpLocalError: as :meth:`renew`, when no valid token is left.
        """
        ...

    def complete(self, tokens: Tokens) -> VerifiedToken:
        """Verify what a sign-in brought, and keep it in place of whoever was signed in before.

        Nothing is kept of an account that is refused.

        Raises:
            TokenRejected: the token isn't believed; the hint says which setting to look at.
            WrongAccount: it isn't the pinned account.
            Unreachable: the authority's keys can't be had.
            StorageError: it can't be kept.
        """
        ...

    def token_for(self, scopes: Sequence[str]) -> AccessToken:
        """Return a token for another API, from MSAL's cache or the authority.

        Raises:
            McpLocalError: as :meth:`renew`.
        """
        ...

    def sign_out(self) -> list[Account]:
        """Forget everybody on this machine who used this profile, and say so in the state file.

        Raises:
            StorageError: something can't be removed.
        """
        ...

    def close(self) -> None:
        """Close the connections."""
        ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
