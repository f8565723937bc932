"""The state machine of sign-in and renewal."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from mcp_local.broker import transitions
from mcp_local.broker.authority.refusal import (
    AuthorityDown,
    Blocked,
    ClockOff,
    Declined,
    InteractionNeeded,
    WrongAccount,
)
from mcp_local.broker.state import Phase, Problem, SignInState
from mcp_local.broker.transitions import WAITING
from mcp_local.errors import McpLocalError, StorageError, Unreachable
from mcp_local.identity.model import Rejection, TokenRejected

NOW = 1_800_000_000.0
PROBLEM = Problem("code", "message", "hint")
BROWSER = transitions.waiting_for_browser(
    SignInState(program="Cursor"),
    now=NOW,
    deadline=NOW + 300,
    start_url="http://localhost:1/start/x",
)
DEVICE = transitions.waiting_for_device_code(
    SignInState(), now=NOW, deadline=NOW + 300, user_code="ABC", verification_uri="https://x"
)
ERRORS = (
    (Blocked(PROBLEM), Phase.BLOCKED),
    (TokenRejected(Rejection.AUDIENCE, "no"), Phase.BLOCKED),
    (InteractionNeeded(PROBLEM), Phase.NEEDS_YOU),
    (WrongAccount("no"), Phase.NEEDS_YOU),
    (InteractionNeeded(Problem("signed_out", "no")), Phase.SIGNED_OUT),
    (Declined(PROBLEM), Phase.SIGNED_OUT),
    (Unreachable("no"), Phase.SIGNED_OUT),
    (StorageError("no"), Phase.SIGNED_OUT),
)
_states = st.builds(
    SignInState,
    phase=st.sampled_from(Phase),
    start_url=st.sampled_from(["", "http://localhost:1/start/x"]),
    user_code=st.sampled_from(["", "ABC"]),
    last_prompt=st.floats(0, NOW),
    retry_after=st.floats(0, NOW + 100),
    faults=st.integers(0, 100),
    claims=st.sampled_from(["", "{}"]),
)


def test_waiting_says_where_the_person_goes_on() -> None:
    """Address or code stand in the state as long as they are good, and the time limit with them."""
    assert (BROWSER.phase, BROWSER.start_url) == (
        Phase.WAITING_FOR_BROWSER,
        "http://localhost:1/start/x",
    )
    assert (DEVICE.phase, DEVICE.user_code, DEVICE.verification_uri) == (
        Phase.WAITING_FOR_DEVICE_CODE,
        "ABC",
        "https://x",
    )
    for state in (BROWSER, DEVICE):
        assert (state.since, state.deadline, state.last_prompt) == (NOW, NOW + 300, NOW)
    assert BROWSER.program == ""  # that was where to go back to after an earlier sign-in


@pytest.mark.parametrize("state", [BROWSER, DEVICE])
@pytest.mark.parametrize(("error", "phase"), ERRORS)
def test_failure_says_why_and_who_can_act(
    state: SignInState, error: McpLocalError, phase: Phase
) -> None:
    """Each kind of error has its phase; the prompt stays counted, so that nobody is nagged."""
    after = transitions.failed(state, now=NOW + 9, error=error)
    assert after.phase is phase
    assert after.problem is not None
    assert after.problem.message in {"no", "message"}
    assert (after.start_url, after.user_code, after.deadline) == ("", "", 0.0)
    assert after.last_prompt == NOW


def test_success_clears_everything() -> None:
    """Limits, faults, claims and problems end with a sign-in."""
    before = replace(BROWSER, claims="{}", faults=3, retry_after=NOW + 50, problem=PROBLEM)
    after = transitions.signed_in(before, now=NOW, account="a@example")
    assert after == SignInState(phase=Phase.SIGNED_IN, since=NOW, account="a@example")


def test_claims_are_kept_until_they_are_met() -> None:
    """The challenge of a refusal survives a declined and an interrupted prompt."""
    asked = transitions.failed(
        SignInState(), now=NOW, error=InteractionNeeded(PROBLEM, claims='{"a":1}')
    )
    assert asked.claims == '{"a":1}'
    waiting = transitions.waiting_for_browser(asked, now=NOW, deadline=NOW, start_url="x")
    assert waiting.claims == '{"a":1}'
    assert transitions.failed(waiting, now=NOW, error=Declined(PROBLEM)).claims == '{"a":1}'
    assert transitions.interrupted(waiting, now=NOW).claims == '{"a":1}'
    assert transitions.signed_in(waiting, now=NOW, account="").claims == ""


def test_interruption_is_no_prompt() -> None:
    """Who was interrupted may be asked again at once; who wasn't waiting isn't touched."""
    after = transitions.interrupted(BROWSER, now=NOW)
    assert (after.phase, after.last_prompt, after.start_url) == (Phase.INTERRUPTED, 0.0, "")
    assert after.problem is not None
    for phase in set(Phase) - WAITING:
        state = SignInState(phase=phase, last_prompt=5.0)
        assert transitions.interrupted(state, now=NOW) is state


def test_person_stops_the_sign_in() -> None:
    """The state says so, and the prompt counts as unanswered."""
    after = transitions.stopped(DEVICE, now=NOW)
    assert (after.phase, after.user_code, after.last_prompt) == (Phase.SIGNED_OUT, "", NOW)


def test_back_off_doubles_up_to_five_minutes() -> None:
    """Each renewal that finds nobody makes the next one later; what the authority asks counts."""
    state = SignInState(phase=Phase.SIGNED_IN)
    waits: list[float] = []
    for _ in range(9):
        state = transitions.not_renewed(state, now=NOW, error=Unreachable("no"))
        waits.append(state.retry_after - NOW)
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    assert (state.phase, state.faults) == (Phase.SIGNED_IN, 9)
    busy = transitions.not_renewed(
        SignInState(), now=NOW, error=AuthorityDown("busy", retry_after=120.0)
    )
    assert busy.retry_after == NOW + 120


@pytest.mark.parametrize("waiting", [BROWSER, DEVICE])
@pytest.mark.parametrize(("error", "_phase"), ERRORS)
def test_sign_in_under_way_is_not_disturbed_by_a_renewal(
    waiting: SignInState, error: McpLocalError, _phase: Phase
) -> None:
    """Address and code stay where a person is being asked."""
    for after in (
        transitions.not_renewed(waiting, now=NOW, error=error),
        transitions.renewed(waiting, now=NOW, account="a"),
        transitions.signed_out(waiting, now=NOW),
    ):
        kept = (waiting.phase, waiting.start_url, waiting.user_code, waiting.deadline)
        assert (after.phase, after.start_url, after.user_code, after.deadline) == kept


def test_renewal_and_its_refusal() -> None:
    """A renewal is a sign-in without a person; a refusal says that the person is needed."""
    assert transitions.renewed(SignInState(), now=NOW, account="a").phase is Phase.SIGNED_IN
    refused = transitions.not_renewed(SignInState(), now=NOW, error=InteractionNeeded(PROBLEM))
    assert (refused.phase, refused.problem) == (Phase.NEEDS_YOU, PROBLEM)


def test_sign_out_keeps_only_the_limit_on_prompts() -> None:
    """Who signs out isn't asked again by the next server, if the last prompt was unanswered."""
    before = SignInState(phase=Phase.SIGNED_IN, account="a", last_prompt=5.0, claims="{}")
    assert transitions.signed_out(before, now=NOW) == SignInState(since=NOW, last_prompt=5.0)


