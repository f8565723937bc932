"""What a token says: SECURITY.md J9 to J12, J15, J16, J25."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcp_local.identity.model import Rejection, TokenRejected
from mcp_local.identity.verify import verify
from tests.support.tokens import (
    API,
    CLIENT,
    EXPECTED,
    NOW,
    PERSON,
    claims_v1,
    claims_v2,
    good_key,
    good_keys,
    issuer_v1,
    refusal,
    to_json,
    without,
)

GRAPH = "00000003-0000-0000-c000-000000000000"


def refused(**changes: object) -> Rejection | None:
    """Why a v2.0 token with these changes is refused."""
    return refusal(good_key().token(claims_v2(**changes)))


def rejected(claims: dict[str, object], **header: object) -> TokenRejected:
    """The error that such a token makes."""
    with pytest.raises(TokenRejected) as caught:
        verify(good_key().token(claims, **header), good_keys(), EXPECTED, NOW)
    return caught.value


def test_j9_a_graph_token_is_told_by_its_nonce() -> None:
    """J9: the header's nonce gives it away before the signature, and the hint names the scope."""
    graph = claims_v1(aud=GRAPH, scp="User.Read profile openid email")
    error = rejected(graph, nonce="abc")
    assert error.reason is Rejection.GRAPH_TOKEN
    assert "User.Read profile openid email" in error.hint
    assert "MCP_LOCAL_SCOPES" in error.hint


@pytest.mark.parametrize(
    "audience", [GRAPH, "https://graph.microsoft.com", "https://graph.microsoft.com/"]
)
def test_j9_a_graph_token_is_told_by_its_audience(audience: str) -> None:
    """J9: so does Graph's own audience where there is no nonce."""
    error = rejected(claims_v2(aud=audience, scp="Mail.Read"))
    assert error.reason is Rejection.GRAPH_TOKEN
    assert "'Mail.Read'" in error.hint


@pytest.mark.parametrize("scope", [None, 7, ["User.Read"]], ids=repr)
def test_j9_a_graph_token_without_scopes_is_refused_all_the_same(scope: object) -> None:
    """J9: the hint does without a scope that isn't there."""
    error = rejected(claims_v2(scp=scope), nonce="abc")
    assert error.reason is Rejection.GRAPH_TOKEN
    assert error.hint.startswith("The scope asked for belongs")


def test_j9_a_hint_shows_no_control_characters() -> None:
    """J9: the scope in the hint isn't verified, so it is escaped and cut."""
    error = rejected(claims_v2(scp="\x1b[2J\u202eé" + "x" * 500), nonce="abc")
    assert error.hint.isascii()
    assert error.hint.isprintable()
    assert len(error.hint) < 400


def test_j9_a_graph_token_that_cannot_be_read_is_malformed() -> None:
    """J9: a nonce over a broken payload is refused for the payload."""
    header = to_json(good_key().header(nonce="abc"))
    assert refusal(good_key().raw(header, b"[]")) is Rejection.MALFORMED


@pytest.mark.parametrize(
    "audience",
    [
        "00000002-0000-0000-c000-000000000000",
        API.upper(),
        API[:-1],
        f"{API} ",
        f"{API}/",
        f"api://{API}/",
        f"API://{API}",
        f"https://{API}",
        f"{API},{API}",
        "*",
    ],
)
def test_j10_only_the_exact_audience_is_accepted(audience: str) -> None:
    """J10: another API, a part, a slash or another case is another audience."""
    assert refused(aud=audience) is Rejection.AUDIENCE


@pytest.mark.parametrize("audience", [[API], [API, GRAPH], [], None, 0, {}, ""], ids=repr)
def test_j10_the_audience_is_one_string(audience: object) -> None:
    """J10: a list is refused even when it holds the right value."""
    assert refused(aud=audience) is Rejection.CLAIM_TYPE


def test_j10_each_configured_audience_is_accepted() -> None:
    """J10: the GUID and the App ID URI, in either version, when both are configured."""
    for audience in (API, f"api://{API}"):
        assert refused(aud=audience) is None
        assert refusal(good_key().token(claims_v1(aud=audience))) is None


def test_j10_no_configured_audience_accepts_nothing() -> None:
    """An empty rule refuses."""
    nobody = replace(EXPECTED, audiences=frozenset())
    assert refusal(good_key().token(claims_v2()), expected=nobody) is Rejection.AUDIENCE


