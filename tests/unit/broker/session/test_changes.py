"""What the log is told of a session's states."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from mcp_local.broker.session.changes import Changes
from mcp_local.broker.state import Phase, Problem, Status
from mcp_local.log import Log, read_tail

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("phase", "why"), [(Phase.SIGNED_OUT, "timed_out"), (Phase.SIGNED_IN, None)]
)
def test_a_good_state_has_no_reason(phase: Phase, why: str | None, tmp_path: Path) -> None:
    """Why the last sign-in failed is told while nobody is signed in, and not beside who is."""
    log = Log(tmp_path / "log.jsonl")
    status = Status(phase, signed_in=True, problem=Problem("timed_out", "Nobody finished it."))
    Changes(log).note((1,), lambda: None, lambda: status)
    [line] = read_tail(tmp_path / "log.jsonl", 5)
    assert (json.loads(line).get("why") or None) == why
