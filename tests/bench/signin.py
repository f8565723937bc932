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
from tests.support.relayed import ALL, PLAIN

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


def idle(seconds: float) -> tuple[float, float]:
    """Return the shares of one processor that signed-in servers take while nobody asks.

    One hosts its target, one relays to it.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        desk(Path(folder) / "home") as here,
        ExitStack() as both,
    ):
        here.sign_in("reader")
        policy, book = Path(folder) / "all.yaml", Path(folder) / "book.json"
        policy.write_text(ALL, encoding="utf-8")
        book.write_text("{}", encoding="utf-8")
        relayed = ["--policy", str(policy), "--", sys.executable, PLAIN, folder, str(book)]
        run_it = [sys.executable, "-m", "mcp_local", "run"]
        wires = [
            both.enter_context(Wire([*run_it, *words], here.environ, modern=False))
            for words in (NOTES, relayed)
        ]
        for wire in wires:
            wire.open()
            wire.request("tools/list")
        time.sleep(2)  # what belongs to the start
        before = [_processor_time(wire.pid) for wire in wires]
        time.sleep(seconds)
        after = [_processor_time(wire.pid) for wire in wires]
        hosted, relayed_one = ((b - a) / seconds for a, b in zip(before, after, strict=True))
        return hosted, relayed_one


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
    hosted, relayed = idle(seconds)
    beyond = f"{prompts} prompt, {processes} sign-in process, {requests - alone} requests more"
    rows += [
        ("16 cold starts, beside one", beyond, "1 prompt, 3 requests more"),
        (f"idle, signed in, hosted, {seconds:.0f} s", f"{100 * hosted:.2f} %", "0.1 %"),
        (f"idle, signed in, relayed, {seconds:.0f} s", f"{100 * relayed:.2f} %", "0.1 %"),
    ]
    table("sign-in", ("", "median", "reach"), rows)
