"""Offline past the expiry, and a clock that is off: real servers over stdio, in both eras."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

import pytest

from mcp_local.broker.state import Phase
from tests.support.chat import ERAS, NOTES, SERVERS, chat, run
from tests.support.desk import desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.desk import Desk

POLICY = """
version: 1
tags:
  read: {tools: [list_notes]}
roles:
  Task.Write: {tools: ["*"]}
"""


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Desk]:
    """A desk whose settings grant an hour to what is tagged ``read``, with a token just expired."""
    with desk(tmp_path / "home") as made:
        made.set(OFFLINE_GRACE="1h", OFFLINE_TAGS="read", SIGN_IN_WHEN="never")
        made.sign_in("writer")
        made.expire_token("writer", lifetime=-120.0)
        yield made


@pytest.mark.parametrize("era", ERAS)
def test_hosted_server_past_the_expiry(here: Desk, era: str) -> None:
    """What is tagged goes on, the rest is as if it weren't there, until the authority is back."""

    async def story() -> None:
        async with chat(["run", *NOTES], here.environ, era=era) as client:
            with here.emulator.switched_off():
                assert await client.tools() == {"list_notes", "count_slowly"}
                assert "buy milk" in await client.say("list_notes")
                unknown = await client.say("no_such_tool")
                hidden = await client.say("add_note", text="x")
                assert hidden == unknown.replace("no_such_tool", "add_note")
                shown = await client.say("mcp_local_whoami")
                assert "State: offline until" in shown
                assert "good for read only" in shown
            await client.say("mcp_local_whoami", refresh=True)
            assert "add_note" in await client.tools()

    run(story())


def test_wrapped_server_past_the_expiry(here: Desk, tmp_path: Path) -> None:
    """Tags that the policy gives count like a server's own."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY, "utf-8")
    server = str(SERVERS / "notes.py")
    serve = f"import runpy; runpy.run_path({server!r})['mcp'].run(show_banner=False)"
    words = ["run", "--policy", str(policy), "--", sys.executable, "-c", serve]

    async def story() -> None:
        async with chat(words, here.environ, era=ERAS[0]) as client:
            with here.emulator.switched_off():
                assert await client.tools() == {"list_notes"}
                assert "buy milk" in await client.say("list_notes")
            await client.say("mcp_local_whoami", refresh=True)
            assert "add_note" in await client.tools()

    run(story())


def test_commands_say_the_same(here: Desk) -> None:
    """``whoami`` in words and for scripts, ``can``, ``settings show``; and nothing once refused."""
    with here.emulator.switched_off():
        assert here.run("refresh").returncode == 5
        done = here.run("whoami", "--offline", "--json")
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        assert (said["phase"], said["offline"]["usable"]) == ("offline", True)
        assert said["offline"]["grace"]["in_use"] is True
        assert "expired, and good for read only" in here.run("whoami").stdout
    assert "3600 s" in here.run("settings", "show").stdout
    here.emulator.revoke_sessions("writer")
    assert here.run("refresh").returncode == 3
    assert here.state().refused
    with here.emulator.switched_off():
        done = here.run("whoami", "--offline", "--json")
        assert done.returncode == 3
        assert json.loads(done.stdout)["phase"] == "needs_you"


def test_clock_that_is_off_is_named(tmp_path: Path) -> None:
    """A token refused just after it came: by how many hours, which way, and what to do."""
    with desk(tmp_path / "home", clock=lambda: time.time() - 3 * 3600) as here:
        with here.command("login") as process:
            here.visit("reader")
            _, err = process.communicate(timeout=20)
        assert process.returncode == 3
        assert "This computer's clock is 3 hours ahead of the authority's." in err
        assert "Set the clock" in err
        problem = here.state().problem
        assert problem is not None
        assert (here.state().phase, problem.code) == (Phase.SIGNED_OUT, "clock_off")
