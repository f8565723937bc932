"""J26, J27 of SECURITY.md: whatever is done to a token, it is refused with a name or is right.

The full counts run with `pytest -m heavy -n0 tests/properties/test_token_mutants.py`; they took
45 minutes on one core of a busy machine.
"""

from __future__ import annotations

import json
import random
import string
from typing import TYPE_CHECKING, NamedTuple, cast

import jwt
import pytest
from hypothesis import Phase, assume, given, settings, strategies as st

from mcp_local.identity.keyset import BadKeySet, parse_jwks
from tests.support.tokens import (
    API,
    CLIENT,
    EXPECTED,
    NOW,
    OTHER_TENANT,
    PERSON,
    TENANT,
    Key,
    claims_v1,
    claims_v2,
    foreign_key,
    good_key,
    issuer_v1,
    issuer_v2,
    jwks,
    next_key,
    refusal,
    to_json,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

STRANGE = "strange-key"
KEYS = parse_jwks(
    jwks(
        good_key().jwk(),
        next_key().jwk(issuer=issuer_v1()),
        foreign_key().jwk(kid=STRANGE, issuer=issuer_v2(OTHER_TENANT)),
    )
)
OWNERS = {"current-key": good_key, "next-key": next_key, STRANGE: foreign_key}

TEXTS = [
    *(API, f"api://{API}", f"api://{API}/", CLIENT, PERSON, TENANT, OTHER_TENANT, "{tenantid}"),
    *(issuer_v1(), issuer_v2(), issuer_v2(OTHER_TENANT), "1.0", "2.0", "2", "", " ", "Admin"),
    *("access_as_user", "user", "app", "00000003-0000-0000-c000-000000000000", "\U0001f600"),
    *("RS256", "HS256", "none", "JWT", "at+jwt", "current-key", "next-key", STRANGE, "../x"),
]
TIMES = [NOW, NOW + 60, NOW + 61, NOW - 60, NOW - 59, NOW + 7200, 0, 253_402_300_800]
OTHERS: list[object] = [
    *([API], ["Admin"], [], ["Task.Read", 1], {}, None, True, False, ..., "\ud800"),
    *(float(NOW + 60), str(NOW), -1, 10**20),
]
"""Values from a token's own world: nearly right, or right in another place. ``...`` is absent."""

others = st.sampled_from(OTHERS)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
claim_names = st.sampled_from([*claims_v1(), *claims_v2(), "groups", "idtyp", "acct", "nonce"])
header_names = st.sampled_from(
    ["alg", "typ", "kid", "x5t", "nonce", "jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "cty"]
)
signers = st.sampled_from([good_key, good_key, good_key, next_key, foreign_key])


@st.composite
def changed(
    draw: st.DrawFn, base: Mapping[str, object], names: st.SearchStrategy[str], most: int
) -> dict[str, object]:
    """The base with up to ``most`` changes: of the right kind as a rule, else of any."""
    result = dict(base)
    for _ in range(draw(st.integers(0, most))):
        name = draw(names)
        fitting = st.sampled_from(TIMES if name in {"exp", "nbf", "iat"} else TEXTS)
        result[name] = draw(draw(st.sampled_from([fitting, fitting, others, anything])))
    return {name: value for name, value in result.items() if value is not ...}


def texts(value: object) -> bool:
    """Whether this is a list of strings."""
    members = cast("list[object]", value) if isinstance(value, list) else [None]
    return all(isinstance(member, str) for member in members)


def believable(mutant: Mutant) -> bool:
    """SECURITY.md's rows once more, in other words than the program's."""
    header, claims, signer = mutant
    key_id = header.get("kid")
    refused = {"jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "cty", "nonce"}
    optional = ("scp", "azp", "appid", "name", "preferred_username", "upn", "unique_name", "idp")
    issuers = {"2.0": issuer_v2(), "1.0": issuer_v1()}
    version = claims.get("ver")
    times = [claims.get(name) for name in ("exp", "nbf", "iat")]
    scopes = claims.get("scp", "")
    checks = (
        header.get("alg") == "RS256" and header.get("typ") == "JWT" and not refused & set(header),
        isinstance(key_id, str) and key_id != STRANGE and OWNERS.get(key_id, dict)() is signer,
        isinstance(version, str) and claims.get("iss") == issuers.get(version, ...),
        claims.get("tid") == TENANT,
        claims.get("aud") in (API, f"api://{API}"),
        all(isinstance(name := claims.get(c), str) and name for c in ("oid", "sub", "uti")),
        all(isinstance(claims.get(name, ""), str) for name in optional),
        claims.get("azp" if version == "2.0" else "appid") == CLIENT,
        isinstance(scopes, str) and scopes.strip(" ") != "",
        claims.get("idtyp", "") in ("", "user"),
        texts(claims.get("roles", [])) and texts(claims.get("groups", [])),
        "acct" not in claims or type(claims["acct"]) is int,
        all(type(time) is int and time >= 0 for time in times),
    )
    if not all(checks):
        return False
    exp, nbf, iat = cast("list[int]", times)
    return exp <= 253_402_300_799 and exp + 60 > NOW >= max(nbf, iat) - 60


def plain(value: object) -> bool:
    """Whether JSON can say this: no NaN, no infinity, no lone surrogate."""
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:
        return False
    return True


class Mutant(NamedTuple):
    """A token that somebody signed, honestly or not."""

    header: dict[str, object]
    claims: dict[str, object]
    signer: Key


@st.composite
def mutants(draw: st.DrawFn) -> Mutant:
    """A valid token of either version with up to three changes, signed by one of three keys."""
    base = draw(st.sampled_from([claims_v1, claims_v2]))()
    signer = draw(signers)()
    header = signer.header()
    if draw(st.integers(0, 3)) == 0:
        header = draw(changed(header, header_names, most=2))
    return Mutant(header, draw(changed(base, claim_names, most=3)), signer)


def judge(mutant: Mutant) -> None:
    """Compare the verifier's word with what the rows say; any other exception is a crash."""
    token = mutant.signer.raw(to_json(mutant.header), to_json(mutant.claims))
    right = (
        len(token) <= 16 * 1024
        and plain(mutant.header)
        and plain(mutant.claims)
        and believable(mutant)
    )
    believed = refusal(token, keys=KEYS) is None
    assert believed == right
    if believed:
        ask_pyjwt(token, mutant.signer)


def ask_pyjwt(token: str, signer: Key) -> None:
    """Let PyJWT have its say, on all but the time: it raises for what it doesn't believe."""
    jwt.decode(
        token,
        signer.private.public_key(),
        algorithms=["RS256"],
        audience=sorted(EXPECTED.audiences),
        issuer=[EXPECTED.issuer_v1, EXPECTED.issuer_v2],
        options={
            "require": ["exp", "iat", "nbf", "iss", "aud", "sub"],
            "verify_exp": False,
            "verify_iat": False,
            "verify_nbf": False,
        },
    )


@settings(max_examples=400, deadline=None)
@given(mutants())
def test_j26_a_mutant_is_believed_only_if_it_is_right(mutant: Mutant) -> None:
    """J26: the verifier agrees with a second wording of its rules, and PyJWT with its yes."""
    judge(mutant)


@pytest.mark.heavy
@pytest.mark.timeout(0)
@pytest.mark.parametrize("_round", range(50))
@settings(max_examples=10_000, deadline=None, database=None, phases=[Phase.generate])
@given(mutant=mutants())
def test_j26_in_full(_round: int, mutant: Mutant) -> None:
    """J26: half a million of them."""
    judge(mutant)


VALID = good_key().compact(claims_v2())
ALPHABET = string.ascii_letters + string.digits + "-_.=+/ \n\0é\ud800"


def edited(token: str, edits: list[tuple[int, int, str]]) -> str:
    """The token with some stretches replaced: (start, length, text)."""
    for start, length, text in edits:
        place = start % (len(token) + 1)
        token = token[:place] + text + token[place + length :]
    return token


edits = st.lists(
    st.tuples(
        st.integers(0, len(VALID)), st.integers(0, 5), st.text(alphabet=ALPHABET, max_size=5)
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=400, deadline=None)
@given(edits)
def test_j27_no_edited_token_is_believed(changes: list[tuple[int, int, str]]) -> None:
    """J27: a token has one spelling; whatever is changed in it, it is refused with a name."""
    token = edited(VALID, changes)
    assert (refusal(token, keys=KEYS) is None) == (token == VALID)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=ALPHABET, max_size=200) | st.text(max_size=50))
def test_j27_no_text_is_believed(text: str) -> None:
    """J27: nor is anything that never was a token."""
    assert refusal(text, keys=KEYS) is not None


@settings(max_examples=200, deadline=None)
@given(header=st.binary(max_size=60), payload=st.binary(max_size=60))
def test_j27_no_signed_bytes_are_believed(header: bytes, payload: bytes) -> None:
    """J27: not even if the authority's own key signed them, in either place."""
    honest = to_json(good_key().header())
    assert refusal(good_key().raw(header, to_json(claims_v2())), keys=KEYS) is not None
    assert refusal(good_key().raw(honest, payload), keys=KEYS) is not None


@pytest.mark.heavy
@pytest.mark.timeout(0)
@pytest.mark.parametrize("seed", range(10))
def test_j27_in_full(seed: int) -> None:
    """J27: ten million edited tokens."""
    dice = random.Random(seed)  # noqa: S311 - repeatable on purpose
    for _ in range(1_000_000):
        changes = [
            (
                dice.randrange(len(VALID)),
                dice.randrange(4),
                "".join(dice.choices(ALPHABET, k=dice.randrange(4))),
            )
            for _ in range(dice.randint(1, 3))
        ]
        token = edited(VALID, changes)
        assert (refusal(token, keys=KEYS) is None) == (token == VALID), (seed, changes)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(anything | changed(good_key().jwk(), st.sampled_from(list(good_key().jwk())), most=3))
)
def test_j7_a_sound_key_survives_its_neighbours(entries: list[object]) -> None:
    """J7: whatever else stands in a set, its sound key is found, and written again."""
    assume(plain(entries))
    keys = parse_jwks(jwks(*entries, good_key().jwk(kid="sound-key")))
    assert keys.find("sound-key")
    assert parse_jwks(keys.to_bytes()) == keys


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_j22_bytes_are_a_key_set_or_none(data: bytes) -> None:
    """J22: what isn't a set is refused as such, and nothing else happens."""
    try:
        keys = parse_jwks(data)
    except BadKeySet:
        return
    assert b"keys" in data
    assert parse_jwks(keys.to_bytes()) == keys
