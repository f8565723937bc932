"""A remote server: by a bare HTTP client, our bridge, and the bridges of others, side by side.

In the handshake era, which all of them speak. Those of others come from their registries, as their
users start them.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, Self

from hosted import signed_in
from measure import CLIENT, HANDSHAKE, Samples, Wire, table, timed
from relay import BIG, IN_A_ROW, IN_FLIGHT, POLICY, SIZES

from mcp_local.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

SERVERS = Path(__file__).parent / "servers"
DIRECT, OURS, REMOTE, PROXY, FASTMCP = WAYS = (
    "direct HTTP",
    "our bridge",
    "mcp-remote",
    "mcp-proxy",
    "FastMCP's proxy",
)
HEAD = ("", *WAYS, "ours ÷ mcp-remote", "reach")
_PATIENCE: Final = 30.0


class Contestant(Protocol):
    """A way to the server, ready to be asked."""

    def open(self) -> float:
        """Begin; return seconds since the start."""
        ...

    def request(self, method: str, params: Mapping[str, object] | None = None) -> bytes:
        """Ask, and return the answer."""
        ...

    def request_all(self, method: str, params: Mapping[str, object], times: int) -> None:
        """Ask as often at once, and wait for all answers."""
        ...


class Http:
    """A client that does no more than it must."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._started = time.perf_counter()
        self._headers = {
            "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json",
        }
        self._line = self._connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._line.close()

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port)

    def _post(self, line: http.client.HTTPConnection, message: Mapping[str, object]) -> bytes:
        line.request("POST", "/mcp", json.dumps({"jsonrpc": "2.0", **message}), self._headers)
        answer = line.getresponse()
        if session := answer.headers["Mcp-Session-Id"]:
            self._headers["Mcp-Session-Id"] = session
        return answer.read()

    def open(self) -> float:
        """Begin; return seconds since the start."""
        params = {"protocolVersion": HANDSHAKE, "capabilities": {}, "clientInfo": CLIENT}
        self.request("initialize", params)
        took = time.perf_counter() - self._started
        self._headers["MCP-Protocol-Version"] = HANDSHAKE
        self._post(self._line, {"method": "notifications/initialized"})
        return took

    def request(self, method: str, params: Mapping[str, object] | None = None) -> bytes:
        """Ask, and return the answer."""
        return self._post(self._line, {"id": 1, "method": method, "params": dict(params or {})})

    def request_all(self, method: str, params: Mapping[str, object], times: int) -> None:
        """Ask as often at once, and wait for all answers."""

        def ask(number: int) -> None:
            line = self._connect()
            self._post(line, {"id": number, "method": method, "params": dict(params)})
            line.close()

        with ThreadPoolExecutor(times) as pool:
            list(pool.map(ask, range(2, times + 2)))


