"""The sealed record of the last verified token."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from mcp_local.broker.authority.metadata import Metadata
from mcp_local.broker.authority.refusal import WrongAccount
from mcp_local.broker.record import (
    TokenRecord,
    expectations,
    is_due,
    load_record,
    save_record,
    verify_record,
)
from mcp_local.broker.sealed import RENEW_BEFORE, renewal_time
from mcp_local.broker.state import Storage
from mcp_local.broker.storage.store import Entry, MemoryStore
from mcp_local.errors import Unreachable
from mcp_local.identity.model import Rejection, TokenRejected
from mcp_local.settings.model import Settings
from tests.support.tokens import (
    API,
    CLIENT,
    EXPECTED,
    NOW,
    OTHER_TENANT,
    PERSON,
    TENANT,
    claims_v2,
    good_key,
    issuer_v1,
    issuer_v2,
    jwks,
    next_key,
)

SETTINGS = Settings(
    home=Path("home"),
    config_file=Path("config.toml"),
    tenant=TENANT,
    client_id=CLIENT,
    audiences=(API, f"api://{API}"),
)


def make_record(**changes: object) -> TokenRecord:
    """A good record, with changes."""
    record = TokenRecord(
        token=good_key().token(claims_v2()),
        keys=jwks(good_key().jwk()).decode(),
        issuer_v1=issuer_v1(),
        issuer_v2=issuer_v2(),
        tenant_id=TENANT,
        obtained_at=NOW,
        renew_at=NOW + 3300,
        username="ada@contoso.example",
        home_account_id=f"{PERSON}.{TENANT}",
    )
    return msgspec.structs.replace(record, **changes)


@pytest.fixture
def store() -> MemoryStore:
    """A store of the test's own."""
    return MemoryStore(Storage("memory", encrypted=False, detail=""))


def test_what_is_saved_is_loaded(store: MemoryStore) -> None:
    """All of it, the token too."""
    record = make_record()
    save_record(store, record)
    assert load_record(store) == record


def test_nothing_saved(store: MemoryStore) -> None:
    """Nothing is nobody."""
    assert load_record(store) is None


@pytest.mark.parametrize("data", [b"", b"\x00", b"[]", b"{}", b"null"])
def test_nonsense_is_nobody(store: MemoryStore, data: bytes) -> None:
    """What makes no sense counts as nothing (C7)."""
    store.save(Entry.TOKEN, data)
    assert load_record(store) is None


def test_wrong_types_are_nobody(store: MemoryStore) -> None:
    """A token that is a number is none."""
    save_record(store, make_record())
    fields = msgspec.json.decode(store.load(Entry.TOKEN) or b"", type=dict[str, object])
    store.save(Entry.TOKEN, msgspec.json.encode(fields | {"token": 1}))
    assert load_record(store) is None


def test_only_a_token_is_encoded(store: MemoryStore) -> None:
    """The encoder knows no other type, so nothing slips into the record."""
    with pytest.raises(NotImplementedError):
        save_record(store, make_record(username=object()))


def test_the_record_shows_no_token() -> None:
    """Its repr may stand in a log."""
    assert make_record().token.reveal() not in repr(make_record())


def test_a_record_verifies_by_itself() -> None:
    """Token, key and issuers are all that is needed: no network, no other file."""
    verified = verify_record(make_record(), SETTINGS, NOW)
    assert verified.identity.object_id == PERSON
    assert verified.valid_until == NOW + 3660


def test_until_its_end_and_leeway() -> None:
    """Offline answers end with the token."""
    verify_record(make_record(), SETTINGS, NOW + 3659)
    with pytest.raises(TokenRejected) as caught:
        verify_record(make_record(), SETTINGS, NOW + 3660)
    assert caught.value.reason is Rejection.EXPIRED


def test_todays_settings_decide() -> None:
    """A record made under other settings isn't believed for being there."""
    changed = [
        replace(SETTINGS, audiences=("other",)),
        replace(SETTINGS, client_id="other"),
    ]
    for settings in changed:
        with pytest.raises(TokenRejected):
            verify_record(make_record(), settings, NOW)


def test_another_key_does_not_verify() -> None:
    """The token's own key must be in the record."""
    with pytest.raises(TokenRejected) as caught:
        verify_record(make_record(keys=jwks(next_key().jwk()).decode()), SETTINGS, NOW)
    assert caught.value.reason is Rejection.UNKNOWN_KEY


def test_a_record_without_keys() -> None:
    """A damaged one raises what every caller expects."""
    with pytest.raises(Unreachable):
        verify_record(make_record(keys="x"), SETTINGS, NOW)


@pytest.mark.parametrize(
    "pin", [PERSON, PERSON.upper(), "ada@contoso.example", "Ada@Contoso.EXAMPLE"]
)
def test_the_pinned_account_passes(pin: str) -> None:
    """By object id or user name, in any case."""
    verify_record(make_record(), replace(SETTINGS, account=pin), NOW)


@pytest.mark.parametrize("pin", ["eve@contoso.example", "ada", "ada@contoso.example.evil", TENANT])
def test_anybody_else_is_refused_in_plain_words(pin: str) -> None:
    """The text names both accounts and the way out."""
    with pytest.raises(WrongAccount) as caught:
        verify_record(make_record(), replace(SETTINGS, account=pin), NOW)
    assert pin in caught.value.message
    assert "ada@contoso.example" in caught.value.message
    assert "mcp-local login" in caught.value.hint


def test_the_pin_knows_the_id_tokens_name() -> None:
    """A token may carry no user name; the id token's, kept beside it, serves."""
    nameless = claims_v2()
    del nameless["preferred_username"]
    token = good_key().token(nameless)
    verify_record(make_record(token=token), replace(SETTINGS, account="ada@contoso.example"), NOW)


def test_expectations_follow_settings_and_authority() -> None:
    """Everything that a token must say has its place there."""
    authority = Metadata(issuer_v1(), issuer_v2(), "https://keys", TENANT)
    assert expectations(SETTINGS, authority) == EXPECTED
    more = expectations(
        replace(SETTINGS, tenants=(OTHER_TENANT.upper(),), token_leeway=5, allow_app_only=True),
        replace(authority, tenant_id=""),
    )
    assert more.tenants == {OTHER_TENANT}
    assert (more.leeway, more.allow_app_only) == (5, True)


def test_renewal_five_minutes_before_the_end() -> None:
    """As MSAL counts."""
    assert renewal_time(NOW, NOW + 3600) == NOW + 3600 - RENEW_BEFORE


def test_renewal_as_the_authority_advises() -> None:
    """``refresh_in`` may come earlier, never later."""
    assert renewal_time(NOW, NOW + 86400, NOW + 43200) == NOW + 43200
    assert renewal_time(NOW, NOW + 3600, NOW + 3599) == NOW + 3300


def test_short_lives_are_renewed_in_the_middle() -> None:
    """A token of four minutes isn't due at its birth, or every call would fetch one."""
    assert renewal_time(NOW, NOW + 240) == NOW + 120
    assert renewal_time(NOW, NOW - 10) == NOW - 10


def test_due_at_the_moment_and_after() -> None:
    """The edge belongs to due."""
    record = make_record(renew_at=float(NOW))
    assert not is_due(record, NOW - 0.1)
    assert is_due(record, NOW)