def test_person_lifts_the_limit_and_is_sent_back_to_their_program() -> None:
    """A person's own wish is no nagging; the program's name is cut to a line's length."""
    assert transitions.asked_by_person(SignInState(last_prompt=5.0)).last_prompt == 0.0
    assert len(transitions.go_back_to(SignInState(), program="x" * 999).program) == 80


@given(_states)
def test_only_waiting_states_show_an_address_or_a_code(state: SignInState) -> None:
    """After every step that ends a sign-in nothing is left that a person might follow."""
    for after in (
        transitions.signed_in(state, now=NOW, account="a"),
        transitions.stopped(state, now=NOW),
        transitions.failed(state, now=NOW, error=Declined(PROBLEM)),
    ):
        assert after.phase not in WAITING
        assert (after.start_url, after.user_code, after.verification_uri) == ("", "", "")


@pytest.mark.parametrize(("error", "_phase"), ERRORS)
@pytest.mark.parametrize("state", [SignInState(), BROWSER], ids=["still", "waiting"])
def test_a_refusal_is_remembered_until_somebody_signs_in(
    error: McpLocalError, _phase: Phase, state: SignInState
) -> None:
    """The authority's no, not the person's, nor a fault of the network; M6 of an expired token."""
    refusals = (Blocked, TokenRejected, InteractionNeeded, WrongAccount)
    after = transitions.not_renewed(state, now=NOW, error=error)
    assert after.refused is isinstance(error, refusals)
    later = transitions.not_renewed(after, now=NOW, error=Unreachable("no"))
    assert later.refused is after.refused
    assert not transitions.signed_in(later, now=NOW, account="ada").refused
    assert not transitions.renewed(later, now=NOW, account="ada").refused


@pytest.mark.parametrize("state", [SignInState(faults=2), replace(BROWSER, faults=2)])
def test_a_clock_that_is_off_is_tried_again(state: SignInState) -> None:
    """It heals once the clock is set; until then nothing counts as out of reach."""
    error = ClockOff(Rejection.EXPIRED, "off")
    after = transitions.not_renewed(state, now=NOW, error=error)
    assert (after.phase, after.faults, after.refused) == (state.phase, 0, False)
    assert NOW < after.retry_after <= NOW + 60
    failed = transitions.failed(BROWSER, now=NOW, error=error)
    assert (failed.phase, failed.problem and failed.problem.code) == (Phase.SIGNED_OUT, "clock_off")


def test_a_window_is_waited_for_like_a_browser() -> None:
    """It has a deadline, and counts as a prompt."""
    state = transitions.waiting_for_window(SignInState(), now=NOW, deadline=NOW + 300)
    assert (state.phase, state.deadline, state.last_prompt) == (
        Phase.WAITING_FOR_WINDOW,
        NOW + 300,
        NOW,
    )
    assert transitions.interrupted(state, now=NOW).phase is Phase.INTERRUPTED
