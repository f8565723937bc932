"""One line in the log for each use that was decided, the same whatever the target is."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypedDict

if TYPE_CHECKING:
    from mcp_local.guard.wish import Wish
    from mcp_local.identity.model import VerifiedToken
    from mcp_local.log import Log
    from mcp_local.policy.model import Kind

LOGGED_NAME: Final = 256
"""Characters of a name in the log; what a client sends may be a megabyte long."""


class Outcome(StrEnum):
    """How a use ended; the ``outcome`` of its line in the log."""

    OK = "ok"
    ERROR = "error"
    SIGN_IN_NEEDED = "sign_in_needed"
    UNKNOWN = "unknown"
    DENIED = "denied"
    ASKED = "asked"
    """The question went out in answer to the call."""
    WAITING = "waiting"
    DECLINED = "declined"
    NO_WAY = "no_way_to_ask"
    FAULT = "fault"
    ABORTED = "aborted"


class _Seen(TypedDict, total=False):
    """What a policy must allow that isn't to observe only: ``policy init --from-log`` reads it."""

    observed: bool
    roles: list[str]


def note_decision(  # noqa: PLR0913 - what one line tells, each by its name
    log: Log,
    *,
    kind: Kind,
    wish: Wish,
    token: VerifiedToken | None,
    outcome: Outcome,
    elapsed_ns: int,
) -> None:
    """Log how the use of ``wish`` ended; ``elapsed_ns`` is in nanoseconds."""
    decision = wish.decision
    seen = _Seen()
    if decision is not None and decision.observed and token is not None:
        seen = _Seen(observed=True, roles=sorted(token.identity.roles))
    log.event(
        "decision",
        oid=token.identity.object_id if token else "",
        client=wish.client.name if wish.client else "",
        kind=kind.value,
        component=wish.name[:LOGGED_NAME],
        action=wish.action.value,
        allowed=wish.granted is not None,
        rule=decision.rule if decision else "",
        duration_us=elapsed_ns // 1000,
        outcome=outcome.value,
        **seen,
    )
