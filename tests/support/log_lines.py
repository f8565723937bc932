"""What a relay that runs has logged: it writes its lines a moment after what they tell of."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_PATIENCE = 2.0
"""Seconds for a first line."""
_MOMENT = 0.05
"""Seconds for those that belong to it."""


def logged_in(file: Path, event: str) -> list[dict[str, Any]]:
    """Return the lines of one event; waits for there to be one."""
    deadline = time.monotonic() + _PATIENCE
    while not _lines(file, event) and time.monotonic() < deadline:
        time.sleep(_MOMENT)
    time.sleep(_MOMENT)
    return _lines(file, event)


def _lines(file: Path, event: str) -> list[dict[str, Any]]:
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    whole = text.splitlines() if text.endswith("\n") else text.splitlines()[:-1]
    return [line for line in map(json.loads, whole) if line["event"] == event]
