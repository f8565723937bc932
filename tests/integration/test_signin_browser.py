"""The end of a sign-in in a real Chromium: the page, and the cloud's way of posting to it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Error, sync_playwright

from mcp_local.broker.signin import pages
from mcp_local.broker.state import Problem
from mcp_local.emulator import Fault
from mcp_local.emulator.visitor import visit
from tests.support.chromium import ARGUMENTS, executable
from tests.support.desk import Desk, desk, wait_for
from tests.support.loopback import STATE, serving
from tests.support.site import Reply, serve

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def chromium() -> Generator[Browser]:
    """A real Chromium without a screen."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def here(home: Path) -> Generator[Desk]:
    """A desk at which nobody is signed in."""
    with desk(home) as here:
        yield here


def _complaints(page: Page) -> list[str]:
    """Return what the browser will complain about: blocked content, scripts, missing files."""
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("requestfailed", lambda request: heard.append(f"{request.method} {request.url}"))
    return heard


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_last_page_says_who_and_where_to_go_on(chromium: Browser, here: Desk, scheme: str) -> None:
    """Through the account picker to our page: one heading, readable, nothing blocked or missing."""
    page = chromium.new_page(color_scheme="dark" if scheme == "dark" else "light")
    complaints = _complaints(page)
    with here.command("login") as login:
        page.goto(here.tab())
        page.click("button[value^=writer]")
        page.wait_for_url("http://localhost:*/")
        assert page.get_by_role("heading").all_inner_texts() == [
            "You\N{RIGHT SINGLE QUOTATION MARK}re signed in"
        ]
        text = page.get_by_role("main").inner_text()
        assert "go back to the terminal" in text
        assert here.emulator.person("writer").name in text
        back = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (back == "rgb(22, 24, 28)") == (scheme == "dark")
        assert login.wait(30) == 0
    assert complaints == []
    page.close()


PAGES = {
    "signed in": pages.signed_in("Rita Reader", "Claude Desktop", "Restart it."),
    "failed": pages.failed(
        Problem("AADSTS50105", "You are not assigned.", "Run `mcp-local login`."), ""
    ),
    "cancelled": pages.cancelled("Claude Desktop"),
    "device help": pages.device_code("MB9YFP8VR", "https://login.example/device", "Cursor"),
}
_CONTRASTS = """() => {
  const number = text => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const light = text => number(text).map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const back = light(getComputedStyle(document.querySelector('main')).backgroundColor);
  return [...document.querySelectorAll('h1,p,a,code,footer')].map(element => {
    const text = light(getComputedStyle(element).color);
    return (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05);
  });
}"""


