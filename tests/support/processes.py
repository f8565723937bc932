"""What runs on this machine: who descends from whom, and who is still there. Linux only."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def descendants(ancestor: int) -> list[int]:
    """Return the ids of all processes below one."""
    found = [ancestor]
    for pid in found:
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            found += map(int, task.read_text().split())
    return found[1:]


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended but wasn't waited for doesn't."""
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except OSError:
        return False
    return state not in {b"Z", b"X"}


def left_after(pids: Iterable[int], seconds: float) -> list[int]:
    """Return which of the processes still run after some seconds; returns early when none does."""
    deadline = time.monotonic() + seconds
    left = [pid for pid in pids if alive(pid)]
    while left and time.monotonic() < deadline:
        time.sleep(0.02)
        left = [pid for pid in left if alive(pid)]
    return left
