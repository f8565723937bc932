"""Getting a verified token: what the broker's short-lived processes call."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Self

from mcp_local.broker import transitions
from mcp_local.broker.authority.clock import explained
from mcp_local.broker.authority.msal_cache import CacheChanged, forget, writing
from mcp_local.broker.record import (
    is_due,
    load_record,
    save_record,
    verify_record,
    verify_tokens,
)
from mcp_local.broker.resources import keep_refusal, keep_token
from mcp_local.broker.state_file import StateFile
from mcp_local.broker.storage.store import Entry
from mcp_local.errors import McpLocalError, SignInFailed, Unreachable
from mcp_local.identity.keys import KeySource
from mcp_local.identity.model import TokenRejected
from mcp_local.identity.verify import key_id
from mcp_local.settings import profile_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from mcp_local.broker.authority.flows import Account, Tokens
    from mcp_local.broker.authority.http import Http, Timeouts
    from mcp_local.broker.entra import Entra
    from mcp_local.broker.record import TokenRecord
    from mcp_local.broker.storage.store import Store
    from mcp_local.identity.model import VerifiedToken
    from mcp_local.secret import Secret
    from mcp_local.settings.model import Settings

_PATIENCE = 60.0
"""Seconds that a renewal waits for another one: longer than its requests take (C9)."""


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
    ) -> None:
        """Prepare; reads nothing yet. ``clock`` returns seconds since the epoch."""
        self._settings = settings
        self._store = store
        self._clock = clock
        self._timeouts = timeouts

    @cached_property
    def _http(self) -> Http:
        # Start-up: a token that is there already needs neither TLS nor MSAL.
        from mcp_local.broker.authority.http import Http  # noqa: PLC0415

        return Http(self._settings, self._timeouts, self._clock)

    @cached_property
    def entra(self) -> Entra:
        """The authority, for the sign-in flows.

        Raises:
            SettingsError: ``ca_file`` or the proxy can't be used.
        """
        from mcp_local.broker.entra import Entra  # noqa: PLC0415 - start-up, as above

        return Entra(self._settings, self._http, self._store, self._clock)

    def current(self) -> VerifiedToken | None:
        """Return the kept token if it verifies now; no network.

        Raises:
            StorageError: the store can't be read.
        """
        record = load_record(self._store)
        return None if record is None else self._verified(record)

    def renew(self, *, force: bool = False) -> VerifiedToken:
        """Return a token that isn't due for renewal, fetched if need be.

        Of many processes that find the token due, one asks the authority (SECURITY.md O14);
        ``force`` asks even so. When this fails the kept token stays as it is, so
        :meth:`current` may still return it.

        Raises:
            InteractionNeeded: only the person can help.
            Blocked: an administrator or developer must act.
            TokenRejected: the authority issued a token that isn't believed.
            WrongAccount: the cached account isn't the pinned one.
            Unreachable: the authority doesn't answer.
            StorageError: another process has held the lock for too long.
        """
        if not force and (fresh := self._fresh()):
            return fresh
        with self._refreshing():
            # Whoever held the lock before may have done the work.
            if not force and (fresh := self._fresh()):
                return fresh
            kept = load_record(self._store)
            due = kept is not None and is_due(kept, self._clock())
            try:
                return self._keep_renewed(self.entra.silent(force=force or due))
            except CacheChanged:
                if fresh := self._fresh():  # a sign-in came between, and what it brought is newer
                    return fresh
                raise

    def acquire(self) -> VerifiedToken:
        """Return the token to be used now: renewed when due, else the one that is still valid.

        A token is good until its end, whatever becomes of its renewal (SECURITY.md O16).

        Raises:
            McpLocalError: as :meth:`renew`, when no valid token is left.
        """
        try:
            return self.renew()
        except McpLocalError:
            if usable := self.current():
                return usable
            raise

    def complete(self, tokens: Tokens, *, other: bool = False) -> VerifiedToken:
        """Verify what a sign-in brought, and keep it in place of whoever was signed in before.

        Nothing is kept of an account that is refused. With ``other`` the sign-in was for another
        API, and is changed for a token of our own first.

        Raises:
            TokenRejected: the token isn't believed; the hint says which setting to look at.
            WrongAccount: it isn't the pinned account.
            Unreachable: the authority's keys can't be had.
            StorageError: it can't be kept.
        """
        if other:
            tokens = self.entra.exchange(tokens)
        verified, record = self._judge(tokens, at_sign_in=True)
        with writing(self._store):
            self._store.save(Entry.MSAL, tokens.cache)
            save_record(self._store, record)
            self._store.delete(Entry.RESOURCES)  # of whoever was signed in before
        return verified

    def token_for(
        self, scopes: Sequence[str], *, force: bool = False, claims: str = ""
    ) -> AccessToken:
        """Return a token for another API, from MSAL's cache or the authority; keep it for servers.

        ``force`` asks the authority in any case. ``claims`` (JSON) is a challenge to be met. When
        there is none to be had, why is kept instead.

        Raises:
            McpLocalError: as :meth:`renew`.
        """
        with self._refreshing():
            try:
                tokens = self.entra.silent(scopes=scopes, force=force, claims=claims)
            except McpLocalError as error:
                keep_refusal(self._store, scopes, error, self._clock())
                raise
            keep_token(self._store, scopes, tokens, self._clock())
        return AccessToken(tokens.access_token, tokens.expires_at)

    def sign_out(self) -> list[Account]:
        """Forget everybody who signed in to this profile, and say so in the state file.

        No network: a renewal under way elsewhere can't bring anybody back (SECURITY.md C16).

        Raises:
            StorageError: something can't be removed.
        """
        accounts = forget(self._store)
        step = partial(transitions.signed_out, now=self._clock())
        StateFile(profile_dir(self._settings)).update(step)
        return accounts

    def close(self) -> None:
        """Close the connections."""
        if "_http" in vars(self):
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _refreshing(self) -> AbstractContextManager[object]:
        """Return the lock held across each request that may use up the refresh token (O14)."""
        return self._store.lock("refresh", timeout=_PATIENCE)

    def _fresh(self) -> VerifiedToken | None:
        """Return the kept token if it verifies and isn't due."""
        record = load_record(self._store)
        if record is None or is_due(record, self._clock()):
            return None
        return self._verified(record)

    def _verified(self, record: TokenRecord) -> VerifiedToken | None:
        try:
            return verify_record(record, self._settings, self._clock())
        except (TokenRejected, SignInFailed, Unreachable):
            return None

    def _keep_renewed(self, tokens: Tokens) -> VerifiedToken:
        verified, record = self._judge(tokens)
        with writing(self._store):
            if self._store.load(Entry.MSAL) != tokens.cache:  # C16
                raise CacheChanged
            save_record(self._store, record)
        return verified

    def _judge(
        self, tokens: Tokens, *, at_sign_in: bool = False
    ) -> tuple[VerifiedToken, TokenRecord]:
        """Verify fresh tokens with the authority's keys."""
        metadata = self.entra.metadata()
        source = KeySource(
            fetch=self._http.fetch,
            storage=_KeyEntry(self._store),
            jwks_uri=metadata.jwks_uri,
            issuer=metadata.issuer_v2,
            clock=self._clock,
        )
        name = key_id(tokens.access_token)
        keys = source.get(name, at_sign_in=at_sign_in).only(name)
        try:
            return verify_tokens(tokens, keys, self._settings, metadata, self._clock())
        except TokenRejected as error:
            raise explained(error, self._http.skew) from None


class _KeyEntry:
    """The authority's keys as a sealed entry (SECURITY.md J24)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def load(self) -> bytes | None:
        return self._store.load(Entry.JWKS)

    def save(self, data: bytes) -> None:
        self._store.save(Entry.JWKS, data)

    def lock(self) -> AbstractContextManager[object]:
        return self._store.lock("jwks", timeout=_PATIENCE)
