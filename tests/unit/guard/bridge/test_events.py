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


def test_an_event_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded (M16)."""
    monkeypatch.setattr(events, "LARGEST_EVENT", 100)
    with pytest.raises(EventTooLarge):
        list(Parser().read([b"data: "] + [b"x" * 10] * 20))
    small = b"data: 1234567890\n\n"
    assert len(list(Parser().read([small] * 20))) == 20
