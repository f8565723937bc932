"""Cancellations through the bridge: nothing holds them up, and what wasn't sent never is."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from mcp_local.guard.bridge.crew import AT_ONCE, Crew
from tests.support.bridge import PATIENCE, bridge
from tests.support.scripted import Exchange, scripted, well_behaved

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from mcp_local.guard.bridge.credential import Challenge


class Hesitant:
    """A credential that makes whoever asks first wait, as for a person who is to sign in."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.there = threading.Event()

    def headers(self, *, wait: float) -> Mapping[str, str]:
        """Return nothing, as soon as it is there; what can't wait isn't made to."""
        if wait:
            self.asked.set()
            assert self.there.wait(PATIENCE)
        return {}

    def renew(self, shown: Mapping[str, str], challenge: Challenge, *, wait: float) -> None:
        """Never be asked to."""
        del shown, challenge, wait
        raise AssertionError


def test_a_cancellation_does_not_wait_for_the_calls_that_hang(tmp_path: Path) -> None:
    """As many as may go on do, and more wait: it reaches the server while all of them hang."""
    more = 8
    hold, cancelled = threading.Event(), threading.Event()
    began = threading.Semaphore(0)

    def script(exchange: Exchange) -> None:
        method = exchange.came.message.get("method")
        if method == "tools/call":
            began.release()
            hold.wait(PATIENCE)
        elif method == "notifications/cancelled":
            cancelled.set()
        well_behaved(exchange)

    with scripted(script) as server, bridge(server.url, home=tmp_path) as here:
        here.open()
        calls = [here.post("tools/call") for _ in range(AT_ONCE + more)]
        for _ in range(AT_ONCE):
            assert began.acquire(timeout=PATIENCE)
        try:
            here.tell("notifications/cancelled", {"requestId": calls[-1]})
            here.tell("notifications/cancelled", {"requestId": calls[0]})
            assert cancelled.wait(PATIENCE)
        finally:
            hold.set()
        for call in calls[1:-1]:
            here.answer(call)
        told = server.of("notifications/cancelled")
        assert [came.message["params"]["requestId"] for came in told] == [calls[0]]
        assert calls[-1] not in [came.message["id"] for came in server.of("tools/call")]
        assert not {calls[0], calls[-1]} & {message.get("id") for message in here.heard}


@pytest.mark.parametrize("way", ["post", "modern"])
def test_what_was_cancelled_before_it_was_sent_never_is(tmp_path: Path, way: str) -> None:
    """Not when the person has signed in at last; the server hears of neither."""
    credential, later = Hesitant(), threading.Event()

    def script(exchange: Exchange) -> None:
        if exchange.came.message.get("method") == "notifications/later":
            later.set()
        well_behaved(exchange)

    with scripted(script) as server, bridge(server.url, credential, home=tmp_path) as here:
        here.open()
        ask: Callable[..., Any] = getattr(here, way)
        call = ask("tools/call")
        assert credential.asked.wait(PATIENCE)
        here.tell("notifications/cancelled", {"requestId": call})
        here.tell("notifications/later")
        assert later.wait(PATIENCE)
        credential.there.set()
        here.answer(ask("ping"))
        assert not server.of("tools/call")
        assert not server.of("notifications/cancelled")
        assert not any(message.get("id") == call for message in here.heard)


def test_more_requests_than_hands_wait_in_order() -> None:
    """The first that waited is the next; what is no request comes before them."""
    order: list[bytes] = []
    said, begun = threading.Semaphore(0), threading.Semaphore(0)
    hold = threading.Event()

    def begin(message: bytes) -> Callable[[], None] | None:
        if message.startswith(b"say"):
            order.append(message)
            said.release()
            return None

        def job() -> None:
            order.append(message)
            begun.release()
            hold.wait(PATIENCE)

        return job

    crew = Crew(begin, at_once=1)
    crew.start()
    crew.put(b"do 1")
    assert begun.acquire(timeout=PATIENCE)
    for message in (b"do 2", b"do 3", b"say 4"):
        crew.put(message)
    assert said.acquire(timeout=PATIENCE)
    hold.set()
    for _ in range(2):
        assert begun.acquire(timeout=PATIENCE)
    assert order == [b"do 1", b"say 4", b"do 2", b"do 3"]
    crew.stop()


def test_few_threads_are_left_of_many_calls_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next calls don't wait for new ones; the rest of them end."""
    monkeypatch.setattr("mcp_local.guard.bridge.crew._SPARE", 2)
    here = threading.Barrier(9)
    before = set(threading.enumerate())

    def meet() -> None:
        here.wait(PATIENCE)

    crew = Crew(lambda _message: meet)
    crew.start()
    for _ in range(8):
        crew.put(b"do")
    here.wait(PATIENCE)
    deadline = time.monotonic() + PATIENCE
    while len(left := set(threading.enumerate()) - before) > 2:
        assert time.monotonic() < deadline, left
        time.sleep(0.01)
    crew.stop()
    for thread in left:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_where_no_thread_can_be_started_calls_go_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody waits for ever, though the person may have no more processes."""
    done = threading.Semaphore(0)
    start = threading.Thread.start
    started: list[threading.Thread] = []

    def once(thread: threading.Thread) -> None:
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    crew = Crew(lambda _message: done.release)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", once)
        crew.start()
        for _ in range(3):
            crew.put(b"do")
        for _ in range(3):
            assert done.acquire(timeout=PATIENCE)
    crew.stop()
    started[0].join(PATIENCE)


def test_what_waits_at_the_end_is_not_begun() -> None:
    """Whoever stops wants no more to be sent."""
    begun: list[bytes] = []
    hold, started, listened, ended = (threading.Event() for _ in range(4))

    def begin(message: bytes) -> Callable[[], None] | None:
        if message == b"last":
            listened.set()
            return None

        def job() -> None:
            begun.append(message)
            started.set()
            hold.wait(PATIENCE)
            ended.set()

        return job

    before = set(threading.enumerate())
    crew = Crew(begin, at_once=1)
    crew.start()
    for message in (b"1", b"2", b"last"):
        crew.put(message)
    assert started.wait(PATIENCE)
    assert listened.wait(PATIENCE)
    crew.stop()
    hold.set()
    assert ended.wait(PATIENCE)
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE)
    assert begun == [b"1"]
