"""The loopback listener under attack and fault (SECURITY.md O1-O9), with raw sockets."""

from __future__ import annotations

import asyncio
import errno
import re
import socket
import time
import tracemalloc
from contextlib import ExitStack

import pytest

from mcp_local.broker.loopback.http import BODY_LIMIT, HEAD_LIMIT, Response
from mcp_local.broker.loopback.sockets import open_loopback
from mcp_local.broker.signin import pages
from mcp_local.broker.signin.listener import Listener
from mcp_local.errors import SignInFailed
from tests.support.loopback import (
    AUTH_URI,
    STATE,
    Serving,
    good_form,
    read_all,
    serving,
    status_of,
    within,
)


def _goes_on(served: Serving) -> None:
    """Assert that nothing was redeemed yet, and that the real answer still is."""
    assert served.redeemed == []
    with within(1.0):
        page = served.answer()
    assert status_of(page) == 200
    assert [form["code"] for form in served.redeemed] == ["a-code"]


def test_authentic_answer_is_redeemed_and_the_browser_gets_the_page() -> None:
    """The form of the authority is handed on as it is, and its page comes back whole."""
    with serving() as served:
        page = served.answer()
        assert served.over()
        assert served.failure is None
    assert served.redeemed == [{"code": "a-code", "state": STATE, "session_state": "s"}]
    head, _, body = page.partition(b"\r\n\r\n")
    assert b"Rita Reader" in body
    assert b"Claude Desktop" in body
    assert f"Content-Length: {len(body)}".encode() in head
    assert b"Cache-Control: no-store" in head
    assert b"Content-Security-Policy: default-src 'none';" in head


def test_an_error_of_the_authority_is_an_answer_too() -> None:
    """A declined sign-in ends the waiting at once."""
    with serving() as served:
        served.request(form=f"error=access_denied&error_description=no&state={STATE}")
        assert served.over()
    assert served.redeemed[0]["error"] == "access_denied"


@pytest.mark.parametrize(
    "form",
    [
        good_form(state="another"),
        good_form(state=STATE.upper()),
        good_form(state=""),
        "code=a-code",
        good_form() + f"&state={STATE}",
        good_form() + "&state=another",
        good_form() + "&code=another",
        f"state={STATE}",
        f"state={STATE}&code",
        "",
        "%ff=1&" + good_form().replace("a-code", "%ff"),
        "&".join(f"f{number}=1" for number in range(50)) + "&" + good_form(),
        "code=ä&state=" + STATE,
    ],
)
def test_wrong_missing_or_doubled_state_is_refused(form: str) -> None:
    """O1: 400, nothing is redeemed, and the sign-in goes on."""
    with serving() as served:
        assert status_of(served.send(_post(served, form.encode()))) == 400
        _goes_on(served)


def _post(served: Serving, body: bytes) -> bytes:
    head = served.raw(headers={"Content-Length": str(len(body))})
    return head + body


@pytest.mark.parametrize("path", [f"/?code=a-code&state={STATE}", "/"])
def test_code_in_an_address_is_refused(path: str) -> None:
    """O2: an answer by GET is refused with 400, and the sign-in goes on."""
    with serving() as served:
        assert status_of(served.request("GET", path)) == 400
        _goes_on(served)


def test_idle_and_slow_connections_hold_nothing_up() -> None:
    """O3: fifty idle connections and fifty that trickle; the real answer is served at once."""
    with serving() as served, ExitStack() as stack:
        idle = [stack.enter_context(served.connect()) for _ in range(50)]
        slow = [stack.enter_context(served.connect()) for _ in range(50)]
        for letter in b"POST":
            for peer in slow:
                _try_to_send(peer, bytes([letter]))
        _goes_on(served)
        assert served.over()
        assert all(read_all(peer) == b"" for peer in idle)


def _try_to_send(peer: socket.socket, data: bytes) -> None:
    try:
        peer.sendall(data)
    except ConnectionError:
        return  # it was ended to make room


def test_a_request_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """O3: a connection is closed when its request doesn't arrive in time."""
    monkeypatch.setattr("mcp_local.broker.loopback.server._REQUEST_TIME", 0.2)
    with serving() as served, served.connect() as peer:
        peer.sendall(b"POST / HT")
        assert read_all(peer) == b""
        _goes_on(served)


def test_memory_stays_bounded_under_large_requests() -> None:
    """O3: what a hundred connections send in full measure costs less than 5 MB."""
    with serving() as served, ExitStack() as stack:
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            for _ in range(100):
                peer = stack.enter_context(served.connect())
                peer.settimeout(0)
                head = served.raw(headers={"Content-Length": str(BODY_LIMIT)})
                _try_to_send_much(peer, head + b"x" * (BODY_LIMIT - 1))
            time.sleep(0.3)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak - before < 5_000_000
        _goes_on(served)


