"""A remote server as an upstream, against real HTTP servers that behave well and badly."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from mcp_local.guard.bridge.credential import Challenge, FixedHeaders, NoCredential
from mcp_local.guard.upstream import UpstreamGone
from tests.support import site
from tests.support.bridge import bridge
from tests.support.scripted import HELLO, Exchange, scripted, well_behaved
from tests.support.sessions import FRAMES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def _error(answer: Mapping[str, Any]) -> str:
    return answer["error"]["message"]


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
    assert server.came[-2].body == message or message in [came.body for came in server.came]


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


def test_a_broken_stream_is_resumed(tmp_path: Path) -> None:
    """The rest is asked for with the last event's id, as soon as the server said."""

    def script(exchange: Exchange) -> None:
        if exchange.came.method == "POST" and exchange.came.message["method"] == "tools/call":
            exchange.begin_events()
            exchange.write(b"id: e1\nretry: 10\ndata:\n\n")
        elif exchange.came.headers.get("last-event-id") == "e1":
            exchange.begin_events()
            exchange.event({"jsonrpc": "2.0", "id": "the-call", "result": {"late": True}}, id="e2")
        else:
            well_behaved(exchange)

    with scripted(script) as server, bridge(server.url, home=tmp_path) as here:
        here.open()
        answer = here.answer(here.post("tools/call", id="the-call"))
    assert answer["result"] == {"late": True}


def test_an_answer_that_breaks_off_in_the_middle_comes_whole(tmp_path: Path) -> None:
    """What came of it isn't put before the rest."""

    def script(exchange: Exchange) -> None:
        if exchange.came.method == "POST" and exchange.came.message["method"] == "tools/call":
            exchange.begin_events()
            exchange.write(b'id: e1\nretry: 10\ndata:\n\nid: e2\ndata: {"jsonrpc": "2.0", "id"')
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
        assert "isn't known" in _error(here.answer(here.modern("tools/call")))
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
    """A server that was restarted gets the handshake again, then the call."""
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
        assert len(here.heard) == 2
    assert sessions == ["s0", "s1"]
    assert [came.headers["mcp-session-id"] for came in server.of("tools/call")] == ["s0", "s1"]
    assert len(server.of("notifications/initialized")) == 2


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
    """The level, then the subscriptions, then what was to be sent; the client hears none of it.

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
        assert len(here.heard) == heard + 1
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
            well_behaved(exchange)
            exchange.hang_up()

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


_REFUSALS = [
    (401, "it wants a token"),
    (403, "refuses this person"),
    (404, "no MCP server"),
    (405, "no MCP server"),
    (418, "HTTP status 418"),
    (429, "busy"),
    (500, "out of order"),
    (503, "out of order"),
]


@pytest.mark.parametrize(("status", "text"), _REFUSALS)
def test_a_refusal_is_an_error_that_says_so(tmp_path: Path, status: int, text: str) -> None:
    """Whatever it is, the client gets an answer, and the log the reason."""
    with (
        scripted(lambda exchange: exchange.answer(status, b"no")) as server,
        bridge(server.url, home=tmp_path) as here,
    ):
        assert text in _error(here.answer(here.modern("tools/call")))
        assert here.log.lines[0][0] == "remote_problem"
        assert text in str(here.log.lines[0][1]["why"])


def test_an_error_in_a_refusals_body_is_the_answer(tmp_path: Path) -> None:
    """Servers answer 400 and 404 with a JSON-RPC error; its id may be null."""
    body = b'{"jsonrpc": "2.0", "id": null, "error": {"code": -32602, "message": "m", "data": [1]}}'
    with (
        scripted(lambda exchange: exchange.answer(400, body)) as server,
        bridge(server.url, home=tmp_path) as here,
    ):
        answer = here.answer(here.modern("tools/call", id="mine"))
    assert answer["error"] == {"code": -32602, "message": "m", "data": [1]}


def test_a_server_of_the_older_era_lets_the_client_fall_back(tmp_path: Path) -> None:
    """It doesn't know ``server/discover``: the client hears that there is no such method."""
    with (
        scripted(lambda exchange: exchange.answer(400, b"what?")) as server,
        bridge(server.url, home=tmp_path) as here,
    ):
        assert here.answer(here.modern("server/discover"))["error"]["code"] == -32601


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html>hello</html>", "text/html"),
        (b"not JSON", "application/json"),
        (b'["a list"]', "application/json"),
        (b"", ""),
    ],
)
def test_what_is_no_mcp_server_is_named_so(tmp_path: Path, body: bytes, kind: str) -> None:
    """A page, garbage, or nothing."""

    def script(exchange: Exchange) -> None:
        exchange.answer(200, body, Content_Type=kind)

    with scripted(script) as server, bridge(server.url, home=tmp_path) as here:
        assert "no MCP server" in _error(here.answer(here.modern("tools/call")))
        assert "no MCP server" in _error(here.open())


