"""Faults to inject: what a bad day at the authority, or on the way to it, looks like."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from mcp_local.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens to requests that match. Without ``status`` or ``body`` the real answer follows.

    ``Fault(path="*/token", status=503, retry_after=2)`` answers once with 503;
    ``Fault(path="*", hang=True, times=None)`` lets every request wait for ever.
    """

    path: str = "*"
    """Glob on the path (``*`` crosses ``/``), case-sensitive."""
    status: int = 0
    """Answer with this status instead of the real one."""
    body: bytes | None = None
    """Answer with this instead of the real body: garbage, half a document, 10 MB."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Headers of an answer made here, beside a JSON content type."""
    retry_after: int | None = None
    """Seconds; sent as ``Retry-After``."""
    delay: float = 0.0
    """Seconds before anything is answered."""
    hang: bool = False
    """Never answer, until the client goes away or the emulator stops."""
    cut: bool = False
    """Break the connection in the middle of the answer."""
    times: int | None = 1
    """How many requests it happens to; ``None``: all, until it is cleared."""

    @property
    def answers(self) -> bool:
        """Whether the fault makes the answer itself."""
        return bool(self.status) or self.body is not None

    def all_headers(self) -> dict[str, str]:
        """Return the headers of an answer made here."""
        waiting = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return {"Content-Type": "application/json", **waiting, **self.headers}


class Faults:
    """The faults in force; safe to change while the emulator runs. The oldest match happens."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: list[tuple[Fault, int | None]] = []
        self._happened: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let a fault happen.

        Raises:
            UsageError: it can never happen, or would change nothing.
        """
        if fault.times is not None and fault.times < 1:
            raise UsageError(f"a fault that happens {fault.times} times never happens")
        if not (fault.answers or fault.delay or fault.hang or fault.cut):
            raise UsageError("a fault needs a status, a body, a delay, hang or cut")
        with self._lock:
            self._left.append((fault, fault.times))

    def clear(self) -> None:
        """Let no more faults happen."""
        with self._lock:
            self._left.clear()

    def happened(self, fault: Fault) -> int:
        """Return how many requests a fault happened to."""
        with self._lock:
            return sum(1 for one in self._happened if one is fault)

    def take(self, path: str) -> Fault | None:
        """Return the fault that happens to a request for ``path``, and count it."""
        with self._lock:
            for number, (fault, left) in enumerate(self._left):
                if fnmatchcase(path, fault.path):
                    self._count(number, fault, left)
                    return fault
        return None

    def _count(self, number: int, fault: Fault, left: int | None) -> None:
        self._happened.append(fault)
        if left == 1:
            del self._left[number]
        elif left is not None:
            self._left[number] = (fault, left - 1)
