"""One person at several programs: what one process changes, the lists of all of them follow."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from mcp_local.broker.state import Phase
from mcp_local.emulator.directory import ConditionalAccess
from mcp_local.emulator.visitor import browser_command
from tests.support import warm
from tests.support.chat import LEGACY, MODERN, NOTES, Chat, chat, run
from tests.support.desk import PATIENCE, Desk, desk
from tests.support.relayed import PLAIN
from tests.support.wire import HANDSHAKE, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POLICY = """
version: 1
roles:
  Task.Read: {tools: [echo]}
  Task.Write: {includes: [Task.Read], tools: [touch]}
"""
_WHOAMI = "mcp_local_whoami"
HOSTED, RELAYED = "hosted", "relayed"
heavy = pytest.mark.heavy
kinds = pytest.mark.parametrize("kind", [pytest.param(HOSTED, marks=heavy), RELAYED])


@pytest.fixture
def here(home: Path) -> Iterator[Desk]:
    """A desk at which nobody is signed in yet."""
    with desk(home) as here:
        yield here


def _words(kind: str, folder: Path) -> list[str]:
    """Return the command line of a server: our own, or another one wrapped."""
    if kind == HOSTED:
        return ["run", *NOTES]
    policy = folder / "policy.yaml"
    policy.write_text(POLICY, encoding="utf-8")
    book = folder / "book.json"
    book.write_text("{}", encoding="utf-8")
    return ["run", "--policy", str(policy), "--", sys.executable, PLAIN, str(folder), str(book)]


async def _told(client: Chat, tools: set[str]) -> None:
    """Wait until a client that is told of changes, and lists only then, has these tools."""
    await client.told()
    while await client.tools() != tools:
        await client.told()


@pytest.mark.parametrize(
    ("hosted", "relayed"), [(MODERN, LEGACY), pytest.param(LEGACY, MODERN, marks=heavy)]
)
def test_every_program_follows_the_person(
    hosted: str, relayed: str, here: Desk, tmp_path: Path
) -> None:
    """One prompt at the cold start of both; a new role, another person, nobody: both lists follow.

    The role was granted a minute ago, and one client asks for it (PIM); ``login`` as somebody
    else and ``logout`` are those of a terminal.
    """
    here.set(LIST_HOLD="0")
    own, wrapped = _words(HOSTED, tmp_path), _words(RELAYED, tmp_path)

    async def story() -> None:
        async with (
            chat(own, here.environ, era=hosted) as one,
            chat(wrapped, here.environ, era=relayed) as two,
        ):
            for client in (one, two):
                assert await client.tools() == set()
            await asyncio.to_thread(here.tab)
            for client in (one, two):
                async with asyncio.timeout(PATIENCE):
                    while "sign-in is waiting in the browser" not in await client.say(_WHOAMI):
                        pass  # the state is looked at twice a second
            await asyncio.to_thread(here.visit, "reader")
            await _told(one, {"list_notes", "count_slowly"})
            await _told(two, {"echo"})
            here.emulator.assign("reader", "Task.Write")
            assert "Task.Write" in await one.say(_WHOAMI, refresh=True)
            await _told(one, {"list_notes", "count_slowly", "add_note"})
            await _told(two, {"echo", "touch"})
            here.emulator.assign("reader", "Task.Read")
            assert (await asyncio.to_thread(here.run, "refresh", "--force")).returncode == 0
            await _told(one, {"list_notes", "count_slowly"})
            await _told(two, {"echo"})
            here.environ["BROWSER"] = browser_command("writer")
            assert (await asyncio.to_thread(here.run, "login")).returncode == 0
            await _told(one, {"list_notes", "count_slowly", "add_note"})
            await _told(two, {"echo", "touch"})
            assert "Walter Writer" in await one.say(_WHOAMI)
            assert "Walter Writer" in await two.say(_WHOAMI)
            assert (await asyncio.to_thread(here.run, "logout")).returncode == 0
            await _told(one, set())
            await _told(two, set())
            assert "nobody is signed in" in await one.say(_WHOAMI)
            assert "Sign-in needed" in await two.say("echo", text="x")

    run(story())
    assert len(here.tabs()) == 1
    assert here.state().phase is Phase.SIGNED_OUT


def test_what_blocks_is_told_the_same_everywhere(here: Desk, tmp_path: Path) -> None:
    """One set of words: in a terminal, for the model, in the log, and by doctor."""
    here.sign_in("reader")
    reader = here.emulator.person("reader")
    here.emulator.put_person(replace(reader, conditional_access=ConditionalAccess.BLOCK))
    assert here.run("refresh", "--force").returncode == 3
    with Wire(
        [warm.program(), *_words(RELAYED, tmp_path)], tmp_path, era=HANDSHAKE, environ=here.environ
    ) as wire:
        wire.open()
        wire.request("tools/list")
        model = wire.text(_WHOAMI)
    terminal, doctor = here.run("whoami").stdout, here.run("doctor").stdout
    for told in (model, terminal, doctor):
        assert "AADSTS53003" in told
        assert "administrator" in told
    assert "State: blocked" in model
    assert "blocked" in terminal
    assert here.log("state")[-1]["now"] == "blocked"
    assert here.log("state")[-1]["why"] == "AADSTS53003"
    assert here.tabs() == []


@kinds
def test_another_than_the_pinned_account_is_refused_in_plain_words(
    kind: str, here: Desk, tmp_path: Path
) -> None:
    """Whoever signs in instead gets no tool, and the answer names who came and who is wanted."""
    here.set(ACCOUNT="writer@contoso.example", SIGN_IN_WHEN="never")
    command = [warm.program(), *_words(kind, tmp_path)]
    with Wire(command, tmp_path, era=HANDSHAKE, environ=here.environ, capabilities={}) as wire:
        wire.open()
        asked = wire.post("tools/call", {"name": "mcp_local_sign_in", "arguments": {}})
        here.visit("reader")
        text = wire.answer(asked).message["result"]["content"][0]["text"]
        assert "reader@contoso.example" in text
        assert "writer@contoso.example" in text
        assert "writer@contoso.example" in wire.text("mcp_local_whoami")
        assert len(wire.request("tools/list")["result"]["tools"]) == 3


@kinds
def test_the_first_list_is_held_and_shows_what_is_locked(
    kind: str, here: Desk, tmp_path: Path
) -> None:
    """``list.hold`` waits for the sign-in under way; ``list.locked`` marks what a role unlocks."""
    here.set(LIST_HOLD="30", LIST_LOCKED="show")
    command = [warm.program(), *_words(kind, tmp_path)]
    closed, opened = ("add_note", "list_notes") if kind == HOSTED else ("touch", "echo")
    with Wire(command, tmp_path, era=HANDSHAKE, environ=here.environ, capabilities={}) as wire:
        wire.open()
        asked = wire.post("tools/list")
        here.visit("reader")
        listed = wire.answer(asked).message["result"]["tools"]
        tools = {tool["name"]: tool.get("description", "") for tool in listed}
        assert tools[closed].startswith("[Locked: needs the role Task.Write")
        assert "Locked" not in tools[opened]
        assert "Task.Write" in wire.text(closed, {"text": "x"})
    assert not (tmp_path / "ran").exists() or "touch" not in (tmp_path / "ran").read_text("utf-8")


@kinds
def test_without_a_hold_the_first_list_waits_for_nobody(
    kind: str, here: Desk, tmp_path: Path
) -> None:
    """``list.hold = 0``: the account tools at once, the others when the client is told."""
    here.set(LIST_HOLD="0")
    command = [warm.program(), *_words(kind, tmp_path)]
    with Wire(command, tmp_path, era=HANDSHAKE, environ=here.environ, capabilities={}) as wire:
        wire.open()
        here.tab()
        assert len(wire.request("tools/list")["result"]["tools"]) == 3
        since = len(wire.heard)
        here.visit("reader")
        wire.told("notifications/tools/list_changed", since=since)
        assert len(wire.request("tools/list")["result"]["tools"]) > 3
