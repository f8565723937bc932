"""A wrapped server: directly, through our relay, through FastMCP's proxy, side by side."""

from __future__ import annotations

import json
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hosted import signed_in
from measure import Samples, Wire, table, timed

from mcp_local.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

SERVERS = Path(__file__).parent / "servers"
MANY = str(SERVERS / "many.py")
LIGHT = str(SERVERS / "light.py")
POLICY = """version: 1
tags:
  read: {tools: [echo, "tool_*", big]}
roles:
  Task.Read: {tags: [read]}
"""
SIZES = (10, 100, 1000, 5000)
PROGRAM = str(Path(sys.executable).with_name("mcp-local"))
"""What clients start: the installed program."""
WAYS: Final = ("direct", "our relay", "FastMCP's proxy")
NAMED: Final = "our relay, run NAME"
"""The same server by its name in the settings; compared where that differs, at the start."""
BARE: Final = "bare pass-through"
"""Two threads in Python that pass lines on unread; compared where it tells what judging takes."""
CALLS: Final = (*WAYS, BARE)
STARTS: Final = ("direct", "our relay", NAMED, "FastMCP's proxy")
IN_A_ROW = 50
"""Calls of one contestant before the next has its turn: a busy client's."""
IN_FLIGHT = 64
BIG = 10_000_000
"""Bytes of the big result."""


class Contest:
    """Each server in each way, ready to be started."""

    def __init__(self, environ: Mapping[str, str], home: Path) -> None:
        self._environ = environ
        servers = {f"many{count}": (MANY, count) for count in SIZES} | {
            f"light{count}": (LIGHT, count) for count in SIZES
        }
        lines: list[str] = []
        for name, (server, count) in servers.items():
            lines += [
                f"[servers.{name}]",
                f"command = {json.dumps(sys.executable)}",
                f"args = {json.dumps([server])}",
                f'env = {{BENCH_TOOLS = "{count - 1}"}}',
            ]
        (home / "config.toml").write_text("\n".join(lines), encoding="utf-8")

    def commands(self, server: str, count: int) -> dict[str, list[str]]:
        """Return how a server with ``count`` tools is started in each way."""
        file = MANY if server == "many" else LIGHT
        return {
            "direct": [sys.executable, file],
            "our relay": [PROGRAM, "run", "--pass-env", "BENCH_TOOLS", "--", sys.executable, file],
            NAMED: [PROGRAM, "run", f"{server}{count}"],
            BARE: [sys.executable, str(SERVERS / "pass_through.py"), sys.executable, file],
            "FastMCP's proxy": [sys.executable, str(SERVERS / "proxy.py"), file],
        }

    @contextmanager
    def all(
        self, server: str, count: int, ways: Sequence[str] = WAYS, *, modern: bool = True
    ) -> Generator[dict[str, Wire]]:
        """Start all of them, each ready to be asked."""
        environ = {**self._environ, "BENCH_TOOLS": str(count - 1)}
        commands = self.commands(server, count)
        with ExitStack() as stack:
            wires = {
                way: stack.enter_context(Wire(commands[way], environ, modern=modern))
                for way in ways
            }
            for wire in wires.values():
                wire.open()
                wire.request("tools/list")
            yield wires

    def start(self, server: str, way: str, *, modern: bool) -> Wire:
        """Start one of them with ten tools."""
        environ = {**self._environ, "BENCH_TOOLS": "9"}
        return Wire(self.commands(server, 10)[way], environ, modern=modern)


def row(name: str, unit: str, samples: Mapping[str, float], reach: str = "") -> tuple[str, ...]:
    """Return one line of a table, with the ratio to the direct way."""
    digits = 3 if unit == "ms" and min(samples.values()) < 10 else 1
    values = [f"{value:.{digits}f} {unit}" for value in samples.values()]
    return (name, *values, f"{samples['our relay'] / samples['direct']:.2f}", reach)


def head(ways: Sequence[str]) -> tuple[str, ...]:
    """Return a table's head."""
    return ("", *ways, "relay ÷ direct", "reach")


def starts(contest: Contest, server: str, rounds: int, *, modern: bool) -> None:
    """Start, first list, memory of the process that the client started."""
    measures = ("start → first answer", "memory at that time", "first list", "memory after")
    rows = {measure: {way: Samples() for way in STARTS} for measure in measures}
    for _ in range(rounds):
        for way in STARTS:
            with contest.start(server, way, modern=modern) as wire:
                rows[measures[0]][way].add(wire.open() * 1000)
                rows[measures[1]][way].add(wire.memory())
                rows[measures[2]][way].add(timed(lambda w=wire: w.request("tools/list")) * 1000)
                for _call in range(100):
                    call(wire)
                rows[measures[3]][way].add(wire.memory())
    reaches = ("direct + 25 ms", "20 MiB", "", "45 MiB")
    table(
        f"wrapped {server}.py, {'2026-07-28' if modern else 'handshake'}: {rounds} starts, medians",
        head(STARTS),
        [
            row(name, unit, {way: samples.median for way, samples in rows[name].items()}, reach)
            for name, unit, reach in zip(measures, ("ms", "MiB", "ms", "MiB"), reaches, strict=True)
        ],
    )


