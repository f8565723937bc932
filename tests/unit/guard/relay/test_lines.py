"""A server's standard output as messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies as st

from mcp_local.guard.relay.lines import LineTooLong, messages

if TYPE_CHECKING:
    from collections.abc import Iterable

LINES = st.lists(
    st.one_of(
        st.binary(max_size=12).map(lambda data: data.replace(b"\n", b"")),
        st.sampled_from([b'{"id":1}', b'[{"id":1}]', b" {}\r", b"[INFO] up", b"", b"\xff", b"{"]),
    )
)


def split(chunks: Iterable[bytes], limit: int = 100) -> tuple[list[bytes], list[bytes]]:
    """Return the messages and what was skipped."""
    skipped: list[bytes] = []
    rest = iter(chunks)
    found = list(messages(lambda: next(rest, b""), skipped.append, limit))
    return found, skipped


def test_messages_come_as_they_are() -> None:
    """Each line that may be a message is there to the byte, but for its line feed."""
    found, skipped = split([b'{"a":1}\n { } \r\n', b'[ {"b":2}]\n{"\xff"', b'"}\n'])
    assert found == [b'{"a":1}', b" { } \r", b'[ {"b":2}]', b'{"\xff""}']
    assert skipped == []


def test_what_is_no_message_is_skipped() -> None:
    """Banners, logs, numbers and a line that was cut off are no messages; blank lines nothing."""
    found, skipped = split([b"Server 1.0\n\n[INFO] listening\n \r\n7\nnull\n", b'{"cut'])
    assert found == []
    assert skipped == [b"Server 1.0", b"[INFO] listening", b"7", b"null", b'{"cut']


@given(LINES, st.lists(st.integers(1, 9)))
def test_it_makes_no_difference_how_the_bytes_arrive(lines: list[bytes], cuts: list[int]) -> None:
    """The same bytes in any pieces are the same messages."""
    data = b"".join(line + b"\n" for line in lines)
    pieces: list[bytes] = []
    rest = data
    for cut in cuts:
        pieces, rest = [*pieces, rest[:cut]], rest[cut:]
    assert split([each for each in [*pieces, rest] if each]) == split([data] if data else [])


@pytest.mark.parametrize("chunks", [[b"{" + b"x" * 101 + b"\n"], [b"{", b"x" * 60, b"x" * 60]])
def test_a_line_without_an_end_is_not_kept(chunks: list[bytes]) -> None:
    """A line over the limit ends the reading, whether its end was seen or not."""
    with pytest.raises(LineTooLong):
        split(chunks)
