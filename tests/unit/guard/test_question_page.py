"""The local page of ``ask``: one person, one browser, one answer (M27, O7, O8)."""

from __future__ import annotations

import asyncio
import html
import os
import re
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import pytest

from mcp_local.broker.loopback.http import Refused, Request, Response
from mcp_local.broker.loopback.peer import is_same_user
from mcp_local.guard.question_page import PageWay, QuestionReception
from mcp_local.guard.questions import NoWay, Withdrawn
from tests.support import tab
from tests.support.asking import about, asks
from tests.support.desk import wait_for
from tests.support.loopback import read_all, status_of

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

    from mcp_local.guard.question import Question

PORT = 54321
HOST = f"127.0.0.1:{PORT}"


def reception(question: Question | None = None) -> QuestionReception:
    """Make a reception for a question."""
    return QuestionReception(question or about(), PORT, "Claude <Desktop>")


def request(
    desk: QuestionReception,
    method: str = "GET",
    *,
    form: Mapping[str, str] | str = "",
    path: str = "",
    headers: Mapping[str, str] | None = None,
) -> Request:
    """Return a request as a browser sends it from the page, but for what is given."""
    usual = {"host": HOST}
    if method == "POST":
        usual |= {
            "origin": f"http://{HOST}",
            "sec-fetch-site": "same-origin",
            "content-type": "application/x-www-form-urlencoded",
        }
    body = form if isinstance(form, str) else urlencode(form)
    sent = {name: value for name, value in (usual | dict(headers or {})).items() if value}
    return Request(method, path or urlsplit(desk.url).path, sent, body.encode())


def shown(desk: QuestionReception) -> str:
    """Open the page as the browser does; return its HTML."""
    page = desk.judge(request(desk))
    assert isinstance(page, Response)
    return page.body.decode()


def token_in(page: str) -> str:
    """Return the secret of the page's form."""
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def say(desk: QuestionReception, page: str, answer: str = "yes") -> str:
    """Press a button of the page; return the last page."""
    form = {"token": token_in(page), "answer": answer}
    last = desk.judge(request(desk, "POST", form=form))
    assert not isinstance(last, Response)
    return last().body.decode()


@pytest.mark.parametrize(("answer", "words"), [("yes", "Yes: it may go on"), ("no", "No: nothing")])
def test_the_persons_answer_is_taken_once(answer: str, words: str) -> None:
    """From the page's own form; afterwards neither form nor address is good for anything."""
    desk = reception()
    page = shown(desk)
    assert words in say(desk, page, answer)
    assert desk.answer is (answer == "yes")
    form = {"token": token_in(page), "answer": "yes"}
    for again in (request(desk, "POST", form=form), request(desk)):
        with pytest.raises(Refused, match="over"):
            desk.judge(again)
    assert desk.answer is (answer == "yes")


def test_reading_the_address_answers_nothing() -> None:
    """No GET, whatever it brings along, nor HEAD, is an answer (M27)."""
    desk = reception()
    token = token_in(shown(desk))
    path = urlsplit(desk.url).path
    for method, target in (
        ("GET", f"{path}?token={token}&answer=yes"),
        ("HEAD", path),
        ("PUT", path),
        ("OPTIONS", path),
    ):
        with pytest.raises(Refused):
            desk.judge(request(desk, method, path=target))
    assert desk.answer is None


@pytest.mark.parametrize(
    "headers",
    [
        {"host": f"evil.example:{PORT}"},
        {"host": f"localhost:{PORT}"},
        {"host": ""},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"content-type": "text/plain"},
    ],
    ids=str,
)
def test_a_form_of_another_page_is_refused(headers: dict[str, str]) -> None:
    """Even one that knows the secrets: CSRF, DNS rebinding."""
    desk = reception()
    form = {"token": token_in(shown(desk)), "answer": "yes"}
    with pytest.raises(Refused):
        desk.judge(request(desk, "POST", form=form, headers=headers))
    assert desk.answer is None


