"""A server's standard output as messages: whole lines of bounded length, without the noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_MESSAGE: Final = 64 * 1024 * 1024
"""Bytes of one message of a server (M16)."""


class LineTooLong(Exception):
    """A line without an end: who writes it is no longer listened to."""


def messages(
    read: Callable[[], bytes], skipped: Callable[[bytes], None], limit: int = MAX_MESSAGE
) -> Iterator[bytes]:
    """Yield each line that may be a JSON-RPC message, as it came, without its line feed.

    ``read`` returns the next bytes, none at the end. Banners, logs, and a last line that was cut
    off are given to ``skipped``; what looks like a message is for the relay to judge.

    Raises:
        LineTooLong: a line is longer than ``limit`` bytes.
    """
    begun = bytearray()
    while chunk := read():
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            if begun:
                begun += line
                line = bytes(begun)  # noqa: PLW2901 - the same line, whole
                begun.clear()
            if len(line) > limit:
                raise LineTooLong
            if is_message(line):
                yield line
            elif line.strip():
                skipped(line)
        begun += rest
        if len(begun) > limit:
            raise LineTooLong
    if begun:
        skipped(bytes(begun))


def is_message(line: bytes) -> bool:
    """Whether a line may hold a JSON object, or a batch of them, and is no banner.

    Cheap: looks at the first characters only.
    """
    if line.startswith(b"{"):
        return True
    start = line[:64].lstrip(b" \t\r")
    return start.startswith(b"{") or (start[:1] == b"[" and start[1:].lstrip().startswith(b"{"))
