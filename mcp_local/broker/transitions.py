"""The one state machine of sign-in and renewal: each function is one step, pure.

To be handed to ``StateFile.update``; times are seconds since the epoch.
"""

from __future__ import annotations

from msgspec.structs import replace

from mcp_local.broker.authority.refusal import (
    AuthorityDown,
    Blocked,
    ClockOff,
    InteractionNeeded,
    WrongAccount,
    problem_of,
)
from mcp_local.broker.state import Phase, Problem, SignInState
from mcp_local.errors import McpLocalError, Unreachable
from mcp_local.identity.model import TokenRejected

WAITING = frozenset(
    {Phase.WAITING_FOR_BROWSER, Phase.WAITING_FOR_DEVICE_CODE, Phase.WAITING_FOR_WINDOW}
)
_FIRST_DELAY = 5.0
_LONGEST_DELAY = 300.0
"""Seconds between renewals while the authority is out of reach."""
_CLOCK_DELAY = 60.0
"""Seconds between renewals while this machine's clock is wrong."""
_LONGEST_NAME = 80
"""Characters; the client says of itself what it likes."""
_INTERRUPTED = Problem(
    "interrupted",
    "The sign-in was ended from outside before it was finished.",
    "Ask for the sign-in again, or run `mcp-local login`.",
)
_STOPPED = Problem("cancelled", "The sign-in was stopped.", "Start it again.")
_NOBODY = {"signed_out", "account_changed"}
"""Codes that say that there is nobody whose token could be renewed."""


def waiting_for_browser(
    state: SignInState,
    *,
    now: float,
    deadline: float,
    start_url: str,
    instead_of: Problem | None = None,
) -> SignInState:
    """Begin to wait for the browser; ``instead_of`` says why another way wasn't taken."""
    return replace(
        _settled(state, Phase.WAITING_FOR_BROWSER, now),
        deadline=deadline,
        start_url=start_url,
        last_prompt=now,
        program="",
        problem=instead_of,
    )


def waiting_for_device_code(
    state: SignInState, *, now: float, deadline: float, user_code: str, verification_uri: str
) -> SignInState:
    """Begin to wait until the person has entered the code."""
    return replace(
        _settled(state, Phase.WAITING_FOR_DEVICE_CODE, now),
        deadline=deadline,
        user_code=user_code,
        verification_uri=verification_uri,
        last_prompt=now,
    )


def waiting_for_window(state: SignInState, *, now: float, deadline: float) -> SignInState:
    """Begin to wait for the window of the operating system's account broker."""
    began = _settled(state, Phase.WAITING_FOR_WINDOW, now)
    return replace(began, deadline=deadline, last_prompt=now)


def signed_in(state: SignInState, *, now: float, account: str) -> SignInState:
    """Note that somebody signed in."""
    done = _settled(state, Phase.SIGNED_IN, now)
    return replace(
        done,
        account=account,
        claims="",
        last_prompt=0.0,
        retry_after=0.0,
        faults=0,
        refused=False,
    )


def failed(state: SignInState, *, now: float, error: McpLocalError) -> SignInState:
    """End a sign-in without an account; ``last_prompt`` stays, so that nobody is nagged."""
    claims = error.claims if isinstance(error, InteractionNeeded) else state.claims
    ended = _settled(state, _phase_after(error), now)
    refused = state.refused or _is_refusal(error)
    return replace(ended, problem=problem_of(error), claims=claims, refused=refused)


def stopped(state: SignInState, *, now: float) -> SignInState:
    """End a sign-in as the person wanted."""
    return replace(_settled(state, Phase.SIGNED_OUT, now), problem=_STOPPED)


def signed_out(state: SignInState, *, now: float) -> SignInState:
    """Note a sign-out; a sign-in under way goes on, and what limits prompts stays."""
    if state.phase in WAITING:
        return replace(state, account="")
    return SignInState(since=now, last_prompt=state.last_prompt)


def interrupted(state: SignInState, *, now: float) -> SignInState:
    """Note that the sign-in process is gone without a word; asking again isn't nagging."""
    if state.phase not in WAITING:
        return state
    lost = _settled(state, Phase.INTERRUPTED, now)
    return replace(lost, problem=_INTERRUPTED, last_prompt=0.0)


def renewed(state: SignInState, *, now: float, account: str) -> SignInState:
    """Note a renewal; a sign-in under way goes on."""
    if state.phase in WAITING:
        return replace(state, retry_after=0.0, faults=0, refused=False)
    return signed_in(state, now=now, account=account)


def not_renewed(state: SignInState, *, now: float, error: McpLocalError) -> SignInState:
    """Note why a renewal failed; a sign-in under way goes on."""
    if isinstance(error, Unreachable):
        delay = min(_FIRST_DELAY * 2 ** min(state.faults, 10), _LONGEST_DELAY)
        if isinstance(error, AuthorityDown):
            delay = max(delay, error.retry_after)
        later = replace(state, retry_after=now + delay, faults=state.faults + 1)
        return later if state.phase in WAITING else replace(later, problem=problem_of(error))
    if isinstance(error, ClockOff):  # it heals by itself once the clock is set
        later = replace(state, retry_after=now + _CLOCK_DELAY, faults=0)
        return later if state.phase in WAITING else replace(later, problem=problem_of(error))
    if state.phase in WAITING:
        return replace(state, refused=state.refused or _is_refusal(error))
    return failed(state, now=now, error=error)


def asked_by_person(state: SignInState) -> SignInState:
    """Lift the limit on prompts, since a person wants this one."""
    return replace(state, last_prompt=0.0)


def go_back_to(state: SignInState, *, program: str) -> SignInState:
    """Note which program the person should go back to."""
    return replace(state, program=program[:_LONGEST_NAME])


def _settled(state: SignInState, phase: Phase, now: float) -> SignInState:
    """Enter a phase: what belonged to the one before is gone."""
    return replace(
        state,
        phase=phase,
        since=now,
        deadline=0.0,
        start_url="",
        user_code="",
        verification_uri="",
        problem=None,
    )


def _is_refusal(error: McpLocalError) -> bool:
    """Whether the authority was reached and said no, so that nothing expired goes on (M6)."""
    said_no = isinstance(error, InteractionNeeded | Blocked | WrongAccount | TokenRejected)
    return said_no and not isinstance(error, ClockOff)


def _phase_after(error: McpLocalError) -> Phase:
    match error:
        case InteractionNeeded() if error.problem.code in _NOBODY:
            return Phase.SIGNED_OUT
        case InteractionNeeded() | WrongAccount():
            return Phase.NEEDS_YOU
        case ClockOff():
            return Phase.SIGNED_OUT
        case Blocked() | TokenRejected():  # the next token would be refused for the same reason
            return Phase.BLOCKED
        case _:
            return Phase.SIGNED_OUT
