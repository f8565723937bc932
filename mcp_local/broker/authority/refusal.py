"""What the authority's "no" comes to: who has to do something, told apart as exceptions.

Decided on ``error`` and ``suberror`` only; the AADSTS codes, which Microsoft may change, give the
texts (``broker.problems``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from mcp_local.broker.authority.problems import problem_from
from mcp_local.broker.state import Problem
from mcp_local.errors import McpLocalError, SignInFailed, SignInNeeded, Unreachable
from mcp_local.identity.model import TokenRejected

if TYPE_CHECKING:
    from collections.abc import Mapping


class InteractionNeeded(SignInNeeded):
    """The authority wants the person: a new sign-in, with ``claims`` handed on, heals it."""

    def __init__(self, problem: Problem, *, claims: str = "") -> None:
        super().__init__(problem.message, hint=problem.hint)
        self.problem = problem
        self.claims = claims
        """The claims challenge, JSON, to be passed to the sign-in; empty when there is none."""


class Declined(SignInFailed):
    """The person, or the time limit, ended this sign-in; another try may succeed."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message, hint=problem.hint)
        self.problem = problem


class Blocked(SignInFailed):
    """No sign-in can heal this: an administrator or the developer of the app must act."""

    code: ClassVar[str] = "blocked"

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message, hint=problem.hint)
        self.problem = problem


class WrongAccount(SignInFailed):
    """Somebody else than the account that the settings pin has signed in."""

    code: ClassVar[str] = "wrong_account"


class ClockOff(TokenRejected):
    """A token is refused for its time, just fetched: this machine's clock is wrong."""

    code: ClassVar[str] = "clock_off"


class AuthorityDown(Unreachable):
    """The authority answers, but not with an answer: 429, 5xx, or something unreadable."""

    code: ClassVar[str] = "authority_down"

    def __init__(self, message: str, *, hint: str = "", retry_after: float = 0.0) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after
        """Seconds that the authority asked us to wait; 0 when it said nothing."""


_INTERACTION = frozenset(
    {"invalid_grant", "interaction_required", "login_required", "consent_required"}
)
"""OAuth 2.0 (RFC 6749, 5.2) and OpenID Connect Core 3.1.2.6: the person can heal these."""
_ENDED = frozenset(
    {"access_denied", "authorization_declined", "expired_token", "bad_verification_code"}
)
"""RFC 6749, 4.1.2.1 and RFC 8628, 3.5: this one sign-in is over."""
_TRANSIENT = frozenset({"server_error", "temporarily_unavailable"})
"""RFC 6749, 4.1.2.1: try again later."""
_NO_SCREEN_HELPS = "message_only"
"""The ``suberror`` for: a sign-in would only show a message."""


def refusal(error: Mapping[str, object]) -> McpLocalError:
    """Turn an error answer (token endpoint or redirect) into the exception to be raised.

    Everything that isn't known to be healed by the person or by waiting is Blocked: asking again
    and again would only hide it.
    """
    name, claims = error.get("error"), error.get("claims")
    name = name if isinstance(name, str) else ""
    problem = problem_from(error)
    if name in _TRANSIENT:
        return AuthorityDown(
            "The authority is out of order at the moment.", hint="Try again in a minute."
        )
    if name in _ENDED:
        return Declined(problem)
    if name in _INTERACTION and error.get("suberror") != _NO_SCREEN_HELPS:
        return InteractionNeeded(problem, claims=claims if isinstance(claims, str) else "")
    return Blocked(problem)


def problem_of(error: McpLocalError) -> Problem:
    """Return what the state file tells of any error of ours."""
    if isinstance(error, InteractionNeeded | Declined | Blocked):
        return error.problem
    return Problem(error.code, error.message, error.hint)
