"""A client opens the page of the sign-in in a real browser."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.support import warm
from tests.support.chat import NOTES
from tests.support.chromium import chromium, last_page, pick_account
from tests.support.desk import desk
from tests.support.wire import HANDSHAKE, Wire, call

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.desk import Desk

pytestmark = pytest.mark.browser


def test_client_opens_the_page(home: Path, tmp_path: Path) -> None:
    """Its address leads through the authority to our last page; the call that waited goes on."""
    with desk(home) as here:
        here.set(SIGN_IN_WHEN="call")
        with Wire(
            warm.ours("run", *NOTES),
            tmp_path,
            era=HANDSHAKE,
            environ=here.environ,
            capabilities={"elicitation": {"url": {}}},
            answers={"elicitation/create": {"action": "accept"}},
            client="a client",
        ) as wire:
            wire.open()
            asyncio.run(_story(wire, tmp_path / "signed-in.png"))
        assert here.tabs() == []
        _asked_once(here)


async def _story(wire: Wire, picture: Path) -> None:
    used = wire.post("tools/call", call("list_notes"))
    asked = await asyncio.to_thread(wire.told, "elicitation/create")
    async with chromium() as browser:
        page = await browser.new_page()
        await page.goto(asked.message["params"]["url"])
        await pick_account(page, "writer@contoso.example")
        text = await last_page(page, picture)
        assert "Walter Writer" in text
        assert "go back to a client." in text
        answer = await asyncio.to_thread(wire.answer, used)
        assert "buy milk" in answer.raw.decode()


def _asked_once(here: Desk) -> None:
    assert [event["outcome"] for event in here.log("sign_in")] == ["ok"]
