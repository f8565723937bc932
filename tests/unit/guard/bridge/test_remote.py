"""A remote server as an upstream, against real HTTP servers that behave well and badly."""

from __future__ import annotations

import json
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from mcp_local.guard.upstream import UpstreamGone
from tests.support.bridge import bridge, error_of
from tests.support.scripted import HELLO, Exchange, scripted, well_behaved
from tests.support.sessions import FRAMES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def test_a_session_is_kept(tmp_path: Path) -> None:
    """Its id and version stand in the headers of all that follows, and the end is told."""
    with scripted(well_behaved) as server, bridge(server.url, home=tmp_path) as here:
        assert here.open()["result"] == HELLO
        assert here.ask("tools/call", {"name": "x"})["result"] == {"echo": {"name": "x"}}
        here.finish()
    headers = server.of("tools/call")[0].headers
    assert headers["mcp-session-id"] == "a-session"
    assert headers["mcp-protocol-version"] == "2025-11-25"
    assert "mcp-method" not in headers
    assert [came.method for came in server.came].count("DELETE") == 1


def test_the_very_bytes_are_sent(tmp_path: Path) -> None:
    """What was judged is what goes on: big numbers, odd spacing and unknown fields included."""
    message = (
        b'{"jsonrpc":"2.0", "id":7,"method":"tools/call","params":{"n":1.0e400,"x":[ ]},"y":0}'
    )
    with scripted(well_behaved) as server, bridge(server.url, home=tmp_path) as here:
        here.open()
        here.remote.send(message)
        here.answer(7)
    assert message in [came.body for came in server.came]


def test_a_stateless_request_carries_its_headers(tmp_path: Path) -> None:
    """Version, method and name stand in headers; what no header holds is encoded."""
    with scripted(well_behaved) as server, bridge(server.url, home=tmp_path) as here:
        here.answer(here.modern("tools/call", {"name": "weather"}))
        here.answer(here.modern("resources/read", {"uri": "note://ü"}))
        here.answer(here.modern("tools/list"))
    first, second, third = (came.headers for came in server.came)
    assert first["mcp-protocol-version"] == "2026-07-28"
    assert (first["mcp-method"], first["mcp-name"]) == ("tools/call", "weather")
    assert second["mcp-name"] == "=?base64?bm90ZTovL8O8?="
    assert "mcp-name" not in third
    assert "mcp-session-id" not in first


def test_arguments_are_mirrored_as_the_list_says(tmp_path: Path) -> None:
    """A tool may want arguments in headers; the list that passed says which."""
    schema = {
        "type": "object",
        "properties": {
            "region": {"type": "string", "x-mcp-header": "Region"},
            "deep": {"properties": {"on": {"type": "boolean", "x-mcp-header": "On"}}},
            "price": {"type": "number", "x-mcp-header": "Price"},
            "count": {"type": "integer", "x-mcp-header": "Count"},
        },
    }

    def script(exchange: Exchange) -> None:
        if exchange.came.message["method"] == "tools/list":
            exchange.result({"tools": [{"name": "t", "inputSchema": schema}, {"name": "u"}]})
        else:
            exchange.result({})

    with scripted(script) as server, bridge(server.url, home=tmp_path) as here:
        here.answer(here.modern("tools/list"))
        arguments = {"region": "Nürnberg", "deep": {"on": True}, "price": 1.5, "count": 3}
        here.answer(here.modern("tools/call", {"name": "t", "arguments": arguments}))
        here.answer(here.modern("tools/call", {"name": "u", "arguments": arguments}))
        here.answer(here.modern("tools/call", {"name": "t", "arguments": {"deep": 1}}))
    headers = server.came[1].headers
    assert headers["mcp-param-region"] == "=?base64?TsO8cm5iZXJn?="
    assert (headers["mcp-param-on"], headers["mcp-param-count"]) == ("true", "3")
    assert "mcp-param-price" not in headers
    for came in server.came[2:]:
        assert not any(name.startswith("mcp-param-") for name in came.headers)


