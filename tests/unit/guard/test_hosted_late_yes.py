"""A yes that comes after its call gave up, in a client of the handshake era."""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from fastmcp import Client, FastMCP

from mcp_local.guard.hosted import protect
from mcp_local.guard.questions import Questions
from mcp_local.log import Log
from tests.support.asking import asks
from tests.support.people import MemorySession, person

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from mcp_local.policy.model import Decision


class AskAlways:
    """A policy that wants a yes to everything."""

    def decide(self, identity: object, request: object, component: object) -> Decision:
        """Ask."""
        del identity, request, component
        return asks()


def test_a_late_yes_serves_the_identical_retry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call returns; the form stays open; its yes runs the same call once, another one not."""
    impatient = partial(Questions, patience=0.1)
    monkeypatch.setattr(sys.modules[protect.__module__], "Questions", impatient)
    mcp: FastMCP[Any] = FastMCP("late")
    ran: list[int] = []

    @mcp.tool
    def run(number: int) -> None:
        ran.append(number)

    session = MemorySession(person("ada", "reader"))
    protect(mcp, policy=AskAlways(), session=session, log=Log(tmp_path / "log"))
    asyncio.run(_answer_late(mcp, ran))


async def _answer_late(mcp: FastMCP[Any], ran: list[int]) -> None:
    answered, asked = asyncio.Event(), [0]

    async def answer(_message: str, response_type: Any, *_: Any) -> Any:
        asked[0] += 1
        await answered.wait()
        return response_type(confirm=True)

    async with Client(mcp, mode="legacy", elicitation_handler=answer) as client:

        async def call(number: int) -> str:
            result = await client.call_tool("run", {"number": number}, raise_on_error=False)
            return str(result.content)

        assert "Waiting for your yes: run" in await call(1)
        assert "Waiting for your yes: run" in await call(1)
        assert "Waiting for your yes to another call" in await call(2)
        answered.set()
        while ran != [1]:
            await call(1)
        assert asked[0] == 1
        await call(1)
        assert asked[0] == 2
