"""A server at which nothing happens leaves the processor alone."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.chat import NOTES, PROGRAM
from tests.support.desk import Desk, desk
from tests.support.relayed import ALL, PLAIN
from tests.support.wire import HANDSHAKE, MODERN, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS, WINDOWS = 1.5, 10
"""How long to look, and how often: on a busy machine threads wait for each other, too."""
MOST = 4
"""Wake-ups a second. Two looks at the files is what it takes; each thread that looks for itself,
or hands its looks to another one, costs two or more."""


@pytest.fixture
def here(home: Path) -> Iterator[Desk]:
    """A desk with somebody at it."""
    with desk(home) as here:
        here.sign_in()
        yield here


def _wakes(pid: int) -> int:
    """Return how often any thread of a process has waited for something so far."""
    name = "voluntary_ctxt_switches:"
    lines = [
        line
        for task in Path(f"/proc/{pid}/task").iterdir()
        for line in (task / "status").read_text("ascii").splitlines()
    ]
    return sum(int(line.split()[1]) for line in lines if line.startswith(name))


def _rates(pids: list[int]) -> list[float]:
    """Return how often a second each process wakes up, watched for some time."""
    before, began = [_wakes(pid) for pid in pids], time.monotonic()
    time.sleep(SECONDS)
    took = time.monotonic() - began
    return [(_wakes(pid) - count) / took for pid, count in zip(pids, before, strict=True)]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_idle_servers_sleep(here: Desk, tmp_path: Path) -> None:
    """Signed in, with a policy to follow, hosted and relayed: they wake up for the looks alone."""
    (tmp_path / "book.json").write_text("{}", encoding="utf-8")
    policy = tmp_path / "all.yaml"
    policy.write_text(ALL, encoding="utf-8")
    plain = [sys.executable, PLAIN, str(tmp_path), str(tmp_path / "book.json")]
    relayed = ["--policy", str(policy), "--", *plain]
    with ExitStack() as stack:
        wires = [
            stack.enter_context(
                Wire([PROGRAM, "run", *words], tmp_path, era=era, environ=here.environ)
            )
            for words, era in [(NOTES, MODERN), (relayed, HANDSHAKE)]
        ]
        for wire in wires:
            wire.open()
            wire.request("tools/list")
        pids = [wire.process.pid for wire in wires]
        seen: list[list[float]] = []
        while not seen or max(seen[-1]) > MOST:
            assert len(seen) < WINDOWS, f"wake-ups a second: {seen}"
            seen.append(_rates(pids))