def _try_to_send_much(peer: socket.socket, data: bytes) -> None:
    try:
        peer.send(data)
    except (BlockingIOError, ConnectionError):
        return


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Length": "-1"}, 400),
        ({"Content-Length": "+5"}, 400),
        ({"Content-Length": "0x10"}, 400),
        ({"Content-Length": "5, 5"}, 400),
        ({"Content-Length": "9" * 30}, 400),
        ({"Content-Length": str(BODY_LIMIT + 1)}, 413),
        ({"Transfer-Encoding": "chunked"}, 411),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "multipart/form-data; boundary=x"}, 415),
    ],
)
def test_bodies_of_odd_length_or_kind_are_refused(headers: dict[str, str], status: int) -> None:
    """O4: they get their 4xx at once, and the sign-in goes on."""
    with serving() as served:
        with within(1.0):
            assert status_of(served.request(form="", headers=headers)) == status
        _goes_on(served)


def test_body_that_is_cut_is_dropped() -> None:
    """O4: a body shorter than announced is no answer."""
    with serving() as served:
        with served.connect() as peer:
            peer.sendall(_post(served, good_form().encode())[:-3])
            peer.shutdown(socket.SHUT_WR)
            assert read_all(peer) == b""
        _goes_on(served)


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"POST / HTTP/2.0\r\n\r\n",
        b"post / HTTP/1.1\r\n\r\n",
        b"POST  / HTTP/1.1\r\n\r\n",
        b"POST http://localhost/ HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost : localhost\r\n\r\n",
        b"POST / HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n",
        b"POST / HTTP/1.1\r\nA: \x00\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"POST / HTTP/1.1\nHost: a\r\n\r\n",
    ],
)
def test_what_no_browser_sends_is_refused(data: bytes) -> None:
    """Malformed requests get 400 and change nothing."""
    with serving() as served:
        assert status_of(served.send(data)) == 400
        _goes_on(served)


def test_endless_headers_are_refused() -> None:
    """O4: more than 16 KiB of headers are not read."""
    with serving() as served:
        answer = served.request(headers={"Cookie": "x" * (HEAD_LIMIT + 1)})
        assert status_of(answer) in {431, 0}  # the answer may be lost to a reset
        _goes_on(served)


def test_both_loopback_addresses_are_ours() -> None:
    """O5, O6: one port on 127.0.0.1 and on ::1, nothing else, and nobody can squat on either."""
    with serving() as served:
        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            with socket.socket(family) as squatter, pytest.raises(OSError, match="in use"):
                squatter.bind((host, served.port))
        assert status_of(served.request("GET", host="::1")) == 400
        outside = socket.gethostbyname(socket.gethostname())
        if not outside.startswith("127."):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((outside, served.port), timeout=5)


def test_a_port_that_is_taken_on_either_address_is_not_used() -> None:
    """O6: the next one is tried; where there is none, the sign-in says so."""
    with socket.socket(socket.AF_INET6) as squatter:
        squatter.bind(("::1", 0))
        squatter.listen()
        taken = squatter.getsockname()[1]
        with ExitStack() as stack:
            opened = [stack.enter_context(each) for each in open_loopback([taken, 0])]
            assert {each.getsockname()[1] for each in opened}.isdisjoint({taken})
            assert len(opened) == 2
        with pytest.raises(SignInFailed, match="taken by another program"):
            Listener(taken)


