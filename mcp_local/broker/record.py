"""The last verified token, sealed with all that is needed to verify it again, offline.

MSAL drops expired tokens when it looks them up and keeps no keys; so this record, not MSAL's
cache, is what servers read. Light to import: no MSAL, no network.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from mcp_local.broker.authority.refusal import WrongAccount
from mcp_local.broker.sealed import from_secret, renewal_time, to_secret
from mcp_local.broker.storage.store import Entry
from mcp_local.identity.keyset import parse_jwks
from mcp_local.identity.model import Expectations
from mcp_local.identity.verify import verify
from mcp_local.secret import Secret

if TYPE_CHECKING:
    from mcp_local.broker.authority.flows import Tokens
    from mcp_local.broker.authority.metadata import Metadata
    from mcp_local.broker.storage.store import Store
    from mcp_local.identity.keyset import KeySet
    from mcp_local.identity.model import Identity, VerifiedToken
    from mcp_local.settings.model import Settings


class TokenRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The content of ``Entry.TOKEN``; all times in seconds since the epoch."""

    token: Secret
    keys: str
    """A JWKS of the one key that verified the token."""
    issuer_v1: str
    issuer_v2: str
    tenant_id: str
    """The authority's tenant; empty for an authority of many."""
    obtained_at: float
    renew_at: float
    """When a renewal is due."""
    username: str
    """As the id token has it; for display, and for the pin by user name."""
    home_account_id: str
    """MSAL's name of the account, to find its refresh token."""


def is_due(record: TokenRecord, now: float) -> bool:
    """Tell whether the token should be renewed."""
    return now >= record.renew_at


def expectations(settings: Settings, authority: Metadata | TokenRecord) -> Expectations:
    """Put together what a token must say to be believed under these settings."""
    tenants = {authority.tenant_id, *(tenant.lower() for tenant in settings.tenants)}
    return Expectations(
        audiences=frozenset(settings.audiences),
        tenants=frozenset(tenants - {""}),
        issuer_v1=authority.issuer_v1,
        issuer_v2=authority.issuer_v2,
        clients=frozenset({settings.client_id}),
        leeway=settings.token_leeway,
        allow_app_only=settings.allow_app_only,
    )


def check_account(settings: Settings, identity: Identity, username: str) -> None:
    """Refuse everybody but the account that the settings pin, by object id or user name.

    Raises:
        WrongAccount: it is somebody else.
    """
    names = {identity.object_id.casefold(), identity.username.casefold(), username.casefold()}
    if settings.account and settings.account.casefold() not in names:
        raise WrongAccount(
            f"{username or identity.object_id} has signed in, "
            f"but the settings allow only {settings.account}.",
            hint="Sign in with that account: `mcp-local login`, "
            "or change `account` (MCP_LOCAL_ACCOUNT).",
        )


def verify_tokens(
    tokens: Tokens, keys: KeySet, settings: Settings, authority: Metadata, now: float
) -> tuple[VerifiedToken, TokenRecord]:
    """Verify what the authority has just issued, and put together what verifies it again offline.

    ``now`` is in seconds since the epoch.

    Raises:
        TokenRejected: the token isn't believed.
        WrongAccount: the settings pin another account.
    """
    account = tokens.account
    verified = verify(tokens.access_token, keys, expectations(settings, authority), now)
    check_account(settings, verified.identity, account.username)
    record = TokenRecord(
        token=tokens.access_token,
        keys=keys.to_bytes().decode(),
        issuer_v1=authority.issuer_v1,
        issuer_v2=authority.issuer_v2,
        tenant_id=authority.tenant_id,
        obtained_at=now,
        renew_at=renewal_time(now, verified.identity.expires_at, tokens.refresh_on),
        username=account.username,
        home_account_id=account.home_account_id,
    )
    return verified, record


def verify_record(
    record: TokenRecord, settings: Settings, now: float, *, grace: float = 0.0
) -> VerifiedToken:
    """Verify the token anew against today's settings, without any network.

    ``now`` is in seconds since the epoch. A token that has expired less than ``grace`` seconds ago
    is returned all the same: look at its ``valid_until``.

    Raises:
        TokenRejected: it isn't believed: expired, or the settings accept other tokens now.
        WrongAccount: the settings pin another account.
        Unreachable: the record holds no key set; only a damaged one doesn't.
    """
    keys = parse_jwks(record.keys.encode())
    expected = replace(expectations(settings, record), grace=grace)
    verified = verify(record.token, keys, expected, now)
    check_account(settings, verified.identity, record.username)
    return verified


def load_record(store: Store) -> TokenRecord | None:
    """Return the record; ``None`` when there is none, or none that can be read.

    Raises:
        StorageError: the store can't be read.
    """
    data = store.load(Entry.TOKEN)
    if data is None:
        return None
    try:
        return msgspec.json.decode(data, type=TokenRecord, dec_hook=to_secret)
    except msgspec.DecodeError:
        return None


def save_record(store: Store, record: TokenRecord) -> None:
    """Seal and keep the record.

    Raises:
        StorageError: it can't be written.
    """
    store.save(Entry.TOKEN, msgspec.json.encode(record, enc_hook=from_secret))
