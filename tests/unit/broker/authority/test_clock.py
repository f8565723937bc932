"""Whether this machine's clock is right."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from mcp_local.broker.authority.clock import clock_skew, explained, told
from mcp_local.broker.authority.refusal import ClockOff
from mcp_local.identity.model import Rejection, TokenRejected

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    "headers", [{}, {"Date": "yesterday"}, {"Date": ""}, {"Date": "1 Jan 9999999999 0:00"}]
)
def test_no_word_is_no_skew(headers: dict[str, str]) -> None:
    """An answer without a time, or with none that can be read, says nothing."""
    assert clock_skew(headers, NOW) is None


def test_skew_is_how_far_we_are_ahead() -> None:
    """Whatever the case of the header's name."""
    assert clock_skew({"dAtE": formatdate(NOW - 7200, usegmt=True)}, NOW) == 7200


@pytest.mark.parametrize(
    ("skew", "words"),
    [
        (90.0, "90 seconds ahead of"),
        (-600.0, "10 minutes behind"),
        (10_800.0, "3 hours ahead of"),
        (-9000.0, "2.5 hours behind"),
    ],
)
def test_words(skew: float, words: str) -> None:
    """Seconds, minutes or hours, and in which direction."""
    assert told(skew) == f"This computer's clock is {words} the authority's."


@pytest.mark.parametrize("reason", list(Rejection))
@pytest.mark.parametrize("skew", [None, 30.0, 7200.0])
def test_only_a_refusal_for_the_time_is_blamed_on_the_clock(
    reason: Rejection, skew: float | None
) -> None:
    """And only where the clocks differ."""
    error = TokenRejected(reason, "no")
    timely = reason in {Rejection.EXPIRED, Rejection.NOT_YET_VALID}
    assert isinstance(explained(error, skew), ClockOff) is (timely and skew == 7200.0)