@pytest.mark.parametrize(
    "change",
    [
        "answer=yes",
        "token=&answer=yes",
        "token=guess&answer=yes",
        "token=%ff&answer=yes",
        "token={token}",
        "token={token}&answer=",
        "token={token}&answer=YES",
        "token={token}&answer=no&answer=yes",
    ],
)
def test_a_form_without_the_secret_or_an_answer_is_refused(change: str) -> None:
    """The question stays open."""
    desk = reception()
    page = shown(desk)
    with pytest.raises(Refused):
        desk.judge(request(desk, "POST", form=change.replace("{token}", token_in(page))))
    assert "Yes: it may go on" in say(desk, page)


def test_nothing_is_taken_before_the_page_was_shown() -> None:
    """A form can't come before the page that holds its secret."""
    desk = reception()
    with pytest.raises(Refused):
        desk.judge(request(desk, "POST", form={"token": "x", "answer": "yes"}))


@pytest.mark.parametrize("path", ["/", "/ask/", "/ask/guess", "/favicon.ico", "/ask/é"])
def test_other_addresses_hold_nothing(path: str) -> None:
    """And tell nothing of the one that does."""
    desk = reception()
    with pytest.raises(Refused, match="nothing at this address"):
        desk.judge(request(desk, path=path))


def test_a_second_look_takes_the_question_back() -> None:
    """Somebody else may have read the page: nobody's answer counts any more."""
    desk = reception()
    page = shown(desk)
    last = desk.judge(request(desk))
    assert not isinstance(last, Response)
    assert "taken back" in last().body.decode()
    with pytest.raises(Refused, match="over"):
        desk.judge(request(desk, "POST", form={"token": token_in(page), "answer": "yes"}))
    assert desk.answer is None


def test_the_page_shows_all_and_hides_nothing() -> None:
    """Tool, arguments, reason, and what a yes is good for; escaped, and cut only where it says."""
    hostile = "</pre><script>x</script>\u202e\u200b\n`rm`"
    given = {"note": hostile, "long": "a" * 20_000, "password": "hunter2"}
    decision = asks(remember=900.0, redact=("args.password",), reason=f"Why {hostile}")
    page = shown(reception(about(given, decision=decision)))
    assert "<script" not in page
    assert "hunter2" not in page
    text = html.unescape(re.sub("<[^>]+>", "", page.partition("</style>")[2]))
    for words in (
        "May this tool run?",
        "For Claude <Desktop>.",
        "delete_row",
        'note: "</pre><script>x</script>\\u202e\\u200b\\n`rm`"',
        "[CUT: 20,000 characters in all, SHA-256 ",
        "password: [not shown]",
        "(Rule: confirm-deletes)",
        "every use of it for the next 15 minutes",
    ):
        assert words in text, words


def test_the_page_is_self_contained_and_accessible() -> None:
    """Language, one heading, one main part, buttons with words; nothing from elsewhere."""
    desk = reception()
    answer = desk.judge(request(desk))
    assert isinstance(answer, Response)
    page = answer.body.decode()
    assert '<html lang="en">' in page
    assert page.count("<h1>") == page.count("<main") == 1
    assert re.findall(r"<button[^>]*>([^<]+)</button>", page) == ["No", "Yes, go on"]
    assert "autofocus" not in page
    assert not re.search(r"https?:|//|<script|<img|<iframe|onclick", page.replace("</", ""))
    headers = dict(answer.headers)
    assert headers["Cache-Control"] == "no-store"
    policy = headers["Content-Security-Policy"]
    for part in ("default-src 'none'", "form-action 'self'", "frame-ancestors 'none'"):
        assert part in policy


@contextmanager
def asking(folder: Path, **environ: str) -> Generator[tuple[dict[str, object], Path]]:
    """Ask with a browser that only notes the address; yield what became of it, and the notes."""
    tabs = folder / "tabs"
    browser = {"BROWSER": f"{sys.executable} {tab.__file__} {tabs} %s", **environ}
    way = PageWay({**os.environ, **browser}, lambda: "the test")
    outcome: dict[str, object] = {}

    def work() -> None:
        try:
            outcome["answer"] = asyncio.run(way.ask(about()))
        except (NoWay, Withdrawn) as error:
            outcome["answer"] = error

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield outcome, tabs
    thread.join(20)
    assert not thread.is_alive()


