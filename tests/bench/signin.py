"""What signing in costs: from the browser to the client's list, many starts at once, idleness."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from measure import Samples, Wire, table

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.support.chat import ERAS, NOTES, chat, run
from tests.support.desk import desk

if TYPE_CHECKING:
    from tests.support.desk import Desk

_TOKEN_ROADS: Final = ("*openid-configuration", "*keys", "*/token")
"""Discovery, signing keys, tokens: what the authority is asked by processes, not by browsers."""


def asked(here: Desk) -> int:
    """Return how many requests the authority had from processes."""
    return sum(len(here.emulator.requests.matching(road)) for road in _TOKEN_ROADS)


def until_listed(era: str, rounds: int) -> Samples:
    """Seconds from the last page in the browser until the client has its new list."""
    took = Samples()

    async def once(here: Desk) -> None:
        async with chat(["run", *NOTES], here.environ, era=era) as client:
            assert await client.tools() == set()
            await asyncio.to_thread(here.visit, "reader")
            finished = time.perf_counter()
            await client.told()
            assert "list_notes" in await client.tools()
            took.add(time.perf_counter() - finished)

    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder, desk(Path(folder) / "home") as here:
            here.set(LIST_HOLD="0")
            run(once(here))
    return took


def cold_starts(count: int) -> tuple[int, int, int]:
    """Start so many servers at once; return prompts, sign-in processes and requests."""
    with (
        tempfile.TemporaryDirectory() as folder,
        desk(Path(folder) / "home") as here,
        ExitStack() as all_of_them,
    ):
        servers = [all_of_them.enter_context(here.instance()) for _ in range(count)]
        for server in servers:
            server.begin("ready", seconds=60)
        here.visit("reader")
        for server in servers:
            assert server.result()["signed_in"] is True
        return len(here.tabs()), len(here.log("sign_in_started")), asked(here)


def idle(seconds: float) -> float:
    """Return the share of one processor that a signed-in server takes while nobody asks."""
    with tempfile.TemporaryDirectory() as folder, desk(Path(folder) / "home") as here:
        here.sign_in("reader")
        command = [sys.executable, "-m", "mcp_local", "run", *NOTES]
        with Wire(command, here.environ, modern=False) as wire:
            wire.open()
            wire.request("tools/list")
            time.sleep(2)  # what belongs to the start
            before = _processor_time(wire.pid)
            time.sleep(seconds)
            return (_processor_time(wire.pid) - before) / seconds


def _processor_time(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(*, quick: bool) -> None:
    """Run all of it."""
    rounds, seconds = (1, 5.0) if quick else (9, 60.0)
    rows: list[tuple[str, str, str]] = []
    for era in ERAS:
        took = until_listed(era, rounds)
        words = f"{took.median:.2f} s (longest {max(took.values):.2f} s)"
        rows.append((f"browser finished → list updated, {era}", words, "1 s"))
    _, _, alone = cold_starts(1)
    prompts, processes, requests = cold_starts(16)
    beyond = f"{prompts} prompt, {processes} sign-in process, {requests - alone} requests more"
    rows += [
        ("16 cold starts, beside one", beyond, "1 prompt, 3 requests more"),
        (f"idle, signed in, {seconds:.0f} s", f"{100 * idle(seconds):.2f} %", "0.1 %"),
    ]
    table("sign-in", ("", "median", "reach"), rows)
