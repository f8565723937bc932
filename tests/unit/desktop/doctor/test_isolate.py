"""No check hides another, and none is waited for without end."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from mcp_local.broker.authority.refusal import AuthorityDown
from mcp_local.desktop.doctor.finding import Actor, Finding, Verdict, ok
from mcp_local.desktop.doctor.isolate import look
from mcp_local.errors import McpLocalError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

SEEN = ok("it", "This was seen first.")


def _ending_with(error: BaseException) -> list[Finding]:
    def check() -> Iterator[Finding]:
        yield SEEN
        raise error

    return look("it", check)


@pytest.mark.parametrize(
    ("error", "evidence", "who"),
    [
        (StorageError("The disk is full.", hint="Make room."), "The disk is full.", Actor.YOU),
        (AuthorityDown("Down."), "Down.", Actor.IT),
        (McpLocalError("No word why."), "No word why.", Actor.YOU),
        (PermissionError(13, "Permission denied", "/a"), " /a: Permission denied.", Actor.YOU),
        (TimeoutError(), "TimeoutError", Actor.YOU),
        (ValueError("canary"), "ValueError at test_isolate.py", Actor.DEVELOPER),
        (SystemExit(3), "SystemExit", Actor.DEVELOPER),
    ],
)
def test_an_error_is_one_more_finding(error: BaseException, evidence: str, who: Actor) -> None:
    """What was seen before stays; an exception's own words, which may quote secrets, don't."""
    first, last = _ending_with(error)
    assert first is SEEN
    assert (last.check, last.verdict, last.who) == ("it", Verdict.PROBLEM, who)
    assert evidence in last.evidence
    assert last.remedy
    assert "canary" not in last.evidence


def test_what_hangs_is_left_behind() -> None:
    """A time limit holds where no time limit of a request reaches."""
    ever = threading.Event()

    def check() -> Iterator[Finding]:
        yield SEEN
        ever.wait()

    first, late = look("it", check, 0.05)
    ever.set()
    assert first is SEEN
    assert "within 0.05 seconds" in late.evidence
    assert late.who is Actor.IT
