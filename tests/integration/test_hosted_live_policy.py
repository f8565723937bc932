"""A policy that changes while a server runs, over real stdio in both eras (M24)."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

import pytest

from tests.support import warm
from tests.support.chat import ERAS, PATIENCE, chat, run
from tests.support.hosted import SERVERS
from tests.support.people import TENANT

if TYPE_CHECKING:
    from pathlib import Path

from tests.support.chat import Chat

READ = "version: 1\nroles:\n  reader: {tags: [read]}\n"
MORE = "version: 1\nroles:\n  reader: {tags: [read], tools: [send]}\n"
BROKEN = "version: 1\nroles:\n  reader: {tags: [read], tolls: [send]}\n"
PROMPT = 2.0
"""Seconds within which a good change is in force and told (issue 3); a busy machine may be late."""


def save(path: Path, text: str) -> None:
    """Write the policy as editors do."""
    beside = path.with_suffix(".tmp")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


@pytest.mark.parametrize("era", ERAS)
def test_a_running_server_follows_its_policy(era: str, tmp_path: Path) -> None:
    """Broken at first, mended, broken again, changed, observing: told each time, never wider."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(BROKEN, encoding="utf-8")
    (tmp_path / "who.json").write_text('{"oid": "ada", "roles": ["reader"]}', encoding="utf-8")
    environ = {
        **{name: os.environ[name] for name in os.environ if name.startswith("COVERAGE_")},
        "WHO": str(tmp_path / "who.json"),
        "RAN": str(tmp_path / "ran.txt"),
        "LOG": str(tmp_path / "log.jsonl"),
        "POLICY_FILE": str(policy),
    }

    async def session() -> None:
        words = (str(SERVERS / "guarded.py"), "asked")
        async with chat(words, environ, era=era, program=warm.python()) as here:
            await _walk(here, policy)

    run(session())
    events = (tmp_path / "log.jsonl").read_text("ascii")
    for event in ("policy_broken", "policy_mended", "policy_changed", "policy_observes"):
        assert f'"event":"{event}"' in events
    assert '"observed":true,"roles":["reader"]' in events


async def _walk(here: Chat, policy: Path) -> None:
    assert await here.tools() == set()
    assert "Nothing but the account tools is served" in await here.say("mcp_local_whoami")

    await _change(here, policy, READ)
    assert await here.tools() == {"look"}
    assert "broken" not in await here.say("mcp_local_whoami")

    save(policy, BROKEN)
    who = await _until(here, "policy_problem")
    assert "tolls" in str(who["policy_problem"])
    assert "last good policy stays in force" in await here.say("mcp_local_whoami")
    assert await here.tools() == {"look"}
    assert await here.say("send", text="x") == "Unknown tool: 'send'"

    await _change(here, policy, MORE)
    assert await here.tools() == {"look", "send"}
    assert await here.say("send", text="x") == "send x"

    await _change(here, policy, f"mode: observe\n{READ}")
    assert "purge" in await here.tools()
    assert await here.say("purge") == "purge 1"
    assert (await _who(here))["policy_mode"] == "observe"
    assert "only observes" in await here.say("mcp_local_whoami")


async def _change(here: Chat, policy: Path, text: str) -> None:
    """Change the policy, and wait until the client is told, within the promised time."""
    began = time.monotonic()
    save(policy, text)
    await here.told()
    assert time.monotonic() - began < PROMPT + PATIENCE


async def _who(here: Chat) -> dict[str, object]:
    result = await here.client.call_tool("mcp_local_whoami", {})
    who: dict[str, object] = result.structured_content or {}
    assert TENANT in str(who["account"])
    return who


async def _until(here: Chat, mark: str) -> dict[str, object]:
    """Wait until whoami tells of something that no client is told of."""
    async with asyncio.timeout(PATIENCE):
        while mark not in (who := await _who(here)):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.1)
    return who
