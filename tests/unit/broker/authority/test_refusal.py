"""What the authority's "no" comes to."""

from __future__ import annotations

import pytest

from mcp_local.broker.authority.refusal import (
    AuthorityDown,
    Blocked,
    Declined,
    InteractionNeeded,
    WrongAccount,
    problem_of,
    refusal,
)
from mcp_local.errors import ExitCode, McpLocalError, Unreachable


@pytest.mark.parametrize(
    ("error", "suberror", "kind"),
    [
        ("invalid_grant", "", InteractionNeeded),
        ("invalid_grant", "basic_action", InteractionNeeded),
        ("invalid_grant", "additional_action", InteractionNeeded),
        ("invalid_grant", "consent_required", InteractionNeeded),
        ("invalid_grant", "user_password_expired", InteractionNeeded),
        ("invalid_grant", "bad_token", InteractionNeeded),
        ("interaction_required", "basic_action", InteractionNeeded),
        ("login_required", "", InteractionNeeded),
        ("consent_required", "", InteractionNeeded),
        ("invalid_grant", "message_only", Blocked),
        ("interaction_required", "message_only", Blocked),
        ("invalid_client", "", Blocked),
        ("unauthorized_client", "", Blocked),
        ("invalid_scope", "", Blocked),
        ("invalid_resource", "", Blocked),
        ("invalid_request", "", Blocked),
        ("something_new", "", Blocked),
        (None, "", Blocked),
        (["odd"], "", Blocked),
        ("access_denied", "", Declined),
        ("authorization_declined", "", Declined),
        ("expired_token", "", Declined),
        ("bad_verification_code", "", Declined),
        ("temporarily_unavailable", "", AuthorityDown),
        ("server_error", "", AuthorityDown),
    ],
)
def test_error_and_suberror_decide(error: object, suberror: str, kind: type[McpLocalError]) -> None:
    """Whatever the AADSTS code is: Microsoft may change those."""
    for codes in ([50196], [53003], [1]):
        answer = {"error": error, "suberror": suberror, "error_codes": codes}
        assert type(refusal(answer)) is kind


def test_an_error_of_another_type_is_blocked() -> None:
    """Odd JSON raises nothing of its own."""
    assert isinstance(refusal({"error": {"a": 1}, "suberror": ["x"]}), Blocked)


def test_the_claims_challenge_is_handed_on() -> None:
    """The sign-in that heals it needs the claims."""
    claims = '{"access_token":{"capolids":{"essential":true}}}'
    answer = {"error": "invalid_grant", "suberror": "basic_action", "claims": claims}
    needed = refusal(answer)
    assert isinstance(needed, InteractionNeeded)
    assert needed.claims == claims
    odd = refusal(answer | {"claims": {"a": 1}})
    assert isinstance(odd, InteractionNeeded)
    assert odd.claims == ""


def test_every_error_has_a_problem_for_the_state_file() -> None:
    """Those of the authority have its code, the others their own."""
    blocked = refusal(
        {"error": "invalid_grant", "suberror": "message_only", "error_codes": [53003]}
    )
    assert problem_of(blocked).code == "AADSTS53003"
    assert blocked.message == problem_of(blocked).message
    other = problem_of(Unreachable("Out of reach.", hint="Wait."))
    assert (other.code, other.message, other.hint) == ("unreachable", "Out of reach.", "Wait.")


def test_exit_codes() -> None:
    """3 asks for a sign-in, 5 for patience."""
    assert refusal({"error": "invalid_grant"}).exit_code is ExitCode.SIGN_IN_NEEDED
    assert refusal({"error": "invalid_client"}).exit_code is ExitCode.SIGN_IN_NEEDED
    assert refusal({"error": "server_error"}).exit_code is ExitCode.UNREACHABLE
    assert WrongAccount("x").exit_code is ExitCode.SIGN_IN_NEEDED
