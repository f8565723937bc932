"""MSAL's token cache as a sealed entry: whose it is, and how it changes hands between processes.

Read as the JSON that it is (MSAL's unified cache schema), so nobody needs MSAL to look into it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mcp_local.broker.authority.flows import Account
from mcp_local.broker.authority.refusal import InteractionNeeded
from mcp_local.broker.state import Problem
from mcp_local.broker.storage.store import Entry

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from mcp_local.broker.storage.store import Store

_SIGN_IN = "Sign in: `mcp-local login`."
NOBODY = Problem("signed_out", "Nobody is signed in.", _SIGN_IN)


class CacheChanged(InteractionNeeded):
    """A sign-out or a sign-in came between: what was fetched belongs to nobody any more."""

    def __init__(self) -> None:
        super().__init__(
            Problem(
                "account_changed",
                "The account was signed out or replaced while its token was being renewed.",
                _SIGN_IN,
            )
        )


class _Account(msgspec.Struct, frozen=True):
    home_account_id: str
    local_account_id: str
    username: str = ""
    account_source: str = ""


class _Cache(msgspec.Struct, frozen=True, rename={"accounts": "Account"}):
    accounts: dict[str, _Account] = {}


def writing(store: Store) -> AbstractContextManager[object]:
    """Return the lock under which the cache and the token record change together.

    It is held for milliseconds, never across a request.
    """
    return store.lock("cache")


def accounts_in(cache: bytes | None) -> list[Account]:
    """Return whose tokens the cache holds; nobody's when it can't be read (SECURITY.md C7)."""
    try:
        known = msgspec.json.decode(cache or b"{}", type=_Cache).accounts.values()
    except msgspec.DecodeError:
        return []
    return [
        Account(a.home_account_id, a.local_account_id, a.username, a.account_source) for a in known
    ]


def choose(accounts: list[Account], pin: str, last: str) -> Account:
    """Return the account to renew: the pinned one, that of the last sign-in, or the only one.

    ``pin`` is a user name or object id; ``last`` a home account id; either may be empty.

    Raises:
        InteractionNeeded: there is none, or nothing says which of several.
    """
    if pin:
        wanted = pin.casefold()
        accounts = [
            a
            for a in accounts
            if wanted in {a.object_id.casefold(), a.username.casefold(), _home_object_id(a)}
        ]
    chosen = [a for a in accounts if a.home_account_id == last] or accounts
    if len(chosen) == 1:
        return chosen[0]
    if chosen:
        names = ", ".join(sorted(account.username for account in chosen))
        message = f"Several accounts are signed in ({names}), and none is chosen."
        raise InteractionNeeded(Problem("several_accounts", message, _SIGN_IN))
    if pin:
        message = f"{pin}, the account that the settings name, isn't signed in."
        raise InteractionNeeded(Problem("signed_out", message, _SIGN_IN))
    raise InteractionNeeded(NOBODY)


def _home_object_id(account: Account) -> str:
    """Return the object id in the home tenant; a broker's accounts have no other."""
    return account.home_account_id.partition(".")[0].casefold()


def swap(store: Store, before: bytes | None, after: bytes) -> None:
    """Store ``after`` if the cache still is ``before``; so a sign-out isn't undone (C16).

    Raises:
        CacheChanged: it is something else by now.
        StorageError: it can't be written.
    """
    with writing(store):
        if store.load(Entry.MSAL) != before:
            raise CacheChanged
        store.save(Entry.MSAL, after)


def forget(store: Store) -> list[Account]:
    """Remove everybody's tokens, and return who they were. No network.

    A renewal under way elsewhere finds its result refused by :func:`swap` (C16).

    Raises:
        StorageError: something can't be removed.
    """
    with writing(store):
        accounts = accounts_in(store.load(Entry.MSAL))
        store.delete(Entry.MSAL)
        store.delete(Entry.TOKEN)
        store.delete(Entry.RESOURCES)
        for entry in (Entry.JWKS, Entry.DISCOVERY):
            if store.storage.kind == "memory" and store.load(entry) is None:
                store.delete(entry)  # a file that another key sealed would keep the store shut
    return accounts