@contextmanager
def serving(count: int) -> Generator[int]:
    """Run the server with so many tools; yield its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    command = [sys.executable, str(SERVERS / "many_http.py"), str(port)]
    process = subprocess.Popen(
        command,
        env={**os.environ, "BENCH_TOOLS": str(count - 1)},
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.wait()


def command(way: str, port: int) -> list[str]:
    """Return how a bridge is started."""
    url = f"http://127.0.0.1:{port}/mcp"
    commands = {
        OURS: [sys.executable, "-m", "mcp_local", "run", url],
        REMOTE: ["npx", "-y", "mcp-remote", url, "--allow-http", "--transport", "http-only"],
        PROXY: ["uvx", "mcp-proxy", "--transport", "streamablehttp", url],
        FASTMCP: [sys.executable, str(SERVERS / "proxy_http.py"), url],
    }
    return commands[way]


def start(way: str, port: int, environ: Mapping[str, str]) -> Http | Wire:
    """Start one of them."""
    return Http(port) if way == DIRECT else Wire(command(way, port), environ, modern=False)


def starts(environ: Mapping[str, str], rounds: int) -> None:
    """Start, first list, memory with all processes that were started."""
    measures = ("start → initialize", "first list", "memory after 100 calls")
    rows = {measure: {way: Samples() for way in WAYS} for measure in measures}
    with serving(10) as port:
        for way in WAYS:
            for number in range(rounds + 1):
                with start(way, port, environ) as wire:
                    first = wire.open() * 1000
                    listed = timed(lambda w=wire: w.request("tools/list")) * 1000
                    for _call in range(100):
                        call(wire)
                    if number:  # the first one may have had to download it
                        rows[measures[0]][way].add(first)
                        rows[measures[1]][way].add(listed)
                        weight = tree_memory(wire.pid) if isinstance(wire, Wire) else 0.0
                        rows[measures[2]][way].add(weight)
    table(
        f"remote server: {rounds} starts, medians",
        HEAD,
        [row(name, "MiB" if "memory" in name else "ms", rows[name]) for name in measures],
    )


def tree_memory(pid: int) -> float:
    """Resident memory of a process and all that it started, in MiB."""
    task = Path(f"/proc/{pid}")
    status = (task / "status").read_text(encoding="ascii")
    own = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    children = (task / "task" / str(pid) / "children").read_text(encoding="ascii").split()
    return int(own.split()[1]) / 1024 + sum(tree_memory(int(child)) for child in children)


def row(
    name: str,
    unit: str,
    samples: Mapping[str, Samples],
    value: Callable[[Samples], float] = lambda found: found.median,
    reach: str = "",
) -> tuple[str, ...]:
    """Return one line of a table."""
    values = {way: value(found) for way, found in samples.items()}
    shown = [f"{values[way]:.2f} {unit}" if values[way] else "" for way in WAYS]
    return (name, *shown, f"{values[OURS] / values[REMOTE]:.2f}", reach)


def call(wire: Contestant) -> bytes:
    """Use the one quick tool."""
    return wire.request("tools/call", {"name": "echo", "arguments": {"text": "x"}})


def at_once(wire: Contestant) -> None:
    """Have as many calls under way as a busy client does."""
    wire.request_all("tools/call", {"name": "echo", "arguments": {"text": "x"}}, IN_FLIGHT)


@contextmanager
def everybody(environ: Mapping[str, str], count: int) -> Generator[dict[str, Contestant]]:
    """Start all of them before one server."""
    with serving(count) as port, ExitStack() as stack:
        wires: dict[str, Contestant] = {}
        for way in WAYS:
            wire = stack.enter_context(start(way, port, environ))
            wire.open()
            wire.request("tools/list")
            wires[way] = wire
        yield wires


def calls(environ: Mapping[str, str], rounds: int) -> None:
    """Calls in a row, now and then, many at once, and a big one; alternating, so noise hits all."""
    single, lone, batch, big = ({way: Samples() for way in WAYS} for _ in range(4))
    asked = {"name": "big", "arguments": {"size": BIG}}
    with everybody(environ, 10) as wires:
        for _ in range(rounds // IN_A_ROW):
            for way, wire in wires.items():
                batch[way].add(timed(lambda w=wire: at_once(w)) * 1000)
                took = timed(lambda w=wire: w.request("tools/call", asked))
                big[way].add(BIG / took / 1e6)
                for _call in range(IN_A_ROW):
                    single[way].add(timed(lambda w=wire: call(w)) * 1000)
        for _ in range(rounds // 4):
            for way, wire in wires.items():
                lone[way].add(timed(lambda w=wire: call(w)) * 1000)
    table(
        f"remote server: {rounds} calls each, {IN_A_ROW} in a row, and {rounds // 4} now and then",
        HEAD,
        [
            row("call p50", "ms", single, reach="0.6"),
            row("call p99", "ms", single, lambda found: found.percentile(0.99)),
            row("now and then, p50", "ms", lone),
            row(f"{IN_FLIGHT} in flight", "ms", batch),
            row("a result of 10 MB", "MB/s", big),
        ],
    )


def lists(environ: Mapping[str, str], rounds: int) -> None:
    """Lists of 10 to 5,000 tools."""
    rows: list[tuple[str, ...]] = []
    for count in SIZES:
        samples = {way: Samples() for way in WAYS}
        with everybody(environ, count) as wires:
            for _ in range(rounds):
                for way, wire in wires.items():
                    samples[way].add(timed(lambda w=wire: w.request("tools/list")) * 1000)
        rows.append(row(f"{count} tools", "ms", samples))
    table(f"remote server: tools/list, medians of {rounds}", HEAD, rows)


def main(home: Path, *, quick: bool) -> None:
    """Run all of it, signed in with a warm cache."""
    with Emulator() as emulator:
        policy = POLICY.replace("roles:", "default: allow\nroles:")
        environ = signed_in(emulator, home, policy)
        starts(environ, 2 if quick else 10)
        calls(environ, 200 if quick else 2000)
        lists(environ, 3 if quick else 15)
