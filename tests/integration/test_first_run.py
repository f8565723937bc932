"""The first run: a client waits for its list while the person signs in, in a real browser."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.support.chat import ERAS, NOTES, chat, run
from tests.support.chromium import chromium, last_page, pick_account
from tests.support.desk import desk

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.desk import Desk

pytestmark = pytest.mark.browser
WRITERS = {"list_notes", "count_slowly", "add_note"}


@pytest.mark.parametrize("era", ERAS)
def test_first_run(era: str, home: Path, tmp_path: Path) -> None:
    """One tab for two clients: the list that waits is filled, the one that was read is renewed."""
    with desk(home) as here:
        run(_first_run(here, era, tmp_path / "signed-in.png"))
    assert len(here.tabs()) == 1
    assert [event["outcome"] for event in here.log("sign_in")] == ["ok"]


async def _first_run(here: Desk, era: str, picture: Path) -> None:
    words = ["run", *NOTES]
    async with (
        chromium() as browser,
        # Never reads its list again, so that the first one has to wait.
        chat(words, here.environ, era=era, name="claude-ai") as patient,
        # Reads it again when told, so that the first one needn't wait.
        chat(words, here.environ, era=era, name="claude-code") as quick,
    ):
        page = await browser.new_page(color_scheme="dark")
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        waiting = asyncio.ensure_future(patient.tools())
        assert await quick.tools() == set()

        await page.goto(await asyncio.to_thread(here.tab))
        assert not waiting.done()
        await pick_account(page, "writer@contoso.example")
        text = await last_page(page, picture)

        assert await waiting == WRITERS
        await patient.told()
        await quick.told()
        assert await quick.tools() == WRITERS
        assert "Walter Writer" in text
        assert "go back to claude-ai." in text or "go back to claude-code." in text
        assert "If it doesn't show your tools within a few seconds, restart it." in text
        assert complaints == []

        assert "Signed out" in await quick.say("mcp_local_sign_out")
        await patient.told()
        assert await patient.tools() == await quick.tools() == set()
        assert "Sign-in needed" in await patient.say("list_notes")