@pytest.mark.parametrize("scope", [None, "", " ", "   "], ids=repr)
def test_j11_a_token_without_a_scope_is_refused(scope: str | None) -> None:
    """J11: an ID token, put in place of an access token, has no scope."""
    claims = without(claims_v2(nonce="n"), "scp") if scope is None else claims_v2(scp=scope)
    assert refusal(good_key().token(claims)) is Rejection.NO_SCOPE


@pytest.mark.parametrize("allowed", [False, True])
def test_j11_an_id_token_is_refused_even_where_apps_are_allowed(allowed: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """J11: allowing apps opens no door for ID tokens."""
    expected = replace(EXPECTED, allow_app_only=allowed)
    token = good_key().token(without(claims_v2(), "scp"))
    assert refusal(token, expected=expected) is Rejection.NO_SCOPE


APP_ONLY = {
    "idtyp": without(claims_v2(idtyp="app"), "scp"),
    "oid is sub": without(claims_v2(sub=PERSON), "scp"),
    "idtyp beside a scope": claims_v2(idtyp="app"),
    "v1.0": without(claims_v1(sub=PERSON), "scp"),
}


@pytest.mark.parametrize("kind", APP_ONLY)
def test_j12_an_app_only_token_is_refused_unless_allowed(kind: str) -> None:
    """J12: no person stands behind it; the settings may allow it, and the identity says so."""
    token = good_key().token(APP_ONLY[kind])
    assert refusal(token) is Rejection.APP_ONLY
    allowed = replace(EXPECTED, allow_app_only=True)
    assert verify(token, good_keys(), allowed, NOW).identity.app_only


def test_j12_a_person_is_no_app() -> None:
    """J12: ``idtyp=user`` without a scope stays an ID token, whatever its ``sub``."""
    claims = without(claims_v2(idtyp="user", sub=PERSON), "scp")
    assert refusal(good_key().token(claims)) is Rejection.NO_SCOPE
    assert refused(idtyp="user") is None


def test_j12_who_has_a_scope_is_a_person() -> None:
    """Whatever ``sub`` is called, where ``idtyp`` says nothing."""
    assert refused(sub=PERSON) is None
    token = good_key().token(claims_v2(sub=PERSON))
    assert not verify(token, good_keys(), EXPECTED, NOW).identity.app_only


@pytest.mark.parametrize("kind", ["device", "App", 1, None], ids=repr)
def test_j12_idtyp_is_a_closed_set(kind: object) -> None:
    """J12: a kind of token that isn't known isn't accepted."""
    assert refused(idtyp=kind) is Rejection.CLAIM_TYPE


@pytest.mark.parametrize("client", ["", CLIENT.upper(), API, "another"])
def test_a_token_for_another_app_is_refused(client: str) -> None:
    """Only tokens that our own client asked for are believed."""
    assert refused(azp=client) is Rejection.CLIENT
    assert refusal(good_key().token(claims_v1(appid=client))) is Rejection.CLIENT


def test_the_client_claim_of_the_other_version_does_not_count() -> None:
    """``azp`` counts in v2.0 and ``appid`` in v1.0, not the one in place of the other."""
    v2 = without(claims_v2(appid=CLIENT), "azp")
    v1 = without(claims_v1(azp=CLIENT), "appid")
    assert refusal(good_key().token(v2)) is Rejection.CLIENT
    assert refusal(good_key().token(v1)) is Rejection.CLIENT


def test_an_empty_client_never_matches() -> None:
    """Not even when the settings hold an empty client id."""
    token = good_key().token(without(claims_v2(), "azp"))
    expected = replace(EXPECTED, clients=frozenset({""}))
    assert refusal(token, expected=expected) is Rejection.CLIENT


WRONG_TIMES: dict[str, object] = {
    "string": str(NOW),
    "bool": True,
    "float": float(NOW + 60),
    "fraction": NOW + 0.5,
    "null": None,
    "list": [NOW],
    "object": {},
    "negative": -1,
    "beyond year 9999": 253_402_300_800,
    "4,000 digits": 10**4000,
}


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("kind", WRONG_TIMES)
def test_j15_times_are_integers(claim: str, kind: str) -> None:
    """J15: nothing but a sensible integer is a time."""
    assert refused(**{claim: WRONG_TIMES[kind]}) is Rejection.CLAIM_TYPE


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000, "01", "+1"]
)
def test_j15_what_is_no_json_number_is_no_time(claim: str, number: str) -> None:
    """J15: numbers that JSON doesn't have, or that no integer holds, are refused when read."""
    payload = to_json(claims_v2(**{claim: "HERE"})).replace(b'"HERE"', number.encode())
    token = good_key().raw(to_json(good_key().header()), payload)
    assert refusal(token) is Rejection.MALFORMED