def call(wire: Wire) -> bytes:
    """Use the one quick tool."""
    return wire.request("tools/call", {"name": "echo", "arguments": {"text": "x"}})


def calls(contest: Contest, server: str, rounds: int) -> None:
    """Calls in a row, calls now and then, and many at once; alternating, so that noise hits all.

    Those in between are the other contestants', which leave nothing warm: neither the caches of
    the processor nor the server's.
    """
    single = {way: Samples() for way in CALLS}
    lone = {way: Samples() for way in CALLS}
    batch = {way: Samples() for way in CALLS}
    with contest.all(server, 10, CALLS) as wires:
        for _ in range(rounds // IN_A_ROW):
            for way, wire in wires.items():
                batch[way].add(timed(lambda w=wire: at_once(w)) * 1000)
                for _call in range(IN_A_ROW):
                    single[way].add(timed(lambda w=wire: call(w)) * 1000)
        for _ in range(rounds // 3):
            for way, wire in wires.items():
                lone[way].add(timed(lambda w=wire: call(w)) * 1000)
    table(
        f"{server}.py, {rounds} calls each, {IN_A_ROW} in a row, and {rounds // 3} now and then",
        head(CALLS),
        [
            row("call p50", "ms", {w: s.percentile(0.5) for w, s in single.items()}, "+ 0.10 ms"),
            row("call p99", "ms", {w: s.percentile(0.99) for w, s in single.items()}),
            row("now and then, p50", "ms", {w: s.percentile(0.5) for w, s in lone.items()}),
            row(f"{IN_FLIGHT} in flight", "ms", {w: s.median for w, s in batch.items()}),
        ],
    )


def at_once(wire: Wire) -> None:
    """Have as many calls under way as a busy client does."""
    wire.request_all("tools/call", {"name": "echo", "arguments": {"text": "x"}}, IN_FLIGHT)


def lists(contest: Contest, server: str, rounds: int) -> None:
    """Lists of 10 to 5,000 tools."""
    rows: list[tuple[str, ...]] = []
    for count in SIZES:
        samples = {way: Samples() for way in WAYS}
        with contest.all(server, count) as wires:
            for _ in range(rounds):
                for way, wire in wires.items():
                    samples[way].add(timed(lambda w=wire: w.request("tools/list")) * 1000)
        medians = {way: found.median for way, found in samples.items()}
        rows.append(row(f"{count} tools", "ms", medians, "1.2 x" if count == 1000 else ""))
    table(f"{server}.py, tools/list, medians of {rounds}", head(WAYS), rows)


def big_results(contest: Contest, rounds: int) -> None:
    """Throughput of one result of 10 MB."""
    samples = {way: Samples() for way in WAYS}
    asked = {"name": "big", "arguments": {"size": BIG}}
    with contest.all("light", 10) as wires:
        for _ in range(rounds):
            for way, wire in wires.items():
                took = timed(lambda w=wire: w.request("tools/call", asked))
                samples[way].add(BIG / took / 1e6)
    medians = {way: found.median for way, found in samples.items()}
    table(
        f"a result of 10 MB, medians of {rounds}", head(WAYS), [row("throughput", "MB/s", medians)]
    )


def growth(environ: Mapping[str, str], home: Path, count: int) -> None:
    """Memory of the relay over very many calls: ``tests/bench --growth``."""
    contest = Contest(environ, home)
    rows: list[tuple[str, str, str]] = []
    with contest.start("light", "our relay", modern=True) as wire:
        wire.open()
        wire.request("tools/list")
        began = time.perf_counter()
        for number in range(count + 1):
            if number in {count // 100, count // 10, count // 2, count}:
                rows.append((f"{number}", f"{wire.memory():.2f} MiB", "no growth"))
            call(wire)
        took = time.perf_counter() - began
    table(f"memory of the relay over {count} calls ({took:.0f} s)", ("calls", "own", ""), rows)


def main(home: Path, *, quick: bool) -> None:
    """Run all of it against one emulator, signed in with a warm cache."""
    with Emulator() as emulator:
        contest = Contest(signed_in(emulator, home, POLICY), home)
        for server, modern in (("light", False), ("light", True), ("many", True)):
            starts(contest, server, 3 if quick else 15, modern=modern)
        for server in ("light", "many"):
            calls(contest, server, 200 if quick else 3000)
            lists(contest, server, 5 if quick else 25)
        big_results(contest, 3 if quick else 15)


def grow(home: Path, *, quick: bool) -> None:
    """Run the long one."""
    with Emulator() as emulator:
        growth(signed_in(emulator, home, POLICY), home, 5000 if quick else 100_000)