def test_events_come_as_they_come(tmp_path: Path) -> None:
    """Progress before the answer; a pretty-printed message becomes one line."""

    def script(exchange: Exchange) -> None:
        ident = exchange.came.message["id"]
        exchange.begin_events()
        exchange.write(b": a comment\n\n")
        exchange.event({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"p": 1}})
        exchange.event("no message", event="other")
        exchange.event("no JSON")
        answer = json.dumps({"jsonrpc": "2.0", "id": ident, "result": {}}, indent=1)
        exchange.write(("data: " + answer.replace("\n", "\r\ndata: ") + "\r\n\r\n").encode())

    with scripted(script) as server, bridge(server.url, home=tmp_path) as here:
        answer = here.answer(here.modern("tools/call", {"name": "x"}))
        assert answer["result"] == {}
        assert [message.get("method") for message in here.heard] == ["notifications/progress", None]


def test_odd_frames_come_as_they_are(tmp_path: Path) -> None:
    """What the relay passes on from a server on pipes, it passes on from a remote one, too."""

    def script(exchange: Exchange) -> None:
        exchange.begin_events()
        for frame in FRAMES:
            exchange.write(b"data: " + frame + b"\n\n")
        exchange.event({"jsonrpc": "2.0", "id": exchange.came.message["id"], "result": {}})

    with scripted(script) as server, bridge(server.url, home=tmp_path) as here:
        here.answer(here.modern("tools/call"))
        came = [repr(message) for message in here.heard]  # to Python no NaN is another
    assert came[:-1] == [repr(json.loads(frame)) for frame in FRAMES]


def test_a_large_event_comes_whole(tmp_path: Path) -> None:
    """5 MB in one event."""
    text = "x" * 5_000_000

    def script(exchange: Exchange) -> None:
        exchange.begin_events()
        exchange.event({"jsonrpc": "2.0", "id": exchange.came.message["id"], "result": {"t": text}})

    with scripted(script) as server, bridge(server.url, home=tmp_path) as here:
        assert here.answer(here.modern("tools/call"))["result"]["t"] == text


@pytest.mark.parametrize(
    "half",
    [b"data:\n\n", b'data:\n\nid: e2\ndata: {"jsonrpc": "2.0", "id"'],
    ids=["between events", "in the middle of one"],
)
def test_a_broken_stream_is_resumed(tmp_path: Path, half: bytes) -> None:
    """The rest is asked for with the last whole event's id; half of one isn't put before it."""

    def script(exchange: Exchange) -> None:
        if exchange.came.method == "POST" and exchange.came.message["method"] == "tools/call":
            exchange.begin_events()
            exchange.write(b"id: e1\nretry: 10\n" + half)
        elif exchange.came.headers.get("last-event-id") == "e1":
            exchange.begin_events()
            exchange.event({"jsonrpc": "2.0", "id": "the-call", "result": {"late": True}}, id="e2")
        else:
            well_behaved(exchange)

    with scripted(script) as server, bridge(server.url, home=tmp_path) as here:
        here.open()
        answer = here.answer(here.post("tools/call", id="the-call"))
    assert answer["result"] == {"late": True}


def test_a_stream_that_ends_for_good_is_an_error(tmp_path: Path) -> None:
    """Nobody waits for an answer that can't come, and nothing is done twice."""

    def script(exchange: Exchange) -> None:
        exchange.begin_events()
        exchange.event({"jsonrpc": "2.0", "method": "notifications/message", "params": {}})

    with scripted(script) as server, bridge(server.url, home=tmp_path) as here:
        assert "isn't known" in error_of(here.answer(here.modern("tools/call")))
    assert len(server.came) == 1


def test_the_servers_own_stream_is_held_open(tmp_path: Path) -> None:
    """What it says by itself is heard, also after a break; its requests are answered."""
    opened: list[str] = []

    def script(exchange: Exchange) -> None:
        if exchange.came.method != "GET":
            well_behaved(exchange)
            return
        opened.append(exchange.came.headers.get("last-event-id", ""))
        exchange.begin_events()
        number = len(opened)
        exchange.event(
            {"jsonrpc": "2.0", "id": number, "method": "ping"}, id=str(number), retry="5"
        )
        if number > 1:
            time.sleep(0.5)

    with scripted(script) as server, bridge(server.url, home=tmp_path) as here:
        here.open()
        here.wait(lambda message: message.get("id") == 2 and message.get("method") == "ping")
        here.send({"jsonrpc": "2.0", "id": 2, "result": {}})
        here.ask("ping")
        assert {"jsonrpc": "2.0", "id": 2, "result": {}} in [came.message for came in server.came]
    assert opened[:2] == ["", "1"]


