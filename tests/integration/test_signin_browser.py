"""The end of a sign-in in a real Chromium: the page, and the cloud's way of posting to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

from mcp_local.broker.signin import pages
from mcp_local.broker.state import Problem
from tests.support.chromium import ARGUMENTS, executable
from tests.support.desk import Desk, desk
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
