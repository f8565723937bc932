"""A log that no side can fill."""

from __future__ import annotations

from mcp_local.guard.relay.bounded_log import BoundedLog
from tests.support.notes import Notes


def test_each_event_has_its_own_quota() -> None:
    """One that comes in floods leaves room for the others; lines are as they were (M22)."""
    notes = Notes()
    log = BoundedLog(notes)
    for number in range(1000):
        log.event("often", level="warning", number=number)
    log.event("once", why="it happened")
    assert 200 <= len(notes.of("often")) < 300
    assert notes.of("often")[0]["number"] == 0
    assert [note["why"] for note in notes.of("once")] == ["it happened"]