def visit(url: str, method: str = "GET", form: str = "") -> bytes:
    """Send what a browser sends to the address."""
    parts = urlsplit(url)
    lines = [f"{method} {parts.path} HTTP/1.1", f"Host: {parts.netloc}"]
    if method == "POST":
        lines += [
            f"Origin: http://{parts.netloc}",
            "Content-Type: application/x-www-form-urlencoded",
            f"Content-Length: {len(form)}",
        ]
    with socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=5) as peer:
        peer.sendall("\r\n".join([*lines, "", form]).encode())
        return read_all(peer)


def test_the_address_goes_to_the_browser_and_an_answer_comes_back(tmp_path: Path) -> None:
    """Over real sockets; the address stands in no command line of ours."""
    with asking(tmp_path) as (outcome, tabs):
        wait_for(tabs.exists)
        wait_for(lambda: tabs.read_text("utf-8"))
        url = tabs.read_text("utf-8").strip()
        assert url.startswith("http://127.0.0.1:")
        page = visit(url).decode()
        form = urlencode({"token": token_in(page), "answer": "yes"})
        assert b"it may go on" in visit(url, "POST", form)
    assert outcome == {"answer": True}


def test_a_second_visitor_takes_it_back(tmp_path: Path) -> None:
    """The call gets its no; it may be asked anew."""
    with asking(tmp_path) as (outcome, tabs):
        wait_for(tabs.exists)
        wait_for(lambda: tabs.read_text("utf-8"))
        url = tabs.read_text("utf-8").strip()
        assert status_of(visit(url)) == 200
        assert status_of(visit(url)) == 410
    assert isinstance(outcome["answer"], Withdrawn)


@pytest.mark.parametrize("browser", ["false %s", "/absent/browser %s"])
def test_without_a_browser_there_is_no_page(tmp_path: Path, browser: str) -> None:
    """And no address that anybody could be told."""
    with asking(tmp_path, BROWSER=browser) as (outcome, _):
        pass
    assert isinstance(outcome["answer"], NoWay)


def test_without_a_screen_there_is_no_page(tmp_path: Path) -> None:
    """Nothing is opened where nobody would see it."""
    with asking(tmp_path, BROWSER="", DISPLAY="", WAYLAND_DISPLAY="", SSH_CONNECTION="x") as (
        outcome,
        _,
    ):
        pass
    assert isinstance(outcome["answer"], NoWay)


STRANGER = """
import os, socket, sys, encodings.idna, http.client

host, _, path = sys.argv[1].removeprefix("http://").partition("/")
os.setuid(65534)

def connect(source, to):
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    line.bind(source)
    line.connect(to)
    return line

elsewhere = socket.create_server(("127.0.0.1", 0))
closed = connect(("127.0.0.1", 0), elsewhere.getsockname())
source = closed.getsockname()
closed.close()
elsewhere.accept()[0].close()

name, _, port = host.partition(":")
browser = http.client.HTTPConnection(host)
browser.sock = connect(source, (name, int(port)))
browser.request("GET", f"/{path}")
print(browser.getresponse().status)
"""
"""Asks for a page as another user, from a port of which a closed connection is left."""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere others can't see the address")
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs a second user")
def test_another_user_of_the_machine_is_refused(tmp_path: Path) -> None:
    """Who reads the address in the browser's command line gets no page for it.

    Nor from a port of which a closed connection is left: the kernel says that those are root's.
    """
    with asking(tmp_path) as (outcome, tabs):
        wait_for(tabs.exists)
        wait_for(lambda: tabs.read_text("utf-8"))
        url = tabs.read_text("utf-8").strip()
        done = subprocess.run(
            [sys.executable, "-c", STRANGER, url], capture_output=True, text=True, check=False
        )
        assert done.stdout.strip() == "403", done.stderr
        page = visit(url).decode()  # the person's own browser is served all the same
        visit(url, "POST", urlencode({"token": token_in(page), "answer": "no"}))
    assert outcome == {"answer": False}


def test_peers_of_both_families_are_known() -> None:
    """The kernel's table is read for IPv4 and IPv6 alike; a peer that is gone is nobody."""

    async def test(host: str) -> bool:
        seen: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            seen.set_result(is_same_user(writer))
            writer.close()

        async with await asyncio.start_server(connected, host, 0) as server:
            port = server.sockets[0].getsockname()[1]
            _, writer = await asyncio.open_connection(host, port)
            known = await seen
            writer.close()
        return known

    assert asyncio.run(test("127.0.0.1"))
    assert asyncio.run(test("::1"))