@pytest.mark.parametrize(
    ("status", "body"), [(404, b"gone"), (400, b'{"error": "Bad Request: No valid session ID"}')]
)
def test_a_forgotten_session_is_begun_anew(tmp_path: Path, status: int, body: bytes) -> None:
    """A server that was restarted gets the handshake again, then the call.

    Its lists may be others by now: those that it has are to be asked for again.
    """
    sessions: list[str] = []

    def script(exchange: Exchange) -> None:
        message, headers = exchange.came.message, exchange.came.headers
        if message.get("method") == "initialize":
            sessions.append(f"s{len(sessions)}")
            exchange.result(HELLO, Mcp_Session_Id=sessions[-1])
        elif message.get("method") == "tools/call" and headers["mcp-session-id"] == "s0":
            exchange.answer(status, body)
        else:
            well_behaved(exchange)

    with scripted(script) as server, bridge(server.url, home=tmp_path) as here:
        here.open()
        assert here.ask("tools/call", {"name": "x"})["result"] == {"echo": {"name": "x"}}
        told = [message.get("method", "an answer") for message in here.heard]
    assert told == ["an answer", "notifications/tools/list_changed", "an answer"]
    assert sessions == ["s0", "s1"]
    assert [came.headers["mcp-session-id"] for came in server.of("tools/call")] == ["s0", "s1"]
    assert len(server.of("notifications/initialized")) == 2


def test_a_session_is_of_one_person(tmp_path: Path) -> None:
    """The server may know by the session who it serves; nobody serves for a moment (M6)."""
    people = ["ada"]
    sessions: list[str] = []
    with (
        scripted(lambda exchange: _forgetful(exchange, sessions)) as server,
        bridge(server.url, home=tmp_path, whose=lambda: people[-1] or None) as here,
    ):
        here.open()
        here.ask("tools/call")
        for person in ("", "ada", "eve", "", "eve"):
            people.append(person)
            here.ask("tools/call")
    calls = [came.headers["mcp-session-id"] for came in server.of("tools/call")]
    assert calls == ["s0", "s0", "s0", "s1", "s1", "s1"]
    assert [came.method for came in server.came].count("DELETE") == 2


def test_what_is_said_to_one_person_is_not_told_another(tmp_path: Path) -> None:
    """The stream of a session ends with the first that comes after somebody else has signed in."""
    people, next_one = ["ada"], threading.Semaphore(0)

    def script(exchange: Exchange) -> None:
        if exchange.came.method != "GET":
            well_behaved(exchange)
            return
        exchange.begin_events()
        for number in range(3):
            exchange.event({"jsonrpc": "2.0", "method": "news", "params": {"number": number}})
            next_one.acquire(timeout=10)

    def heard(number: int) -> bool:
        return any(each.get("params") == {"number": number} for each in here.heard)

    with (
        scripted(script) as server,
        bridge(server.url, home=tmp_path, whose=lambda: people[-1] or None) as here,
    ):
        here.open()
        for person, number in (("", 0), ("eve", 1)):
            here.wait(lambda _, number=number: heard(number))
            people.append(person)
            next_one.release()
        here.ask("ping")
        assert not heard(2)
        next_one.release()


def test_a_call_is_sent_for_whom_it_was_judged(tmp_path: Path) -> None:
    """A sign-in that it waited for may have been somebody else's: nothing is sent then."""
    people = ["ada"]

    class SigningIn:
        """Somebody else signs in as soon as a person may be asked."""

        def headers(self, *, wait: float) -> Mapping[str, str]:
            if wait:
                people.append("eve")
            return {"Authorization": "Bearer of-eve"}

        def renew(self, shown: object, challenge: object, *, wait: float) -> None:
            """Nothing is refused."""

    with (
        scripted(well_behaved) as server,
        bridge(server.url, SigningIn(), home=tmp_path, whose=lambda: people[-1]) as here,
    ):
        here.open()
        assert "somebody else has signed in" in error_of(here.ask("tools/call", {"name": "x"}))
        assert server.of("tools/call") == []
        assert "result" in here.ask("tools/call", {"name": "x"})


