"""Server-sent events, as they come (WHATWG HTML, 9.2.6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LARGEST_EVENT = 64 * 1024 * 1024
"""Bytes (SECURITY.md M16)."""
SHORTEST_RETRY = 0.1
"""Seconds before the next connection, however soon the server would have us back."""
_LONGEST_RETRY = 3600.0
_MARK = b"\xef\xbb\xbf"
"""May stand before a stream, and is no part of it."""


class EventTooLarge(Exception):
    """One event is larger than :data:`LARGEST_EVENT`."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event."""

    data: bytes
    """Its lines, joined by line feeds."""
    name: str
    last_id: str
    """The last ``id`` seen on this stream, here or before."""
    retry: float | None
    """Seconds before the next connection, where the server has said."""


class Parser:
    """Puts events together from pieces of a stream; keeps what must outlive it."""

    def __init__(self) -> None:
        self.last_id = ""
        """Of the last whole event: what broke off is to come again."""
        self.retry: float | None = None
        self._begin()

    def _begin(self) -> None:
        """Forget what broke off with the stream before."""
        self._first = True
        self._rest: list[bytes] = []
        """An unfinished line, in pieces: a large event comes in thousands of them."""
        self._after_return = False
        self._data: list[bytes] = []
        self._name = ""
        self._id = self.last_id
        self._size = 0

    def read(self, pieces: Iterable[bytes]) -> Iterator[Event]:
        """Yield the events in the pieces; an unfinished one at the end is dropped, as it must be.

        Raises:
            EventTooLarge: one is.
        """
        self._begin()
        for piece in pieces:
            for line in self._lines(piece):
                if line:
                    self._field(line)
                elif event := self._dispatch():
                    yield event

    def _lines(self, piece: bytes) -> Iterator[bytes]:
        self._size += len(piece)
        if self._size > LARGEST_EVENT:
            raise EventTooLarge
        if self._after_return and piece.startswith(b"\n"):
            piece = piece[1:]
        self._after_return = piece.endswith(b"\r")
        if b"\r" in piece:  # a bare one ends a line, too
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *whole, rest = piece.split(b"\n")
        for line in whole:
            self._rest.append(line)
            joined = b"".join(self._rest)
            self._rest.clear()
            yield joined.removeprefix(_MARK) if self._first else joined
            self._first = False
        if rest:
            self._rest.append(rest)

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match name:
            case b"data":
                self._data.append(value)
            case b"event":
                self._name = value.decode("utf-8", "replace")
            case b"id" if b"\0" not in value:
                self._id = value.decode("utf-8", "replace")
            case b"retry" if value.isdigit():
                self.retry = min(max(float(value) / 1000, SHORTEST_RETRY), _LONGEST_RETRY)
            case _:  # a comment, or a field that means nothing
                pass

    def _dispatch(self) -> Event | None:
        self._size = 0
        self.last_id = self._id
        data, name = self._data, self._name
        self._data, self._name = [], ""
        if not data:
            return None
        return Event(b"\n".join(data), name or "message", self.last_id, self.retry)