@pytest.mark.parametrize("which", PAGES)
def test_every_page_is_readable_by_all(chromium: Browser, which: str) -> None:
    """One main part under one heading, a language, a title; contrast of WCAG AA; nothing loaded."""
    page = chromium.new_page()
    complaints = _complaints(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    sent = PAGES[which]
    page.route(
        "http://localhost:1/",
        lambda route: route.fulfill(body=sent.body, headers=dict(sent.headers)),
    )
    page.goto("http://localhost:1/")
    assert page.get_by_role("main").count() == 1
    assert page.get_by_role("heading", level=1).all_inner_texts() == [
        page.title().removesuffix(" - mcp-local")
    ]
    assert page.get_by_role("img").count() == 0  # the sign is for the eye alone
    assert page.locator("html").get_attribute("lang") == "en"
    seen: list[list[float]] = []
    for dark in (True, False):
        page.emulate_media(color_scheme="dark" if dark else "light")
        seen.append(page.evaluate(_CONTRASTS))
        assert min(seen[-1]) >= 4.5, seen
    assert seen[0] != seen[1]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert asked == ["http://localhost:1/"]
    assert complaints == []
    page.close()


def test_failed_in_the_browser(chromium: Browser, here: Desk) -> None:
    """The reason, the next step, the code to hand on, and where to go back to."""
    refusal = {"error": "unauthorized_client", "error_description": "AADSTS7000112: disabled"}
    here.emulator.faults.add(Fault(path="*/token", status=400, body=json.dumps(refusal).encode()))
    page = chromium.new_page()
    with here.command("login") as login:
        page.goto(here.tab())
        page.click("button[value^=writer]")
        page.wait_for_url("http://localhost:*/")
        assert "work" in page.get_by_role("heading").inner_text()
        text = page.get_by_role("main").inner_text()
        assert "disabled" in text
        assert "an administrator" in text
        assert "AADSTS7000112" in text
        assert "try again from the terminal" in text
        assert login.wait(30) != 0
    page.close()


def test_device_code_on_this_screen(chromium: Browser, here: Desk) -> None:
    """O13: a server's code, its address, the app and program, and the warning; one can go on."""
    here.set(SIGN_IN="device")
    page = chromium.new_page()
    complaints = _complaints(page)
    with here.instance() as server:
        server.begin("sign_in", seconds=0)
        page.goto(here.tab())
        code = here.state().user_code
        assert page.get_by_role("code").inner_text() == code
        text = page.get_by_role("main").inner_text()
        assert "sign in to mcp-local" in text
        assert "would sign them in as you" in text
        server.result()
        wait_for(lambda: here.state().program)
        page.reload()
        assert "Claude Desktop" in page.get_by_role("main").inner_text()
        assert complaints == []
        page.get_by_role("link").click()
        assert page.url == here.state().verification_uri
        visit(page.url, "reader", user_code=code)
        wait_for(lambda: server.ask()["signed_in"])
    assert len(here.tabs()) == 1
    with pytest.raises(Error, match="ERR_CONNECTION_REFUSED"):
        page.goto(here.tab())
    page.close()


def test_cancelled_in_the_browser(chromium: Browser, here: Desk) -> None:
    """The person's no ends on a page of ours that says so."""
    page = chromium.new_page()
    with here.command("login") as login:
        page.goto(here.tab())
        page.click("[name=cancel]")
        page.wait_for_url("http://localhost:*/")
        assert page.get_by_role("heading").inner_text() == "Sign-in was cancelled"
        assert login.wait(30) != 0
    page.close()


def _page_of_the_cloud(port: int) -> str:
    """Return a page that posts the authority's answer by itself, as ``form_post`` does."""
    fields = {"code": "a-code", "state": STATE}
    inputs = "".join(f"<input type=hidden name={n} value={v}>" for n, v in fields.items())
    form = f"<form method=post action='http://localhost:{port}/'>{inputs}</form>"
    return f"<!doctype html><body onload='document.forms[0].submit()'>{form}"


def test_script_in_an_error_stays_text(chromium: Browser) -> None:
    """O8: what an error says is shown, and runs nothing."""
    hostile = "<script>document.title='run'</script><img src=x onerror=\"document.title='run'\">"
    page = chromium.new_page()
    complaints = _complaints(page)
    with serving() as served:
        served.page = pages.failed(Problem("code", hostile), "Claude Desktop")
        page.set_content(_page_of_the_cloud(served.port))
        page.wait_for_url(f"http://localhost:{served.port}/")
        assert hostile in page.get_by_role("main").inner_text()
        assert "work" in page.title()
    assert complaints == []
    page.close()


def test_answer_from_an_https_page_of_another_origin(chromium: Browser, tmp_path: Path) -> None:
    """O7: the cloud's page is https and posts with ``Origin: null``; it must not be refused."""
    page = chromium.new_page(ignore_https_errors=True)
    origins: list[str | None] = []
    page.on("request", lambda request: origins.append(request.header_value("origin")))
    with serve(tmp_path) as site, serving() as served:
        headers = {"Content-Type": "text/html", "Referrer-Policy": "no-referrer"}
        site.replies["/reprocess"] = Reply(
            _page_of_the_cloud(served.port).encode(), headers=headers
        )
        page.goto(f"{site.url}/reprocess")
        page.wait_for_url(f"http://localhost:{served.port}/")
        assert "signed in" in page.get_by_role("heading").inner_text()
    page.close()
    assert served.redeemed == [{"code": "a-code", "state": STATE}]
    assert origins == [None, "null"]
