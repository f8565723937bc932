"""A real Chromium without a screen, and a person at its keyboard."""

from __future__ import annotations

import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import async_playwright

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from playwright.async_api import Browser, Page

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def executable() -> str:
    """Return the browser's program; skips the test where there is none."""
    for name in PROGRAMS:
        if path := shutil.which(name):
            return path
    pytest.skip(f"needs one of {', '.join(PROGRAMS)} on the PATH")


@asynccontextmanager
async def chromium() -> AsyncGenerator[Browser]:
    """Start the browser; end it."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable(), args=ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


async def pick_account(page: Page, username: str) -> None:
    """Walk to an account of the emulator's picker with the arrow keys, and take it with Enter."""
    await page.wait_for_selector("body[data-page=accounts]")
    while await page.evaluate("document.activeElement.value") != username:
        await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")


async def last_page(page: Page, picture: Path) -> str:
    """Wait for the page that the program itself shows at the end; return its text."""
    await page.wait_for_selector("main.good, main.bad, main.note")
    await page.screenshot(path=picture)
    return await page.inner_text("main")
