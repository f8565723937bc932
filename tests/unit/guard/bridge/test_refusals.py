"""What a remote server that refuses, or is none, comes to at the client."""

from __future__ import annotations

import json
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from mcp_local.guard.bridge.credential import Challenge, FixedHeaders, NoCredential
from tests.support import site
from tests.support.bridge import bridge, error_of
from tests.support.scripted import Exchange, scripted, well_behaved

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


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
        assert text in error_of(here.answer(here.modern("tools/call")))
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
        assert "no MCP server" in error_of(here.answer(here.modern("tools/call")))
        assert "no MCP server" in error_of(here.open())


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
        assert "where its answer is due" in error_of(error) or "before the answer" in error_of(
            error
        )
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
            assert "no JSON-RPC message" in error_of(here.answer(here.modern("ping")))


def test_a_request_that_is_only_accepted_is_an_error(tmp_path: Path) -> None:
    """202 says that nothing will follow."""
    with (
        scripted(lambda exchange: exchange.answer(202)) as server,
        bridge(server.url, home=tmp_path) as here,
    ):
        assert "said nothing" in error_of(here.answer(here.modern("tools/call")))


def test_out_of_reach(tmp_path: Path) -> None:
    """Nothing listens there: an error at once, not a hang."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with bridge(f"http://127.0.0.1:{port}/mcp", home=tmp_path) as here:
        assert "can't be reached" in error_of(here.open())


def test_a_connection_that_breaks_is_no_server_that_is_away(tmp_path: Path) -> None:
    """It may have done what was asked before it hung up."""
    with scripted(Exchange.hang_up) as server, bridge(server.url, home=tmp_path) as here:
        error = error_of(here.answer(here.modern("tools/call")))
    assert "broke before the answer came; whether it was done there isn't known" in error
    assert len(server.came) == 1


def test_what_speaks_no_http_is_told_with_what_helps(tmp_path: Path) -> None:
    """Another program has that port: the address is to be looked at, not the call."""
    with socket.create_server(("127.0.0.1", 0)) as taken:

        def greet() -> None:
            connection, _ = taken.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        threading.Thread(target=greet, daemon=True).start()
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/mcp"
        with bridge(url, home=tmp_path) as here:
            assert "at that port" in error_of(here.answer(here.modern("tools/call")))


def test_a_certificate_that_nobody_trusts(tmp_path: Path) -> None:
    """TLS is never bypassed; with the CA in the settings the server is reached."""
    with site.serve(tmp_path) as secure:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {}}).encode()
        secure.replies["/mcp"] = site.Reply(body, 200, {"Content-Type": "application/json"})
        secret = FixedHeaders({"X-Key": "canary"}, "")
        with bridge(f"{secure.url}/mcp", secret, home=tmp_path) as here:
            assert "can't be trusted" in error_of(here.answer(here.modern("ping")))
        assert secure.requests == []
        trusted = bridge(f"{secure.url}/mcp", secret, home=tmp_path, ca_file=str(secure.ca_file))
        with trusted as here:
            assert here.answer(here.modern("ping"))["result"] == {}
        assert secure.headers[0]["x-key"] == "canary"


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
        assert "doesn't accept the token" in error_of(here.answer(here.modern("tools/call")))
        assert len(server.came) == 4


def test_without_a_credential_the_client_is_answered_by_the_bridge(tmp_path: Path) -> None:
    """It starts; the handshake with the server is made once there is somebody to make it for."""
    credential = Turnstile(-1)
    with scripted(well_behaved) as server, bridge(server.url, credential, home=tmp_path) as here:
        answer = here.open()["result"]
        assert answer["protocolVersion"] == "2025-11-25"
        assert answer["capabilities"]["tools"] == {"listChanged": True}
        assert "nobody is signed in" in error_of(here.ask("tools/list"))
        assert here.answer(here.modern("server/discover"))["error"]["code"] == -32601
        assert server.came == []
        credential.good = 1
        assert "result" in here.ask("tools/list")
    methods = [came.message.get("method") for came in server.came if came.method == "POST"]
    assert methods == ["initialize", "notifications/initialized", "tools/list"]
