"""What the emulator was asked: paths, grant types and answers, never a secret."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import overload


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One request."""

    method: str
    path: str
    """Without the query, which may hold codes and states."""
    grant_type: str
    """At the token endpoint; else empty."""
    status: int
    """0 when no answer was given."""
    at: float
    """Seconds since the epoch."""
    seconds: float
    """From the request to the beginning of the answer."""


class RequestLog(Sequence[LoggedRequest]):
    """All requests so far, oldest first; safe to read while the emulator runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[LoggedRequest] = []

    def add(self, entry: LoggedRequest) -> None:
        """Append a request."""
        with self._lock:
            self._entries.append(entry)

    def clear(self) -> None:
        """Forget all requests so far."""
        with self._lock:
            self._entries.clear()

    def matching(self, path: str = "*", *, grant_type: str = "") -> list[LoggedRequest]:
        """Return the requests whose path matches the glob ``path`` (``*`` crosses ``/``)."""
        with self._lock:
            return [
                entry
                for entry in self._entries
                if fnmatchcase(entry.path, path)
                and (not grant_type or entry.grant_type == grant_type)
            ]

    def __len__(self) -> int:
        return len(self._entries)

    @overload
    def __getitem__(self, index: int) -> LoggedRequest: ...

    @overload
    def __getitem__(self, index: slice) -> list[LoggedRequest]: ...

    def __getitem__(self, index: int | slice) -> LoggedRequest | list[LoggedRequest]:
        return self._entries[index]