@pytest.mark.parametrize(
    "claim", ["aud", "iss", "tid", "oid", "sub", "uti", "ver", "exp", "nbf", "iat"]
)
def test_j15_a_required_claim_must_be_there(claim: str) -> None:
    """J15: absent is refused, and the message names what is absent."""
    error = rejected(without(claims_v2(), claim))
    assert error.reason is Rejection.CLAIM_MISSING
    assert claim in error.message


@pytest.mark.parametrize("claim", ["aud", "iss", "tid", "oid", "sub", "uti", "ver"])
@pytest.mark.parametrize("value", ["", 1, None, True, ["x"], {}], ids=repr)
def test_required_texts_are_texts_and_not_empty(claim: str, value: object) -> None:
    """Every claim that must be there is a string with something in it."""
    assert refused(**{claim: value}) is Rejection.CLAIM_TYPE


@pytest.mark.parametrize(
    "claim", ["azp", "appid", "scp", "name", "preferred_username", "upn", "unique_name", "idp"]
)
@pytest.mark.parametrize("value", [1, None, True, ["x"], {}], ids=repr)
def test_optional_texts_are_texts(claim: str, value: object) -> None:
    """A claim that may be absent has its type when it is there."""
    assert refused(**{claim: value}) is Rejection.CLAIM_TYPE


@pytest.mark.parametrize("value", ["1", True, None, [1]], ids=repr)
def test_acct_is_an_integer(value: object) -> None:
    """The account's kind is 0 or 1."""
    assert refused(acct=value) is Rejection.CLAIM_TYPE


@pytest.mark.parametrize("leeway", [0, 60, 300])
def test_j15_leeway_edges(leeway: int) -> None:
    """J15: valid in the last moment of the leeway, refused when it is up, at both ends."""
    token = good_key().token(claims_v2(exp=NOW + 100, nbf=NOW, iat=NOW))
    expected = replace(EXPECTED, leeway=leeway)
    end, start = NOW + 100 + leeway, NOW - leeway
    assert refusal(token, expected=expected, now=end - 0.001) is None
    assert refusal(token, expected=expected, now=end) is Rejection.EXPIRED
    assert refusal(token, expected=expected, now=start) is None
    assert refusal(token, expected=expected, now=start - 0.001) is Rejection.NOT_YET_VALID


@pytest.mark.parametrize("claim", ["nbf", "iat"])
def test_j15_neither_start_nor_issue_lies_in_the_future(claim: str) -> None:
    """J15: each of the two is looked at."""
    assert refused(**{claim: NOW + 61}) is Rejection.NOT_YET_VALID
    assert refused(**{claim: NOW + 60}) is None


@pytest.mark.parametrize("jump", [-7200, 7200])
def test_j25_a_jumping_clock_never_carries_a_token_past_its_end(jump: int) -> None:
    """J25: whatever the clock did before, the time that counts is the one handed in."""
    token = good_key().token(claims_v2())
    believed = verify(token, good_keys(), EXPECTED, NOW)
    assert believed.valid_until == NOW + 3600 + 60
    assert refusal(token, now=NOW + jump) in {Rejection.EXPIRED, Rejection.NOT_YET_VALID}
    assert refusal(token, now=believed.valid_until) is Rejection.EXPIRED


def test_expired_means_that_nothing_else_is_wrong() -> None:
    """A token for another API says so even when it has expired."""
    late = NOW + 10_000
    assert refusal(good_key().token(claims_v2()), now=late) is Rejection.EXPIRED
    assert refusal(good_key().token(claims_v2(aud="x")), now=late) is Rejection.AUDIENCE
    assert refusal(good_key().token(claims_v2(azp="x")), now=late) is Rejection.CLIENT


