"""Server-sent events, read from pieces."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from mcp_local.guard.bridge import events
from mcp_local.guard.bridge.events import Event, EventTooLarge, Parser

STREAM = (
    b"\xef\xbb\xbf: a comment\r\n\r\n"
    b"event: endpoint\ndata: /post\n\n"
    b"id: 7\rdata: one\rdata:two\r\r"
    b"retry: 250\ndata\n\n"
    b"id: a\0b\nretry: soon\nunknown: x\ndata:  spaced\r\n\r\n"
    b"data: never finished\n"
)
EVENTS = [
    Event(b"/post", "endpoint", "", None),
    Event(b"one\ntwo", "message", "7", None),
    Event(b"", "message", "7", 0.25),
    Event(b" spaced", "message", "7", 0.25),
]


def test_a_stream_is_read_as_the_standard_says() -> None:
    """Line ends of all kinds, joined lines, ids that stay, comments, and an unfinished end."""
    assert list(Parser().read([STREAM])) == EVENTS


@given(st.lists(st.integers(0, len(STREAM))))
def test_it_doesnt_matter_how_it_is_cut(cuts: list[int]) -> None:
    """The same events come out of any pieces."""
    edges = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[start:end] for start, end in pairwise(edges)]
    assert list(Parser().read(pieces)) == EVENTS


@pytest.mark.parametrize("cut", range(5))
def test_a_byte_order_mark_is_no_part_of_the_first_line(cut: int) -> None:
    """Some servers write one; their first event may be the answer."""
    stream = b"\xef\xbb\xbfdata: 1\n\ndata: \xef\xbb\xbf2\n\n"
    data = [event.data for event in Parser().read([stream[:cut], stream[cut:]])]
    assert data == [b"1", b"\xef\xbb\xbf2"]


@pytest.mark.parametrize("end", [b"data: brok", b"data: broken\n", b"event: other\n", b"id: 8\r"])
def test_nothing_of_what_broke_off_stands_in_the_next_stream(end: bytes) -> None:
    """The rest comes whole; what is kept is the last event's id and the pause."""
    parser = Parser()
    assert len(list(parser.read([b"id: 7\nretry: 200\ndata: one\n\n", end]))) == 1
    assert list(parser.read([b"data: two\n\n"])) == [Event(b"two", "message", "7", 0.2)]


def test_a_server_can_not_have_us_come_back_without_a_pause() -> None:
    """It would be asked as often as the machine can, for as long as it lives."""
    parser = Parser()
    list(parser.read([b"retry: 0\n\n"]))
    assert parser.retry == events.SHORTEST_RETRY


def test_an_event_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded (M16)."""
    monkeypatch.setattr(events, "LARGEST_EVENT", 100)
    with pytest.raises(EventTooLarge):
        list(Parser().read([b"data: "] + [b"x" * 10] * 20))
    small = b"data: 1234567890\n\n"
    assert len(list(Parser().read([small] * 20))) == 20
