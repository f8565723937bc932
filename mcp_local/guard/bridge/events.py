"""Server-sent events, as they come (WHATWG HTML, 9.2.6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LARGEST_EVENT = 64 * 1024 * 1024
"""Bytes (SECURITY.md M16)."""


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
        self.retry: float | None = None
        self._rest: list[bytes] = []
        """An unfinished line, in pieces: a large event comes in thousands of them."""
        self._after_return = False
        self._data: list[bytes] = []
        self._name = ""
        self._size = 0

    def read(self, pieces: Iterable[bytes]) -> Iterator[Event]:
        """Yield the events in the pieces; an unfinished one at the end is dropped, as it must be.

        Raises:
            EventTooLarge: one is.
        """
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
            yield b"".join(self._rest)
            self._rest.clear()
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
                self.last_id = value.decode("utf-8", "replace")
            case b"retry" if value.isdigit():
                self.retry = min(float(value) / 1000, 3600.0)
            case _:  # a comment, or a field that means nothing
                pass

    def _dispatch(self) -> Event | None:
        self._size = 0
        data, name = self._data, self._name
        self._data, self._name = [], ""
        if not data:
            return None
        return Event(b"\n".join(data), name or "message", self.last_id, self.retry)
