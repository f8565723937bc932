"""What every benchmark here shares: a bare client of the wire, medians, ratios, tables."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MODERN = "2026-07-28"
HANDSHAKE = "2025-06-18"
CLIENT = {"name": "bench", "version": "1"}


class Wire:
    """A server process spoken to in raw JSON lines, so that no client library is measured."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], *, modern: bool) -> None:
        self._modern = modern
        self._id = 0
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def _send(self, message: Mapping[str, object]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        self._process.stdin.flush()

    def request(self, method: str, params: Mapping[str, object] | None = None) -> bytes:
        """Send one request and return the raw line that answers it."""
        return self._receive(self._post(method, params))

    def request_all(self, method: str, params: Mapping[str, object], times: int) -> None:
        """Send as many requests at once, and wait for all of their answers."""
        for _ in range(times):
            self._post(method, params)
        assert self._process.stdout is not None
        for _ in range(times):
            self._process.stdout.readline()

    def _post(self, method: str, params: Mapping[str, object] | None) -> int:
        self._id += 1
        body = dict(params or {})
        if self._modern:
            body["_meta"] = {
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientInfo": CLIENT,
                "io.modelcontextprotocol/clientCapabilities": {},
            }
        self._send({"jsonrpc": "2.0", "id": self._id, "method": method, "params": body})
        return self._id

    def _receive(self, ident: int) -> bytes:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if f'"id":{ident},'.encode() in line[:80] or line.endswith(
                f'"id":{ident}}}\n'.encode()
            ):
                return line
        raise RuntimeError(f"the server ended instead of answering request {ident}")

    def open(self) -> float:
        """Do what comes first in this era; return seconds since the process was started."""
        if self._modern:
            self.request("server/discover")
            return time.perf_counter() - self.started
        params = {"protocolVersion": HANDSHAKE, "capabilities": {}, "clientInfo": CLIENT}
        self.request("initialize", params)
        took = time.perf_counter() - self.started
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return took

    @property
    def pid(self) -> int:
        """The process that was started."""
        return self._process.pid

    def memory(self) -> float:
        """Resident memory of the server process in MiB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024


@dataclass
class Samples:
    """The numbers of one contestant for one measure."""

    values: list[float] = field(default_factory=list[float])

    def add(self, value: float) -> None:
        """Keep one more number."""
        self.values.append(value)

    @property
    def median(self) -> float:
        """The middle number."""
        return statistics.median(self.values)

    def percentile(self, share: float) -> float:
        """The number that ``share`` (0 to 1) of all don't exceed."""
        ordered = sorted(self.values)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def timed(action: Callable[[], object]) -> float:
    """Return how many seconds ``action`` takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table in Markdown."""
    print(f"\n### {title}\n")
    print("| " + " | ".join(head) + " |")
    print("|" + " --- |" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    sys.stdout.flush()
