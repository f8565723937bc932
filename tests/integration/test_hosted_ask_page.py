"""``ask`` on the local page in a real Chromium, with clients of both eras that show no forms."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

from tests.integration.servers.asked import POLICY
from tests.support import tab
from tests.support.chromium import ARGUMENTS, executable
from tests.support.desk import wait_for
from tests.support.hosted import ERAS, Served

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


class Tabs:
    """The addresses that the person's browser was to open."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "tabs"
        self.command = f"{sys.executable} {tab.__file__} {self._file} %s"
        self._seen = 0

    def next(self) -> str:
        """Wait for the next one."""
        wait_for(lambda: len(self.all()) > self._seen)
        self._seen += 1
        return self.all()[self._seen - 1]

    def all(self) -> list[str]:
        """Return them all."""
        return self._file.read_text("utf-8").splitlines() if self._file.exists() else []


def call(served: Served, number: int) -> int:
    """Call what needs a yes, without waiting."""
    arguments = {"id": number, "table": "<b>notes</b>\u202e", "password": "hunter2"}
    return served.post("tools/call", {"name": "delete_row", "arguments": arguments})


def answer(served: Served, ident: int) -> str:
    """Wait for the answer to a call."""
    return json.loads(served.answer(ident))["result"]["content"][0]["text"]


def watch(page: Page) -> list[str]:
    """Return what the browser will complain about: blocked content, scripts, missing files."""
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("requestfailed", lambda request: heard.append(f"{request.method} {request.url}"))
    return heard


@pytest.mark.parametrize("era", ERAS)
def test_the_person_answers_in_the_browser(era: str, chromium: Browser, tmp_path: Path) -> None:
    """By keyboard, in dark and light: a yes runs the call, a no doesn't, a second tab neither."""
    tabs = Tabs(tmp_path)
    with Served("asked", tmp_path, era, POLICY=POLICY, PAGE="1", BROWSER=tabs.command) as served:
        served.open()
        served.sign_in("ada", "reader")
        _yes_by_keyboard(served, chromium, tabs)
        _no_by_mouse(served, chromium, tabs)
        _shown_twice(served, chromium, tabs)
        assert served.noted() == ["delete <b>notes</b>\u202e 1 with password"]
        told = b"".join(served.lines)
        assert b"/ask/" not in told, "the model could fetch the address"
        assert b"127.0.0.1" not in told


def _yes_by_keyboard(served: Served, chromium: Browser, tabs: Tabs) -> None:
    page = chromium.new_page(color_scheme="dark")
    complaints = watch(page)
    ident = call(served, 1)
    page.goto(tabs.next())
    assert page.get_by_role("heading").inner_text() == "May this tool run?"
    text = page.get_by_role("main").inner_text()
    for words in ("delete_row", r'"<b>notes</b>\u202e"', "password: [not shown]", "Rule: confirm"):
        assert words in text, words
    assert "hunter2" not in page.content()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 24, 28)"
    page.get_by_role("button", name="Yes").wait_for()
    page.keyboard.press("Enter")  # nothing has the focus: a key pressed by chance says nothing
    for _ in range(3):  # what is to be done, No, Yes
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.value") == "yes"
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="it may go on").wait_for()
    assert "delete" in answer(served, ident)
    assert complaints == []
    page.close()


def _no_by_mouse(served: Served, chromium: Browser, tabs: Tabs) -> None:
    page = chromium.new_page(color_scheme="light")
    ident = call(served, 2)
    page.goto(tabs.next())
    page.get_by_role("button", name="No").click()
    page.get_by_role("heading", name="No: nothing was done").wait_for()
    assert "did not say yes" in answer(served, ident)
    page.close()


def _shown_twice(served: Served, chromium: Browser, tabs: Tabs) -> None:
    page = chromium.new_page()
    ident = call(served, 3)
    page.goto(tabs.next())
    page.reload()
    assert page.get_by_role("heading").inner_text() == "This question was taken back"
    assert "did not say yes" in answer(served, ident)
    page.close()


def test_another_site_can_not_answer(chromium: Browser, tmp_path: Path) -> None:
    """Neither a form posted from elsewhere nor a frame nor a script reaches the answer (CSRF)."""
    tabs = Tabs(tmp_path)
    with Served("asked", tmp_path, POLICY=POLICY, PAGE="1", BROWSER=tabs.command) as served:
        served.open()
        served.sign_in("ada", "reader")
        ident = call(served, 1)
        url = tabs.next()
        page, evil = chromium.new_page(), chromium.new_page()
        page.goto(url)
        token = page.locator("input[name=token]").get_attribute("value")
        evil.set_content(
            f"<form method=post action='{url}'><input name=token value='{token}'>"
            "<button name=answer value=yes>Win a prize</button></form>"
        )
        evil.get_by_role("button").click()
        evil.get_by_role("heading", name="Nothing to do here").wait_for()
        read = evil.evaluate(
            "url => fetch(url, {method: 'POST', body: 'x'}).then(r => r.text(), e => 'blocked')",
            url.rsplit("/", 1)[0],
        )
        assert "token" not in read
        assert served.noted() == []
        page.get_by_role("button", name="No").click()
        assert "did not say yes" in answer(served, ident)
        page.close()
        evil.close()