@pytest.mark.parametrize(
    "body",
    [
        {"id": "other", "result": {}},
        {"id": "7", "result": {}},
        {"id": 7.0, "result": {}},
        {"id": 7, "method": "ping"},
        {"method": "notifications/message", "params": {}},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
def test_something_else_in_the_place_of_the_answer_leaves_nobody_waiting(
    tmp_path: Path, body: Mapping[str, Any], kind: str
) -> None:
    """What it says is heard; the request gets an error."""

    def script(exchange: Exchange) -> None:
        text = json.dumps({"jsonrpc": "2.0", **body}).encode()
        if kind == "text/event-stream":
            text = b"data: " + text + b"\n\n"
        exchange.answer(200, text, Content_Type=kind)

    with scripted(script) as server, bridge(server.url, home=tmp_path) as here:
        here.modern("tools/call", id=7)
        error = here.wait(lambda message: message.get("id") == 7 and "error" in message)
        assert "where its answer is due" in _error(error) or "before the answer" in _error(error)
        assert body.items() <= here.heard[0].items()


def test_bytes_that_the_relay_would_not_read_are_made_readable_or_an_error(tmp_path: Path) -> None:
    """A byte order mark goes; what isn't in UTF-8 is no message (RFC 8259, 8.1)."""
    encodings = iter(("utf-8-sig", "utf-16", "utf-32"))

    def script(exchange: Exchange) -> None:
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": exchange.came.message["id"], "result": {}}
        body = json.dumps(answer).encode(next(encodings))
        exchange.answer(200, body, Content_Type="application/json")

    with scripted(script) as server, bridge(server.url, home=tmp_path) as here:
        assert here.answer(here.modern("ping"))["result"] == {}
        for _ in range(2):
            assert "no JSON-RPC message" in _error(here.answer(here.modern("ping")))


def test_a_request_that_is_only_accepted_is_an_error(tmp_path: Path) -> None:
    """202 says that nothing will follow."""
    with (
        scripted(lambda exchange: exchange.answer(202)) as server,
        bridge(server.url, home=tmp_path) as here,
    ):
        assert "said nothing" in _error(here.answer(here.modern("tools/call")))


def test_out_of_reach(tmp_path: Path) -> None:
    """Nothing listens there: an error at once, not a hang."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with bridge(f"http://127.0.0.1:{port}/mcp", home=tmp_path) as here:
        assert "can't be reached" in _error(here.open())


def test_a_certificate_that_nobody_trusts(tmp_path: Path) -> None:
    """TLS is never bypassed; with the CA in the settings the server is reached."""
    with site.serve(tmp_path) as secure:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {}}).encode()
        secure.replies["/mcp"] = site.Reply(body, 200, {"Content-Type": "application/json"})
        secret = FixedHeaders({"X-Key": "canary"}, "")
        with bridge(f"{secure.url}/mcp", secret, home=tmp_path) as here:
            assert "can't be trusted" in _error(here.answer(here.modern("ping")))
        assert secure.requests == []
        trusted = bridge(f"{secure.url}/mcp", secret, home=tmp_path, ca_file=str(secure.ca_file))
        with trusted as here:
            assert here.answer(here.modern("ping"))["result"] == {}
        assert secure.headers[0]["x-key"] == "canary"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_nothing_follows_a_redirect_to_another_origin(tmp_path: Path, status: int) -> None:
    """Neither the message nor the credential; the error names the place."""
    with scripted(well_behaved) as elsewhere:

        def script(exchange: Exchange) -> None:
            exchange.answer(status, Location=f"{elsewhere.url}?secret=1")

        secret = FixedHeaders({"Authorization": "Bearer canary"}, "")
        with scripted(script) as server, bridge(server.url, secret, home=tmp_path) as here:
            text = _error(here.answer(here.modern("tools/call")))
        assert elsewhere.url in text
        assert "secret" not in text
        assert elsewhere.came == []


def test_a_redirect_within_the_origin_is_followed_once(tmp_path: Path) -> None:
    """The message is sent again as it is, and from then on to the right place at once."""

    def script(exchange: Exchange) -> None:
        if exchange.came.path == "/mcp":
            exchange.answer(308, Location="/mcp/")
        else:
            well_behaved(exchange)

    with scripted(script) as server, bridge(server.url, home=tmp_path) as here:
        here.open()
        assert "result" in here.ask("ping")
        assert [came.path for came in server.came].count("/mcp") == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_where_a_browser_would_be_led_no_message_goes(tmp_path: Path, status: int) -> None:
    """An address that shows people its documentation takes messages as before."""

    def script(exchange: Exchange) -> None:
        if exchange.came.method == "GET" and exchange.came.path == "/mcp":
            exchange.answer(status, Location="/docs")
        elif exchange.came.path != "/mcp":
            exchange.answer(200, b"<p>Read me", Content_Type="text/html")
        else:
            well_behaved(exchange)

    with scripted(script) as server, bridge(server.url, home=tmp_path) as here:
        here.open()
        while not any(came.path == "/docs" for came in server.came):
            time.sleep(0.01)
        assert "result" in here.ask("ping")


def test_redirects_come_to_an_end(tmp_path: Path) -> None:
    """Round and round is an error."""
    with (
        scripted(lambda exchange: exchange.answer(307, Location="/mcp")) as server,
        bridge(server.url, home=tmp_path) as here,
    ):
        assert "redirects" in _error(here.answer(here.modern("ping")))


class Turnstile:
    """A credential that gets better each time it is refused, up to a point."""

    def __init__(self, good: int) -> None:
        self.shown = 0
        self.good = good
        self.challenges: list[Challenge] = []

    def headers(self, *, wait: float) -> Mapping[str, str]:
        """Return the current one."""
        del wait
        if self.good < 0:
            raise NoCredential("nobody is signed in")
        return {"Authorization": f"Bearer {self.shown}"}

    def renew(self, shown: Mapping[str, str], challenge: Challenge, *, wait: float) -> None:
        """Take the next one."""
        del shown, wait
        self.challenges.append(challenge)
        self.shown += 1


def test_a_refusal_is_healed_and_the_message_sent_again(tmp_path: Path) -> None:
    """Each refusal asks the credential for a better one, and the server gets the very message."""
    credential = Turnstile(2)

    def script(exchange: Exchange) -> None:
        if exchange.came.headers["authorization"] == "Bearer 2":
            well_behaved(exchange)
        else:
            exchange.answer(401, WWW_Authenticate='Bearer error="invalid_token", scope="a b"')

    with scripted(script) as server, bridge(server.url, credential, home=tmp_path) as here:
        assert here.answer(here.modern("tools/call"))["result"]
    assert [each.scope for each in credential.challenges] == ["a b", "a b"]
    assert len({came.body for came in server.came}) == 1


def test_a_server_that_refuses_for_ever_is_asked_four_times(tmp_path: Path) -> None:
    """No loop, whatever the credential believes."""
    with (
        scripted(lambda exchange: exchange.answer(401)) as server,
        bridge(server.url, Turnstile(99), home=tmp_path) as here,
    ):
        assert "doesn't accept the token" in _error(here.answer(here.modern("tools/call")))
        assert len(server.came) == 4


def test_without_a_credential_the_client_is_answered_by_the_bridge(tmp_path: Path) -> None:
    """It starts; the handshake with the server is made once there is somebody to make it for."""
    credential = Turnstile(-1)
    with scripted(well_behaved) as server, bridge(server.url, credential, home=tmp_path) as here:
        answer = here.open()["result"]
        assert answer["protocolVersion"] == "2025-11-25"
        assert answer["capabilities"]["tools"] == {"listChanged": True}
        assert "nobody is signed in" in _error(here.ask("tools/list"))
        assert here.answer(here.modern("server/discover"))["error"]["code"] == -32601
        assert server.came == []
        credential.good = 1
        assert "result" in here.ask("tools/list")
    methods = [came.message.get("method") for came in server.came if came.method == "POST"]
    assert methods == ["initialize", "notifications/initialized", "tools/list"]


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


def _older(exchange: Exchange, post_to: str = "/post", *, answers: bool = True) -> None:
    """Be a server of HTTP+SSE."""
    if exchange.came.method == "POST" and exchange.came.path == "/mcp":
        exchange.answer(405)
        return
    if exchange.came.method == "GET":
        exchange.begin_events()
        exchange.event(post_to, event="endpoint")
        _streams.append(exchange)
        _closing.wait(10)
        return
    exchange.answer(202)
    message = exchange.came.message
    if "id" in message and answers:
        result = HELLO if message["method"] == "initialize" else {"echo": message.get("params")}
        _streams[-1].event({"jsonrpc": "2.0", "id": message["id"], "result": result})


_streams: list[Exchange] = []
_closing = threading.Event()


@pytest.fixture(autouse=True)
def no_streams() -> Any:
    """Begin and end without a stream left open."""
    _streams.clear()
    _closing.clear()
    yield
    _closing.set()


def test_an_older_server_is_spoken_to_its_way(tmp_path: Path) -> None:
    """HTTP+SSE by fall-back: one stream, a POST for each message."""
    with scripted(_older) as server, bridge(server.url, home=tmp_path) as here:
        assert here.open()["result"] == HELLO
        assert here.ask("tools/call", {"a": 1})["result"] == {"echo": {"a": 1}}
        assert [came.path for came in server.of("tools/call")] == ["/post"]
        assert ("remote_session", {"level": "info", "transport": "older"}) in here.log.lines


def test_an_older_servers_stream_that_ends_is_opened_anew(tmp_path: Path) -> None:
    """Who waits gets an error; the next call begins another session, which is as the first was."""

    def script(exchange: Exchange) -> None:
        message = exchange.came.message
        if message.get("method") == "tools/call" and len(_streams) == 1:
            exchange.answer(202)
            _closing.set()
        else:
            _older(exchange)

    with scripted(script) as server, bridge(server.url, home=tmp_path) as here:
        here.open()
        here.ask("resources/subscribe", {"uri": "a://1"})
        assert "broke" in _error(here.ask("tools/call"))
        _closing.clear()
        heard = len(here.heard)
        assert "result" in here.ask("tools/call")
        assert len(here.heard) == heard + 1
        assert len(server.of("initialize")) == 4  # one refused and one over each stream
        subscribed = [came.message["params"] for came in server.of("resources/subscribe")]
        assert subscribed == [{"uri": "a://1"}] * 2


def test_an_older_server_sends_nobody_elsewhere(tmp_path: Path) -> None:
    """Where to post is within the origin, or nowhere."""
    with scripted(well_behaved) as elsewhere:

        def script(exchange: Exchange) -> None:
            _older(exchange, elsewhere.url)

        secret = FixedHeaders({"Authorization": "Bearer canary"}, "")
        with scripted(script) as server, bridge(server.url, secret, home=tmp_path) as here:
            assert "no MCP server" in _error(here.open())
        assert elsewhere.came == []