@pytest.mark.parametrize("has_ipv6", [True, False])
def test_without_ipv6_the_other_address_serves_alone(
    monkeypatch: pytest.MonkeyPatch,
    has_ipv6: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """O6: machines without IPv6, compiled out or switched off, sign in over 127.0.0.1."""
    real = socket.socket

    def without(family: int, kind: int, protocol: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(97, "Address family not supported by protocol")
        return real(family, kind, protocol)

    monkeypatch.setattr("mcp_local.broker.loopback.sockets.socket.socket", without)
    monkeypatch.setattr("mcp_local.broker.loopback.sockets.socket.has_ipv6", has_ipv6)
    [opened] = open_loopback([0])
    with opened:
        assert opened.getsockname()[0] == "127.0.0.1"


def test_who_may_not_listen_at_all_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sandbox without a network: no other port is tried, and the person hears what to do."""

    def forbidden(*_: object) -> socket.socket:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("mcp_local.broker.loopback.sockets.socket.socket", forbidden)
    with pytest.raises(SignInFailed, match="Operation not permitted") as caught:
        open_loopback([0, 0])
    assert "mcp-local login --device" in caught.value.hint


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/", {"Host": "evil.example"}, 421),
        ("POST", "/", {"Host": "localhost"}, 421),
        ("POST", "/", {"Host": "127.0.0.1:{port}"}, 421),
        ("POST", "/", {"Host": ""}, 421),
        ("POST", "/other", {}, 404),
        ("POST", "//", {}, 404),
        ("GET", "/favicon.ico", {}, 404),
        ("PUT", "/", {}, 405),
        ("OPTIONS", "/", {}, 405),
        ("HEAD", "/", {}, 405),
        ("POST", "/start/x", {}, 405),
        ("GET", "/start/x", {}, 410),
        ("GET", "/start/", {}, 410),
    ],
)
def test_foreign_host_path_or_method_is_refused(
    method: str, path: str, headers: dict[str, str], status: int
) -> None:
    """O7: 4xx, even with the right form, and the sign-in goes on."""
    with serving() as served:
        headers = {name: value.format(port=served.port) for name, value in headers.items()}
        answer = served.request(method, path, form=good_form(), headers=headers)
        assert status_of(answer) == status
        _goes_on(served)


@pytest.mark.parametrize("origin", ["null", "https://login.example", "https://evil.example"])
def test_origin_is_not_what_authenticates(origin: str) -> None:
    """O7: the cloud's page posts with ``Origin: null``; state, PKCE and nonce authenticate."""
    with serving() as served:
        answer = served.request(form=good_form(), headers={"Origin": origin})
        assert status_of(answer) == 200


def test_second_answer_is_refused_and_then_the_port_is_closed() -> None:
    """O9: while the first is redeemed a second gets 409; afterwards nobody listens."""
    with serving(hold=True) as served:
        with served.connect() as first:
            first.sendall(served.raw(form=good_form()))
            while not served.redeemed:
                time.sleep(0.01)
            assert status_of(served.request(form=good_form(code="another"))) == 409
            served.hold_redeeming.set()
            assert status_of(read_all(first)) == 200
        assert served.over()
        assert len(served.redeemed) == 1
        with pytest.raises(ConnectionRefusedError):
            served.connect()


def test_after_the_time_limit_nobody_listens() -> None:
    """O9: the wait ends with an error of its own, and late answers find the port closed."""
    with serving(limit=0.2) as served:
        with served.connect() as idle:
            assert served.over()
            assert read_all(idle) == b""
        assert isinstance(served.failure, TimeoutError)
        with pytest.raises(ConnectionRefusedError):
            served.answer()


def test_an_answer_in_time_is_redeemed_however_long_that_takes() -> None:
    """The time limit is for the person, not for the token request."""
    with serving(limit=0.5, hold=True) as served:
        with served.connect() as peer:
            peer.sendall(served.raw(form=good_form()))
            time.sleep(0.8)
            served.hold_redeeming.set()
            assert status_of(read_all(peer)) == 200
        assert served.over()
        assert served.failure is None


def test_start_address_leads_to_the_authority_once() -> None:
    """It redirects once, says nothing of where to in its own text, and is told as used."""
    with serving() as served:
        path = served.listener.start_url().removeprefix(served.listener.redirect_uri)
        assert re.fullmatch(r"/start/[\w-]{22}", path)
        head, _, body = served.request("GET", path).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 302 ")
        assert f"Location: {AUTH_URI}".encode() in head
        assert b"Cache-Control: no-store" in head
        assert b"Referrer-Policy: no-referrer" in head
        assert body == b""
        assert served.started == [path]
        assert status_of(served.request("GET", path)) == 410
        assert status_of(served.request("GET", path + "?x")) == 410
        _goes_on(served)


def test_start_addresses_end_with_the_answer() -> None:
    """Once the authority has answered, no address leads anywhere."""
    with serving(hold=True) as served, served.connect() as peer:
        path = served.listener.start_url().removeprefix(served.listener.redirect_uri)
        peer.sendall(served.raw(form=good_form()))
        while not served.redeemed:
            time.sleep(0.01)
        assert status_of(served.request("GET", path)) == 410


def test_browser_that_leaves_before_its_page_changes_nothing() -> None:
    """The answer is redeemed all the same."""
    with serving(hold=True) as served:
        with served.connect() as peer:
            peer.sendall(served.raw(form=good_form()))
            while not served.redeemed:
                time.sleep(0.01)
        served.hold_redeeming.set()
        assert served.over()
        assert served.failure is None


def test_response_refuses_headers_that_could_split_it() -> None:
    """No value from outside can begin a new header."""
    hostile = Response(
        pages.signed_in("", "").status, headers=(("Location", "x\r\nSet-Cookie: y"),)
    )
    with pytest.raises(ValueError, match="Location"):
        hostile.encode()


def test_cancelled_wait_frees_the_port() -> None:
    """A sign-in that is given up leaves nobody listening."""

    async def give_up(listener: Listener) -> None:
        def never(_: object) -> Response:
            raise AssertionError

        waiting = asyncio.ensure_future(
            listener.receive(AUTH_URI, never, limit=60, started=lambda _: None)
        )
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    listener = Listener()
    asyncio.run(give_up(listener))
    port = int(listener.redirect_uri.rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    listener.close()
