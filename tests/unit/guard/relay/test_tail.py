"""What a server says on its standard error."""

from __future__ import annotations

from mcp_local.guard.relay.tail import Quota, Tail
from tests.support.notes import Notes


def test_the_last_lines_are_kept_and_all_are_logged() -> None:
    """Lines are whole however they arrive; blank ones are nothing."""
    notes = Notes()
    tail = Tail(notes, "said")
    for chunk in (b"one\ntw", b"o\r\n\n  \nthr", b"ee"):
        tail.feed(chunk)
    tail.close()
    assert tail.lines == ("one", "two", "three")
    assert [note["line"] for note in notes.of("said")] == ["one", "two", "three"]


def test_lines_cannot_steer_a_terminal_or_grow_for_ever() -> None:
    """Control characters and bad UTF-8 are taken out; what is long is cut, with or without end."""
    tail = Tail(Notes(), "said")
    tail.feed(b"\x1b[31mred \xff\n" + b"x" * 5000)
    for _ in range(100):
        tail.feed(b"y" * 5000)
    tail.feed(b"\nnext\n")
    assert tail.lines == ("[31mred \ufffd", "x" * 2048, "next")


def test_a_flood_is_not_logged() -> None:
    """200 lines at once are logged; then 10 a second, with how many were left out."""
    now = 0.0
    quota = Quota(lambda: now)
    assert [quota.take() for _ in range(300)].count(None) == 100
    now = 1.0
    assert [quota.take() for _ in range(12)] == [100, *[0] * 9, None, None]
    now = 100.0
    assert quota.take() == 2


def test_what_was_left_out_is_told() -> None:
    """The log says that there was more."""
    notes = Notes()
    tail = Tail(notes, "said")
    tail.feed(b"line\n" * 1000)
    assert len(notes.of("said")) == 200
    assert tail.lines == ("line",) * 20
