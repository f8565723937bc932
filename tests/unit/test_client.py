"""Our own MCP client, over real stdio."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest
from mcp_types import ElicitRequestFormParams, ElicitRequestURLParams

from mcp_local.client import LEGACY, MODERN, Answers, ServerSession, UseFailed, connect
from mcp_local.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.usefixtures("forks")


@pytest.fixture
def environ() -> Mapping[str, str]:
    """Return an environment where roles are declared."""
    return os.environ | {"MCP_LOCAL_SIGN_IN": "none", "MCP_LOCAL_SIGN_IN_ROLES": "Task.Write"}


@pytest.mark.parametrize(("mode", "version"), [(LEGACY, "2025-11-25"), (MODERN, MODERN)])
def test_a_session_lists_and_uses(mode: str, version: str, environ: Mapping[str, str]) -> None:
    """Tools, resources, prompts, progress and refusals, in both eras."""

    async def use(session: ServerSession) -> None:
        assert session.protocol_version == version
        listing = await session.listing()
        assert "set_weather_alert" in listing.tools
        assert ("resource", "weather://cities/{city}") in listing.items()
        assert ("prompt", "weather_briefing") in listing.items()
        seen: list[tuple[float, float | None, str]] = []
        result = await session.call(
            "reverse_text",
            {"text": "Oslo", "seconds": 0.2},
            lambda done, total, message: seen.append((done, total, message)),
        )
        assert [getattr(block, "text", "") for block in result.content] == ["olsO"]
        assert seen[-1] == (10, 10, "4 characters")
        assert (await session.read("weather://cities/lima")).contents
        assert (await session.prompt("weather_briefing", {"city": "Lima"})).messages
        with pytest.raises(UseFailed, match="Unknown tool"):
            await session.call("clear_weather_data", {})
        with pytest.raises(UseFailed, match="no weather for"):
            await session.call("get_weather", {"city": "Atlantis"})
        with pytest.raises(UseFailed):
            await session.read("weather://alerts")
        with pytest.raises(UseFailed):
            await session.prompt("no_such_prompt", {})

    async def session() -> None:
        async with connect(["run"], environ, mode=mode) as connected:
            await use(connected)

    asyncio.run(session())


def test_an_error_inside_a_session_comes_out_as_it_is(environ: Mapping[str, str]) -> None:
    """Not wrapped into a group of one."""

    async def session() -> None:
        async with connect(["run"], environ) as connected:
            await connected.call("no_such_tool", {})

    with pytest.raises(UseFailed, match="Unknown tool"):
        asyncio.run(session())


def test_a_server_that_ends_at_once_says_why(environ: Mapping[str, str]) -> None:
    """Its last words on standard error become the error, with its hint."""

    async def session(*words: str) -> None:
        async with connect(words, environ):
            pass

    with pytest.raises(TargetError, match="There is no file") as caught:
        asyncio.run(session("run", "nothing.py"))
    assert caught.value.hint == "Check the path of the server."
    with pytest.raises(TargetError, match="ended before it answered"):
        asyncio.run(session("--version"))


def test_verbose_shows_the_servers_words(
    environ: Mapping[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    """They go to our own standard error."""

    async def session() -> None:
        async with connect(["run", "nothing.py"], environ, show_errors=True):
            pass

    with pytest.raises(TargetError, match="ended before it answered"):
        asyncio.run(session())
    assert "There is no file" in capfd.readouterr().err


def test_only_questions_for_a_yes_are_put_to_the_person() -> None:
    """Other forms, and addresses to open, are declined: a command line is no place for them."""
    heard: list[str] = []

    def ask(question: str) -> bool:
        heard.append(question)
        return question == "Sure?"

    async def answers() -> list[str]:
        answer = Answers(ask)
        confirm = {"type": "object", "properties": {"confirm": {"type": "boolean"}}}
        other = {"type": "object", "properties": {"token": {"type": "string"}}}
        asked = (
            ElicitRequestFormParams(message="Sure?", requested_schema=confirm),
            ElicitRequestFormParams(message="Really?", requested_schema=confirm),
            ElicitRequestFormParams(message="Token?", requested_schema=other),
            ElicitRequestURLParams(message="Open", url="https://x.example", elicitation_id="1"),
        )
        return [(await answer(None, params)).action for params in asked]

    assert asyncio.run(answers()) == ["accept", "decline", "decline", "decline"]
    assert heard == ["Sure?", "Really?"]