@pytest.mark.parametrize("quiet", [0.05, 60.0])
def test_a_server_that_forgets_each_session_floods_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quiet: float
) -> None:
    """Who is told asks for lists, which begins a session, of which there is to tell (M17)."""
    monkeypatch.setattr("mcp_local.guard.bridge.changes._QUIET", quiet)
    sessions: list[str] = []
    with (
        scripted(lambda exchange: _forgetful(exchange, sessions)) as server,
        bridge(server.url, home=tmp_path) as here,
    ):
        here.open()
        for _ in range(4):
            here.ask("forget")
            assert "result" in here.ask("tools/list")
        told = [message for message in here.heard if "method" in message]
        assert len(told) == 1 or quiet < 1
        if quiet < 1:
            here.wait(lambda _: sum("method" in each for each in here.heard) > 1)
    assert len(server.of("initialize")) == 5


def _forgetful(exchange: Exchange, sessions: list[str]) -> None:
    """Be well-behaved but for ``forget``, after which the session isn't known any more."""
    message, session = exchange.came.message, exchange.came.headers.get("mcp-session-id")
    if message.get("method") == "initialize":
        sessions.append(f"s{len(sessions)}")
        exchange.result(HELLO, Mcp_Session_Id=sessions[-1])
    elif exchange.came.method == "POST" and session != sessions[-1]:
        exchange.answer(404)
    elif message.get("method") == "forget":
        sessions.append("nobody's")
        exchange.result({})
    else:
        well_behaved(exchange)


def test_what_lasted_as_long_as_the_session_is_asked_for_again(tmp_path: Path) -> None:
    """The level, then the subscriptions, then what was to be sent; the client hears no answers.

    Not what somebody else was subscribed to (M5, M6).
    """
    sessions: list[str] = []
    with (
        scripted(lambda exchange: _forgetful(exchange, sessions)) as server,
        bridge(server.url, home=tmp_path) as here,
    ):
        here.open()
        here.ask("logging/setLevel", {"level": "info"})
        here.ask("logging/setLevel", {"level": "error"})
        for uri in ("a://1", "a://2", "theirs://1", "a://3"):
            here.ask("resources/subscribe", {"uri": uri})
        here.ask("resources/unsubscribe", {"uri": "a://2"})
        here.ask("forget")
        before, heard = len(server.came), len(here.heard)
        here.ask("tools/call")
        again = [came.message for came in server.came[before:] if came.message.get("method")]
        assert [(each["method"], each.get("params")) for each in again[2:]] == [
            ("notifications/initialized", None),
            ("logging/setLevel", {"level": "error"}),
            ("resources/subscribe", {"uri": "a://1"}),
            ("resources/subscribe", {"uri": "a://3"}),
            ("tools/call", {}),
        ]
        assert [each.get("method") for each in here.heard[heard:]] == [
            "notifications/tools/list_changed",
            None,
        ]
        here.ask("forget")
        here.ask("initialize", {"protocolVersion": "2025-11-25"})
        before = len(server.came)
        here.ask("forget")
        here.ask("ping")
        assert not {"logging/setLevel", "resources/subscribe"} & {
            came.message.get("method") for came in server.came[before:]
        }


def test_a_session_that_cant_be_made_as_it_was_serves_nevertheless(tmp_path: Path) -> None:
    """The log knows; the call that was waiting goes on."""
    sessions: list[str] = []

    def script(exchange: Exchange) -> None:
        if exchange.came.message.get("method") == "logging/setLevel" and len(sessions) > 1:
            exchange.answer(500)
        else:
            _forgetful(exchange, sessions)

    with scripted(script) as server, bridge(server.url, home=tmp_path) as here:
        here.open()
        here.ask("logging/setLevel", {"level": "error"})
        here.ask("forget")
        assert "result" in here.ask("tools/call")
        assert "remote_not_restored" in [name for name, _ in here.log.lines]


def test_a_server_that_starts_again_is_waited_for(tmp_path: Path) -> None:
    """While nothing listens, a call waits a moment; it is sent once."""
    with ExitStack() as both:

        def script(exchange: Exchange) -> None:
            exchange.hang_up()  # so that nothing is sent on a connection of before
            well_behaved(exchange)

        first = scripted(script)
        server = first.__enter__()
        port = urlsplit(server.url).port or 0
        here = both.enter_context(bridge(server.url, home=tmp_path))
        here.open()
        here.ask("ping")
        first.__exit__(None, None, None)
        call = here.post("tools/call")
        time.sleep(0.1)
        again = both.enter_context(scripted(well_behaved, port))
        assert "result" in here.answer(call)
        assert len(again.of("tools/call")) == 1


