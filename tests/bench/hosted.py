"""A hosted server with the guard against the same server on plain FastMCP, side by side."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from measure import Samples, Wire, table, timed

from mcp_local.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVER = Path(__file__).parent / "servers" / "many.py"
POLICY = "version: 1\nroles:\n  Task.Read: {tags: [read]}\n"
PLAIN = [sys.executable, str(SERVER)]
HEAD = ("", "plain FastMCP", "with the guard", "ratio")
MEASURES = ("start → first answer", "first list", "memory after 100 calls")


def signed_in(emulator: Emulator, home: Path, text: str = POLICY) -> dict[str, str]:
    """Sign a reader in without a screen; return the environment that sees the result."""
    home.mkdir(parents=True, exist_ok=True)
    policy = home / "policy.yaml"
    policy.write_text(text, encoding="utf-8")
    env = {
        **os.environ,
        **emulator.environment("reader"),
        "MCP_LOCAL_HOME": str(home),
        "MCP_LOCAL_CONFIG": str(home / "config.toml"),
        "MCP_LOCAL_POLICY": str(policy),
        "MCP_LOCAL_CACHE_KEY": "file",
    }
    login = [sys.executable, "-m", "mcp_local", "login"]
    subprocess.run(login, env=env, check=True, capture_output=True, timeout=60)
    return env


def guarded() -> list[str]:
    """Return the command that runs the same server behind the guard."""
    return [sys.executable, "-m", "mcp_local", "run", str(SERVER)]


def starts(env: Mapping[str, str], rounds: int, *, modern: bool) -> None:
    """Start, list, call 100 times, weigh; a fresh process each round."""
    rows = {name: (Samples(), Samples()) for name in MEASURES}
    for _ in range(rounds):
        for side, command in enumerate((PLAIN, guarded())):
            with Wire(command, env, modern=modern) as wire:
                rows[MEASURES[0]][side].add(wire.open() * 1000)
                rows[MEASURES[1]][side].add(timed(lambda: wire.request("tools/list")) * 1000)
                for _call in range(100):
                    call(wire)
                rows[MEASURES[2]][side].add(wire.memory())
    units = ("ms", "ms", "MiB")
    table(
        f"hosted, {'2026-07-28' if modern else 'handshake'}: medians of {rounds} starts",
        HEAD,
        [
            (name, f"{a.median:.1f} {unit}", f"{b.median:.1f} {unit}", f"{b.median / a.median:.2f}")
            for (name, (a, b)), unit in zip(rows.items(), units, strict=True)
        ],
    )


def call(wire: Wire) -> bytes:
    """Use the one quick tool."""
    return wire.request("tools/call", {"name": "echo", "arguments": {"text": "x"}})


def calls(env: Mapping[str, str], rounds: int) -> None:
    """Call p50 and p99, alternating between the two servers so that noise hits both."""
    sides = (Samples(), Samples())
    with ExitStack() as stack:
        wires = [
            stack.enter_context(Wire(command, env, modern=True)) for command in (PLAIN, guarded())
        ]
        for wire in wires:
            wire.open()
            wire.request("tools/list")
        for _ in range(rounds):
            for wire, samples in zip(wires, sides, strict=True):
                samples.add(timed(lambda wire=wire: call(wire)) * 1000)
    rows: list[tuple[str, ...]] = []
    for name, share in (("call p50", 0.5), ("call p99", 0.99)):
        a, b = (samples.percentile(share) for samples in sides)
        rows.append((name, f"{a:.3f} ms", f"{b:.3f} ms", f"{b / a:.2f}"))
    table(f"{rounds} calls each, interleaved", HEAD, rows)


def lists(env: Mapping[str, str], rounds: int) -> None:
    """Lists of 10 to 5,000 tools, alternating."""
    rows: list[tuple[str, ...]] = []
    for count in (10, 100, 1000, 5000):
        sides = (Samples(), Samples())
        sized = {**env, "BENCH_TOOLS": str(count - 1)}
        with ExitStack() as stack:
            wires = [
                stack.enter_context(Wire(command, sized, modern=True))
                for command in (PLAIN, guarded())
            ]
            for wire in wires:
                wire.open()
                wire.request("tools/list")
            for _ in range(rounds):
                for wire, samples in zip(wires, sides, strict=True):
                    samples.add(timed(lambda wire=wire: wire.request("tools/list")) * 1000)
        a, b = (samples.median for samples in sides)
        rows.append((f"{count} tools", f"{a:.1f} ms", f"{b:.1f} ms", f"{b / a:.2f}"))
    table(f"tools/list, medians of {rounds}", HEAD, rows)


def main(home: Path, *, quick: bool) -> None:
    """Run all of it against one emulator."""
    with Emulator() as emulator:
        env = signed_in(emulator, home)
        for modern in (False, True):
            starts(env, 3 if quick else 15, modern=modern)
        calls(env, 200 if quick else 3000)
        lists(env, 5 if quick else 25)
