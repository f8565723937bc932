"""MSAL's cache as a sealed entry that changes hands between processes."""

from __future__ import annotations

import json

import pytest

from mcp_local.broker.authority.flows import Account
from mcp_local.broker.authority.msal_cache import CacheChanged, accounts_in, choose, forget, swap
from mcp_local.broker.authority.refusal import InteractionNeeded
from mcp_local.broker.state import Storage
from mcp_local.broker.storage.store import Entry, MemoryStore

ADA = Account("a.t", "aaaa", "ada@contoso.example")
BOB = Account("b.t", "bbbb", "bob@contoso.example")


def cache_of(*accounts: Account) -> bytes:
    """MSAL's cache as it looks with these accounts."""
    entries = {
        account.home_account_id: {
            "home_account_id": account.home_account_id,
            "local_account_id": account.object_id,
            "username": account.username,
            "environment": "localhost",
            "realm": "t",
        }
        for account in accounts
    }
    return json.dumps({"AccessToken": {}, "Account": entries}).encode()


@pytest.fixture
def store() -> MemoryStore:
    """A store of the test's own."""
    return MemoryStore(Storage("memory", encrypted=False, detail=""))


def test_accounts_are_read_without_msal() -> None:
    """From the unified schema."""
    assert accounts_in(cache_of(ADA, BOB)) == [ADA, BOB]


@pytest.mark.parametrize(
    "data", [None, b"", b"\xff", b"[]", b'{"Account": []}', b'{"Account": {"x": {}}}', b"{}"]
)
def test_nonsense_holds_nobody(data: bytes | None) -> None:
    """One prompt, no traceback (C7)."""
    assert accounts_in(data) == []


def test_the_only_account_is_chosen() -> None:
    """There is nothing to choose."""
    assert choose([ADA], "", "") == ADA
    assert choose([ADA], "", "gone.t") == ADA


def test_of_several_the_last_to_sign_in_is_chosen() -> None:
    """The record of the last token says who."""
    assert choose([ADA, BOB], "", "b.t") == BOB


@pytest.mark.parametrize("pin", ["BBBB", "Bob@contoso.example"])
def test_the_pin_comes_first(pin: str) -> None:
    """Whoever signed in last."""
    assert choose([ADA, BOB], pin, "a.t") == BOB


def test_several_and_no_word_which() -> None:
    """Nobody is picked silently; the person is asked."""
    with pytest.raises(InteractionNeeded, match=r"ada@contoso\.example, bob@contoso\.example"):
        choose([BOB, ADA], "", "")


def test_the_pinned_account_is_not_there() -> None:
    """Another account is no substitute."""
    with pytest.raises(InteractionNeeded, match=r"bob@contoso\.example.*isn't signed in"):
        choose([ADA], "bob@contoso.example", "a.t")


def test_nobody_there() -> None:
    """Plain words and the next command."""
    with pytest.raises(InteractionNeeded, match="Nobody is signed in") as caught:
        choose([], "", "")
    assert "mcp-local login" in caught.value.hint


def test_a_swap_needs_what_it_began_with(store: MemoryStore) -> None:
    """Between a sign-out and a renewal the sign-out wins (C16)."""
    store.save(Entry.MSAL, b"old")
    swap(store, b"old", b"new")
    assert store.load(Entry.MSAL) == b"new"
    with pytest.raises(CacheChanged):
        swap(store, b"old", b"newer")
    store.delete(Entry.MSAL)
    with pytest.raises(CacheChanged):
        swap(store, b"new", b"newer")
    assert store.load(Entry.MSAL) is None


def test_forgetting_leaves_no_token(store: MemoryStore) -> None:
    """Cache and record go; the authority's public keys may stay."""
    store.save(Entry.MSAL, cache_of(ADA))
    store.save(Entry.TOKEN, b"record")
    store.save(Entry.JWKS, b"keys")
    assert forget(store) == [ADA]
    assert store.load(Entry.MSAL) is None
    assert store.load(Entry.TOKEN) is None
    assert store.load(Entry.JWKS) == b"keys"
    assert forget(store) == []
