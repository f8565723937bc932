"""The verifier as a whole: what it hands out, and what it doesn't do."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from mcp_local.errors import ExitCode
from mcp_local.identity.keyset import KeySet
from mcp_local.identity.model import Identity, Rejection, TokenRejected
from mcp_local.identity.verify import decode_unverified, key_id, verify
from mcp_local.secret import Secret
from tests.support.tokens import (
    API,
    CLIENT,
    EXPECTED,
    NOW,
    PERSON,
    TENANT,
    claims_v1,
    claims_v2,
    foreign_key,
    good_key,
    good_keys,
    refusal,
)

if TYPE_CHECKING:
    from collections.abc import MutableMapping


def test_a_v2_token_becomes_an_identity() -> None:
    """Everything that decides comes from the claims of ENTRA.md 3."""
    token = good_key().token(claims_v2(groups=["g1", "g2"], scp="access_as_user other"))
    believed = verify(token, good_keys(), EXPECTED, NOW)
    assert believed.identity == Identity(
        tenant_id=TENANT,
        object_id=PERSON,
        roles=frozenset({"Task.Read", "Task.Write"}),
        scopes=frozenset({"access_as_user", "other"}),
        groups=frozenset({"g1", "g2"}),
        client_id=CLIENT,
        issued_at=NOW - 300,
        expires_at=NOW + 3600,
        name="Ada Lovelace",
        username="ada@contoso.example",
    )
    assert believed.identity.key == (TENANT, PERSON)
    assert believed.token is token
    assert believed.valid_until == NOW + 3600 + EXPECTED.leeway
    assert dict(believed.claims) == claims_v2(groups=["g1", "g2"], scp="access_as_user other")


def test_a_v1_token_becomes_the_same_identity() -> None:
    """Which version the API asks for changes the names of claims, not the person."""
    v1 = verify(good_key().token(claims_v1()), good_keys(), EXPECTED, NOW).identity
    v2 = verify(good_key().token(claims_v2()), good_keys(), EXPECTED, NOW).identity
    assert (v1.key, v1.roles, v1.scopes, v1.client_id) == (
        v2.key,
        v2.roles,
        v2.scopes,
        v2.client_id,
    )
    assert v1.username == "ada@contoso"


def test_claims_are_read_only() -> None:
    """Nobody gives themselves a role after the verification."""
    believed = verify(good_key().token(claims_v2()), good_keys(), EXPECTED, NOW)
    with pytest.raises(TypeError):
        cast("MutableMapping[str, object]", believed.claims)["roles"] = ["Admin"]


def test_a_verified_token_does_not_show_the_token() -> None:
    """Neither the result nor its parts print what must not be seen."""
    token = good_key().token(claims_v2())
    believed = verify(token, good_keys(), EXPECTED, NOW)
    assert token.reveal()[-40:] not in repr(believed)


def test_the_payload_is_not_read_before_the_signature_holds() -> None:
    """A forged token is refused for its signature, whatever nonsense it says."""
    assert refusal(foreign_key().token({"aud": 1})) is Rejection.SIGNATURE
    assert refusal(foreign_key().raw(b'{"typ":"JWT","alg":"RS256","kid":"current-key"}', b"{")) is (
        Rejection.SIGNATURE
    )


@pytest.mark.parametrize("payload", [b"[]", b"null", b"1", b"{", b"\xff", b'{"n":NaN}'], ids=repr)
def test_a_signed_payload_that_is_no_object_is_malformed(payload: bytes) -> None:
    """What an authority would never sign is refused all the same."""
    header = b'{"typ":"JWT","alg":"RS256","kid":"current-key"}'
    assert refusal(good_key().raw(header, payload)) is Rejection.MALFORMED


def test_no_keys_believe_nothing() -> None:
    """An empty set refuses."""
    with pytest.raises(TokenRejected) as caught:
        verify(good_key().token(claims_v2()), KeySet({}), EXPECTED, NOW)
    assert caught.value.reason is Rejection.UNKNOWN_KEY


def test_a_rejection_sends_the_person_to_sign_in() -> None:
    """Every refusal has the exit code of a needed sign-in, and a name for scripts."""
    with pytest.raises(TokenRejected) as caught:
        verify(good_key().token(claims_v2(aud="other")), good_keys(), EXPECTED, NOW)
    assert caught.value.exit_code is ExitCode.SIGN_IN_NEEDED
    assert caught.value.code == "token_rejected"
    assert "'other'" in caught.value.message
    assert "mcp-local settings show" in caught.value.hint


def test_the_key_id_is_read_through_the_gate() -> None:
    """The id with which keys are looked up is judged before it is used."""
    assert key_id(good_key().token(claims_v2())) == "current-key"
    with pytest.raises(TokenRejected) as caught:
        key_id(good_key().token(claims_v2(), kid="../key"))
    assert caught.value.reason is Rejection.HEADER


def test_decode_unverified_reads_what_nobody_vouches_for() -> None:
    """For error texts only: a forged token is read like any other."""
    header, claims = decode_unverified(foreign_key().token(claims_v2(), alg="HS256"))
    assert header["alg"] == "HS256"
    assert claims["aud"] == API
    with pytest.raises(TokenRejected) as caught:
        decode_unverified(Secret("not a token"))
    assert caught.value.reason is Rejection.MALFORMED
