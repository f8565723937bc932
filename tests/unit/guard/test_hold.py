"""How long first lists wait, and for whom."""

from __future__ import annotations

import pytest

from mcp_local.guard.clients import UNKNOWN, known
from mcp_local.guard.hold import Hold


class Clock:
    """A clock that a test turns."""

    now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.mark.parametrize(
    ("client", "seconds"),
    [
        *(("claude-ai", 25.0), ("Claude-AI ", 25.0)),
        *(("claude-code", 0.0), ("Visual Studio Code", 0.0)),
        *(("", 3.0), ("something new", 3.0), ("codex-mcp-client", 3.0)),
    ],
)
def test_by_itself_the_client_decides(client: str, seconds: float) -> None:
    """25 s for those that read lists once, none for those that reread them, 3 s for unknown."""
    assert Hold(None, clock=Clock()).left(client) == seconds


def test_one_deadline_is_shared_by_all_lists() -> None:
    """The first list starts it; waits don't add up."""
    clock = Clock()
    hold = Hold(10.0, clock=clock)
    assert hold.left("claude-code") == 10.0
    clock.now += 4
    assert hold.left("claude-ai") == 6.0
    clock.now += 60
    assert hold.left("claude-ai") == 0.0


def test_who_is_unknown_is_neither_assumed_to_reread_nor_not_to() -> None:
    """The table says what it knows."""
    assert known("nobody") is UNKNOWN
    assert UNKNOWN.rereads is None
    assert known("claude-code").rereads
    assert known("claude-ai").rereads is False