def test_a_call_is_cancelled_by_hanging_up(tmp_path: Path) -> None:
    """A stateless one: the connection is closed, and nothing is answered; others go on."""
    hung_up = threading.Event()

    def script(exchange: Exchange) -> None:
        if exchange.came.message["method"] == "ping":
            exchange.result({})
            return
        exchange.begin_events()
        exchange.event({"jsonrpc": "2.0", "method": "notifications/progress", "params": {}})
        try:
            while True:
                exchange.write(b": still there\n\n")
                time.sleep(0.01)
        except OSError:
            hung_up.set()

    with scripted(script) as server, bridge(server.url, home=tmp_path) as here:
        call = here.modern("tools/call")
        here.wait(lambda message: message.get("method") == "notifications/progress")
        here.tell("notifications/cancelled", {"requestId": call})
        assert hung_up.wait(10)
        here.answer(here.modern("ping"))
        assert not any(message.get("id") == call for message in here.heard)
    assert server.of("notifications/cancelled") == []


def test_a_call_is_cancelled_before_anything_came(tmp_path: Path) -> None:
    """Also while the server hasn't said a word."""
    began, go_on = threading.Event(), threading.Event()

    def script(exchange: Exchange) -> None:
        if exchange.came.message["method"] == "tools/call":
            began.set()
            go_on.wait(10)
        exchange.result({})

    with scripted(script) as server, bridge(server.url, home=tmp_path) as here:
        call = here.modern("tools/call")
        assert began.wait(10)
        here.tell("notifications/cancelled", {"requestId": call})
        here.answer(here.modern("ping"))
        go_on.set()
        here.answer(here.modern("ping"))
        assert not any(message.get("id") == call for message in here.heard)


def test_in_the_handshake_era_a_cancellation_is_a_message(tmp_path: Path) -> None:
    """The server decides what it does with it."""
    with scripted(well_behaved) as server, bridge(server.url, home=tmp_path) as here:
        here.open()
        here.tell("notifications/cancelled", {"requestId": 99})
        here.ask("ping")
        assert len(server.of("notifications/cancelled")) == 1


def test_64_calls_go_side_by_side(tmp_path: Path) -> None:
    """None waits for another."""
    meeting = threading.Barrier(64, timeout=10)

    def script(exchange: Exchange) -> None:
        if exchange.came.message.get("method") == "tools/call":
            meeting.wait()
        well_behaved(exchange)

    with scripted(script) as server, bridge(server.url, home=tmp_path) as here:
        here.open()
        calls = [here.post("tools/call", {"number": number}) for number in range(64)]
        for number, call in enumerate(calls):
            assert here.answer(call)["result"]["echo"] == {"number": number}


def test_notifications_keep_their_place(tmp_path: Path) -> None:
    """What follows a notification is sent after it, however slow the server takes it."""

    def script(exchange: Exchange) -> None:
        if exchange.came.message.get("method") == "notifications/slow":
            time.sleep(0.1)
        well_behaved(exchange)

    with scripted(script) as server, bridge(server.url, home=tmp_path) as here:
        here.open()
        here.tell("notifications/slow")
        here.ask("ping")
        order = [came.message.get("method") for came in server.came if came.method == "POST"]
    assert order[-2:] == ["notifications/slow", "ping"]


def test_after_the_end_nothing_is_taken(tmp_path: Path) -> None:
    """Stopping twice is stopping; what is sent after it is refused; a call under way is let go."""
    hold = threading.Event()

    def script(exchange: Exchange) -> None:
        hold.wait(10)
        exchange.result({})

    with scripted(script) as server, bridge(server.url, home=tmp_path) as here:
        here.modern("tools/call")
        began = time.monotonic()
        here.finish()
        here.remote.stop()
        assert time.monotonic() - began < 5
        assert here.remote.ended
        with pytest.raises(UpstreamGone):
            here.tell("notifications/any")
        hold.set()
