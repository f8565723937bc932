"""Seals: what was changed, cut, swapped, or sealed with another key is refused."""

from __future__ import annotations

import pytest

from mcp_local.broker.storage.seal import Seal, SealBroken, SealedByOther

KEY = bytes(range(32))
OTHER = bytes(32)
HEADER = 25
KEY_ID = range(5, 13)


def test_what_was_sealed_is_opened_again() -> None:
    """Any bytes come back, also none, also by a later process with the same key."""
    for plaintext in (b"", b"x", bytes(range(256)) * 300):
        assert Seal(KEY).open("p/token", Seal(KEY).seal("p/token", plaintext)) == plaintext


def test_the_content_is_hidden_and_no_two_seals_are_equal() -> None:
    """The same bytes twice give different seals, and neither shows the bytes (C14)."""
    seal = Seal(KEY)
    one, two = (seal.seal("p/token", b"canary-in-the-coal-mine") for _ in range(2))
    assert one != two
    assert b"canary" not in one + two


def test_any_flipped_bit_is_noticed() -> None:
    """Every single bit counts: header, key id, nonce, content, tag (C8)."""
    seal = Seal(KEY)
    sealed = seal.seal("p/token", b"content")
    for index in range(len(sealed)):
        expected = SealedByOther if index in KEY_ID else SealBroken
        for bit in range(8):
            changed = bytearray(sealed)
            changed[index] ^= 1 << bit
            with pytest.raises(expected):
                seal.open("p/token", bytes(changed))


def test_any_cut_or_added_byte_is_noticed() -> None:
    """No prefix is a seal, nor is anything with a byte more (C7, C8)."""
    seal = Seal(KEY)
    sealed = seal.seal("p/token", b"content")
    for length in range(len(sealed)):
        with pytest.raises(SealBroken):
            seal.open("p/token", sealed[:length])
    with pytest.raises(SealBroken):
        seal.open("p/token", sealed + b"\0")


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"garbage" * 20, b"MCPL", b"MCPL\x02" * 20])
def test_what_is_no_seal_is_refused(data: bytes) -> None:
    """Anything else on the disk is refused without a traceback of the library (C7)."""
    with pytest.raises(SealBroken):
        Seal(KEY).open("p/token", data)


@pytest.mark.parametrize("purpose", ["p/jwks", "q/token", "token", "", "p/token "])
def test_a_seal_is_bound_to_its_purpose(purpose: str) -> None:
    """A file put in another's place, or taken from another profile, is refused (C8)."""
    sealed = Seal(KEY).seal("p/token", b"content")
    with pytest.raises(SealBroken):
        Seal(KEY).open(purpose, sealed)


def test_another_key_is_told_from_damage() -> None:
    """A seal in good order of another key isn't called broken; it can't be opened either (C14)."""
    sealed = Seal(OTHER).seal("p/token", b"content")
    with pytest.raises(SealedByOther):
        Seal(KEY).open("p/token", sealed)


def test_a_forged_key_id_opens_nothing() -> None:
    """Who writes our key's id over another's seal gains nothing: the id is bound."""
    forged = bytearray(Seal(OTHER).seal("p/token", b"content"))
    forged[5:13] = Seal(KEY).key_id
    with pytest.raises(SealBroken):
        Seal(KEY).open("p/token", bytes(forged))


def test_a_seal_shows_no_key() -> None:
    """Neither repr nor the header holds a part of the key."""
    seal = Seal(KEY)
    assert repr(seal) == f"Seal(key_id={seal.key_id.hex()})"
    header = seal.seal("p", b"")[:HEADER]
    assert not any(KEY[i : i + 4] in header for i in range(len(KEY) - 3))


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    """AES-128 by accident is not AES-256."""
    with pytest.raises(ValueError, match="32 bytes"):
        Seal(bytes(length))
