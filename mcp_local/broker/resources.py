"""Tokens for other APIs, sealed with when they end: what a server sends to a remote server.

They are to be sent, not judged here; so nothing of them is verified. Light to import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from mcp_local.broker.authority.msal_cache import CacheChanged, writing
from mcp_local.broker.authority.refusal import InteractionNeeded, problem_of
from mcp_local.broker.sealed import from_secret, renewal_time, to_secret
from mcp_local.broker.state import Problem
from mcp_local.broker.storage.store import Entry
from mcp_local.errors import SignInNeeded
from mcp_local.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mcp_local.broker.authority.flows import Tokens
    from mcp_local.broker.storage.store import Store
    from mcp_local.errors import McpLocalError


class ResourceToken(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of one API's token; all times in seconds since the epoch."""

    token: Secret | None = None
    expires_at: float = 0.0
    renew_at: float = 0.0
    """When a renewal is due."""
    problem: Problem | None = None
    """Why the last attempt brought nothing."""
    person_helps: bool = False
    """Whether a sign-in can heal that."""
    claims: str = ""
    """The claims challenge (JSON) to be handed on to that sign-in."""
    tried_at: float = 0.0


def key_of(scopes: Sequence[str]) -> str:
    """Return under which name the token of these scopes is kept."""
    return " ".join(sorted(scopes))


def load_resources(store: Store) -> dict[str, ResourceToken]:
    """Return all of them by :func:`key_of`; none when they can't be read.

    Raises:
        StorageError: the store can't be read.
    """
    data = store.load(Entry.RESOURCES)
    try:
        return msgspec.json.decode(data or b"{}", type=dict[str, ResourceToken], dec_hook=to_secret)
    except msgspec.DecodeError:
        return {}


def keep_token(store: Store, scopes: Sequence[str], tokens: Tokens, now: float) -> None:
    """Keep what the authority gave; ``now`` is in seconds since the epoch.

    Raises:
        CacheChanged: whose it was has signed out meanwhile (SECURITY.md C16).
        StorageError: it can't be written.
    """
    renew_at = renewal_time(now, tokens.expires_at, tokens.refresh_on)
    with writing(store):
        if store.load(Entry.MSAL) != tokens.cache:
            raise CacheChanged
        _save(
            store,
            scopes,
            ResourceToken(tokens.access_token, tokens.expires_at, renew_at, tried_at=now),
        )


def keep_refusal(store: Store, scopes: Sequence[str], error: McpLocalError, now: float) -> None:
    """Keep why there is no new token, beside the one that may still be good (SECURITY.md O16).

    Raises:
        StorageError: it can't be written.
    """
    with writing(store):
        before = load_resources(store).get(key_of(scopes), ResourceToken())
        refused = replace(
            before,
            problem=problem_of(error),
            person_helps=isinstance(error, SignInNeeded),
            claims=error.claims if isinstance(error, InteractionNeeded) else "",
            tried_at=now,
        )
        _save(store, scopes, refused)


def _save(store: Store, scopes: Sequence[str], resource: ResourceToken) -> None:
    kept = load_resources(store) | {key_of(scopes): resource}
    store.save(Entry.RESOURCES, msgspec.json.encode(kept, enc_hook=from_secret))
