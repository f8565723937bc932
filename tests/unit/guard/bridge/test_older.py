"""Remote servers of HTTP+SSE, the transport of 2024-11-05."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from mcp_local.guard.bridge.credential import FixedHeaders
from tests.support.bridge import bridge, error_of
from tests.support.scripted import HELLO, Exchange, scripted, well_behaved

if TYPE_CHECKING:
    from pathlib import Path


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
        assert "broke" in error_of(here.ask("tools/call"))
        _closing.clear()
        heard = len(here.heard)
        assert "result" in here.ask("tools/call")
        assert len(here.heard) == heard + 2  # and that its tools may be others
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
            assert "no MCP server" in error_of(here.open())
        assert elsewhere.came == []
