"""Whether this machine's clock is right: the authority tells the time with every answer."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from mcp_local.broker.authority.refusal import ClockOff
from mcp_local.identity.model import Rejection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.identity.model import TokenRejected

TOLERATED: Final = 60.0
"""Seconds that clocks may differ before it is told (the leeway of tokens by default)."""
_MINUTES, _HOURS = 120.0, 7200.0
"""Seconds from which a difference is told in minutes, and in hours."""
SET_IT: Final = (
    "Set the clock and the time zone of this computer by the network; until then tokens look "
    "expired, or not yet valid."
)


def clock_skew(headers: Mapping[str, str], now: float) -> float | None:
    """Return by how many seconds this clock is ahead of an answer's ``Date``; ``None``: no word.

    ``now`` is in seconds since the epoch, when the answer came.
    """
    fields = {name.lower(): value for name, value in headers.items()}
    try:
        return now - parsedate_to_datetime(fields["date"]).timestamp()
    except (KeyError, ValueError, OverflowError):
        return None


def told(skew: float) -> str:
    """Say how far this clock is off, in one sentence."""
    late = "ahead of" if skew > 0 else "behind"
    return f"This computer's clock is {_spoken(abs(skew))} {late} the authority's."


def explained(error: TokenRejected, skew: float | None) -> TokenRejected:
    """Return the reason behind a fresh token's refusal, where that is this machine's clock.

    A token that was issued a moment ago can't have expired, nor be for later. ``skew`` is that of
    the answer which brought it.
    """
    if error.reason not in {Rejection.EXPIRED, Rejection.NOT_YET_VALID}:
        return error
    if skew is None or abs(skew) <= TOLERATED:
        return error
    return ClockOff(error.reason, told(skew), hint=SET_IT)


def _spoken(seconds: float) -> str:
    if seconds < _MINUTES:
        return f"{seconds:.0f} seconds"
    if seconds < _HOURS:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours".replace(".0 ", " ")