@pytest.mark.parametrize("claim", ["roles", "groups"])
@pytest.mark.parametrize(
    "value",
    ["Admin", "", 1, None, True, {"Admin": 1}, ["Task.Read", 1], [["Admin"]], [None]],
    ids=repr,
)
def test_j16_roles_and_groups_are_lists_of_strings(claim: str, value: object) -> None:
    """J16: a string isn't a list of roles, so no substring of it is one."""
    assert refused(**{claim: value}) is Rejection.CLAIM_TYPE


@pytest.mark.parametrize("role", ["\ud800", "Admin\udc00", "\ud800\ud800"], ids=ascii)
def test_j16_a_role_that_is_no_text_is_refused(role: str) -> None:
    """J16: a lone surrogate can't be written to a log, let alone be compared."""
    assert refused(roles=[role]) is Rejection.MALFORMED


def test_j16_roles_are_taken_as_they_stand() -> None:
    """J16: homoglyphs, case, blanks and zero-width characters make other roles, not Admin."""
    roles = ["Аdmin", "admin", "Admin ", "Ad\u200bmin", "Ａｄｍｉｎ", "*", ""]  # noqa: RUF001 - on purpose
    believed = verify(good_key().token(claims_v2(roles=roles)), good_keys(), EXPECTED, NOW)
    assert believed.identity.roles == frozenset(roles)
    assert "Admin" not in believed.identity.roles


def test_j16_ten_thousand_roles_are_too_large() -> None:
    """J16: no authority makes such a token; the gate refuses it unread."""
    roles = [f"Role.{number}" for number in range(10_000)]
    assert refused(roles=roles) is Rejection.TOO_LARGE


def test_j16_no_roles_is_no_error() -> None:
    """J16: a person without roles is a person all the same."""
    token = good_key().token(without(claims_v2(), "roles"))
    assert verify(token, good_keys(), EXPECTED, NOW).identity.roles == frozenset()


def test_groups_left_out_for_their_number_are_no_groups() -> None:
    """Over 200 groups, Entra sends a reference in place of the list: nothing is granted by it."""
    overage = {
        "_claim_names": {"groups": "src1"},
        "_claim_sources": {"src1": {"endpoint": "https://graph.microsoft.com/v1.0/x"}},
    }
    believed = verify(good_key().token(claims_v2(**overage)), good_keys(), EXPECTED, NOW)
    assert believed.identity.groups == frozenset()


@pytest.mark.parametrize(
    ("scope", "scopes"),
    [
        ("a", {"a"}),
        ("a b", {"a", "b"}),
        (" a  b ", {"a", "b"}),
        ("a\u2003b", {"a\u2003b"}),
        ("a\tb", {"a\tb"}),
    ],
)
def test_scopes_are_parted_by_spaces_only(scope: str, scopes: set[str]) -> None:
    """RFC 6749 §3.3: no other blank parts two scopes."""
    believed = verify(good_key().token(claims_v2(scp=scope)), good_keys(), EXPECTED, NOW)
    assert believed.identity.scopes == scopes


@pytest.mark.parametrize(
    ("claims", "guest"),
    [
        ({}, False),
        ({"acct": 0}, False),
        ({"acct": 1}, True),
        ({"acct": 0, "idp": "live.com"}, False),
        ({"idp": "live.com"}, True),
        ({"idp": issuer_v1("99999999-8888-4777-8666-55555555abcd")}, True),
        ({"idp": issuer_v1()}, False),
    ],
    ids=repr,
)
def test_guests_are_told_by_acct_or_home(claims: dict[str, object], guest: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """``acct`` says it where the app registration asks for it; else the home tenant in ``idp``."""
    believed = verify(good_key().token(claims_v2(**claims)), good_keys(), EXPECTED, NOW)
    assert believed.identity.guest is guest


@pytest.mark.parametrize(
    ("names", "username"),
    [
        ({"preferred_username": "p", "upn": "u", "unique_name": "n"}, "p"),
        ({"preferred_username": "", "upn": "u", "unique_name": "n"}, "u"),
        ({"preferred_username": "", "unique_name": "n"}, "n"),
        ({"preferred_username": ""}, ""),
    ],
    ids=["v2.0", "upn", "v1.0", "none"],
)
def test_a_user_name_is_taken_where_there_is_one(names: dict[str, object], username: str) -> None:
    """Names differ by version and account; they are for display only."""
    believed = verify(good_key().token(claims_v2(**names)), good_keys(), EXPECTED, NOW)
    assert believed.identity.username == username
