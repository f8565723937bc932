"""The emulator's pages in a real Chromium, by keyboard only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

from tests.support.chromium import ARGUMENTS, executable
from tests.support.msal_client import desktop

if TYPE_CHECKING:
    from collections.abc import Generator

    from playwright.sync_api import Browser

    from mcp_local.emulator import Emulator

pytestmark = pytest.mark.browser
FOCUSED = "button:focus"
"""What a key will reach; a busy machine puts it there a moment after the page is loaded."""


@pytest.fixture(scope="module")
def chromium() -> Generator[Browser]:
    """A real Chromium without a screen."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=ARGUMENTS)
        yield browser
        browser.close()


def test_sign_in_by_keyboard(chromium: Browser, entra_emulator: Emulator) -> None:
    """Arrow keys walk through the accounts, Enter picks one and consents, and MSAL is signed in."""
    with desktop(entra_emulator) as pc:
        flow = pc.app.initiate_auth_code_flow(
            [entra_emulator.scope],
            redirect_uri=pc.listener.url,
            response_mode="form_post",
            login_hint="consent",
        )
        page = chromium.new_page(color_scheme="dark")
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(str(flow["auth_uri"]))
        page.wait_for_selector(FOCUSED)
        focused = "document.activeElement.value"
        hinted = page.evaluate(focused)
        page.keyboard.press("ArrowDown")
        below = page.evaluate(focused)
        page.keyboard.press("ArrowUp")
        page.keyboard.press("Enter")
        page.wait_for_selector("body[data-page=consent] :focus")
        page.keyboard.press("Enter")
        page.wait_for_url(f"{pc.listener.url}/")
        page.close()
        result = pc.app.acquire_token_by_auth_code_flow(flow, pc.listener.answers[-1])

    assert (hinted, below) == ("consent@contoso.example", "reader@contoso.example")
    assert "access_token" in result
    assert complaints == []


def test_cancel_by_keyboard(chromium: Browser, entra_emulator: Emulator) -> None:
    """Everything can be reached by Tab: the last stop is Cancel, which tells the app."""
    with desktop(entra_emulator) as pc:
        flow = pc.app.initiate_auth_code_flow(
            [entra_emulator.scope], redirect_uri=pc.listener.url, response_mode="form_post"
        )
        page = chromium.new_page()
        page.goto(str(flow["auth_uri"]))
        for _ in range(100):
            if page.evaluate("document.activeElement.name") == "cancel":
                break
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url(f"{pc.listener.url}/")
        page.close()

    assert pc.listener.answers[-1]["error"] == "access_denied"


def test_device_code_by_keyboard(chromium: Browser, entra_emulator: Emulator) -> None:
    """The code is typed in any case and spacing, and a person under MFA approves by Enter."""
    with desktop(entra_emulator) as pc:
        flow = pc.app.initiate_device_flow([entra_emulator.scope])
        code = str(flow["user_code"]).lower()
        page = chromium.new_page()
        page.goto(str(flow["verification_uri"]))
        page.wait_for_selector("input:focus")
        page.keyboard.type(f"{code[:4]} {code[4:]}")
        page.keyboard.press("Enter")
        page.wait_for_selector("body[data-page=accounts]")
        warned = "started this sign-in yourself" in page.inner_text("main")
        page.focus("button[value='mfa@contoso.example']")
        page.keyboard.press("Enter")
        page.wait_for_selector("body[data-page=approve] :focus")
        page.keyboard.press("Enter")
        page.wait_for_selector("body[data-page=done]")
        page.close()
        result = pc.app.acquire_token_by_device_flow(flow)

    assert warned
    assert "access_token" in result


def test_secure_page_posts_to_a_plain_listener(chromium: Browser, entra_emulator: Emulator) -> None:
    """As from the cloud's page, the answer goes from HTTPS to the app's plain listener (O7)."""
    origin = entra_emulator.authority.removesuffix(f"/{entra_emulator.tenant_id}")
    with desktop(entra_emulator) as pc:
        flow = pc.app.initiate_auth_code_flow(
            [entra_emulator.scope], redirect_uri=pc.listener.url, response_mode="form_post"
        )
        page = chromium.new_page(ignore_https_errors=True)
        page.goto(str(flow["auth_uri"]).replace(entra_emulator.pages, origin))
        page.wait_for_selector(FOCUSED)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{pc.listener.url}/")
        page.close()
        result = pc.app.acquire_token_by_auth_code_flow(flow, pc.listener.answers[-1])

    assert "access_token" in result
