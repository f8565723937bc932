"""The account tools and changed lists, with the official client in both eras."""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from fastmcp import Client
from fastmcp.client.messages import MessageHandler
from fastmcp.client.transports import StdioTransport
from fastmcp.exceptions import ToolError
from mcp.client.subscriptions import listen
from mcp_types import TextContent

from tests.support import warm
from tests.support.hosted import HANDSHAKE, PATIENCE, SERVERS, Served

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

LEGACY = "legacy"
MODERN = "2026-07-28"
modes = pytest.mark.parametrize("mode", [LEGACY, MODERN])
ACCOUNT = {"mcp_local_sign_in", "mcp_local_sign_out", "mcp_local_whoami"}


class Heard(MessageHandler):
    """Collects the notifications of the handshake era."""

    def __init__(self) -> None:
        self.methods: set[str] = set()
        self.all = asyncio.Event()

    async def on_notification(self, message: Any) -> None:
        """Note what was announced."""
        self.methods.add(message.method.removeprefix("notifications/"))
        if {"tools/list_changed", "resources/list_changed", "prompts/list_changed"} <= self.methods:
            self.all.set()


def put(folder: Path, oid: str, *roles: str, name: str = "who.json") -> None:
    """Make somebody the signed-in person, or the one who will sign in next (``who.next``)."""
    beside = folder / "who.new"
    beside.write_text(json.dumps({"oid": oid, "roles": roles}), encoding="utf-8")
    beside.replace(folder / name)


@asynccontextmanager
async def connected(
    folder: Path, mode: str, *, env: dict[str, str] | None = None, **options: Any
) -> AsyncGenerator[Client[Any]]:
    """Start the scenario ``full`` and connect to it."""
    paths = {name: str(folder / file) for name, file in (("WHO", "who.json"), ("RAN", "ran.txt"))}
    with (folder / "stderr.txt").open("w", encoding="utf-8") as errors:
        transport = StdioTransport(
            warm.python(),
            [str(SERVERS / "guarded.py"), "full"],
            env={**os.environ, **paths, "LOG": str(folder / "log.jsonl"), **(env or {})},
            log_file=errors,
            keep_alive=False,
        )
        async with Client(transport, mode=mode, **options) as client:
            yield client


async def names(client: Client[Any]) -> set[str]:
    """Return the names of the listed tools."""
    return {tool.name for tool in await client.list_tools()}


async def text(client: Client[Any], name: str) -> str:
    """Call a tool and return its text."""
    block = (await client.call_tool(name, raise_on_error=False)).content[0]
    assert isinstance(block, TextContent)
    return block.text


@modes
def test_signing_in_and_out_through_the_account_tools(mode: str, tmp_path: Path) -> None:
    """Nobody → sign in → tools and news of changed lists → confirmed sign-out → nobody."""
    asyncio.run(_sign_in_and_out(mode, tmp_path))


async def _sign_in_and_out(mode: str, folder: Path) -> None:
    questions: list[str] = []

    async def say_yes(message: str, response_type: Any, *_: Any) -> Any:
        questions.append(message)
        return response_type(confirm=True)

    heard = Heard()
    async with connected(
        folder, mode, env={"HOLD": "0"}, elicitation_handler=say_yes, message_handler=heard
    ) as client:
        assert await names(client) == ACCOUNT
        assert "nobody is signed in" in await text(client, "mcp_local_whoami")
        async with _news(client, mode, heard) as news:
            put(folder, "ada", "reader", name="who.next")
            assert "Signed in as Somebody" in await text(client, "mcp_local_sign_in")
            await asyncio.wait_for(news, 10)
        assert "kid_open" in await names(client)
        who = (await client.call_tool("mcp_local_whoami")).structured_content or {}
        assert who["account"]["object_id"] == "ada"
        assert who["roles"] == ["reader"]
        assert "Signed out" in await text(client, "mcp_local_sign_out")
        assert "Sign out of Microsoft Entra ID" in questions[0]
        assert await names(client) == ACCOUNT


@asynccontextmanager
async def _news(
    client: Client[Any], mode: str, heard: Heard
) -> AsyncGenerator[asyncio.Future[Any]]:
    """Yield what is done once the client was told of changes of all three lists."""
    if mode == LEGACY:
        yield asyncio.ensure_future(heard.all.wait())
        return
    async with listen(
        client.session,
        tools_list_changed=True,
        resources_list_changed=True,
        prompts_list_changed=True,
    ) as subscription:

        async def three() -> None:
            seen: set[str] = set()
            async for event in subscription:
                seen.add(type(event).__name__)
                if len(seen) == 3:
                    return

        yield asyncio.ensure_future(three())


@modes
def test_signing_out_needs_the_persons_yes(mode: str, tmp_path: Path) -> None:
    """A no, a yes without the mark, and a client that can't ask all leave the person signed in."""
    asyncio.run(_refuse_sign_out(mode, tmp_path))


async def _refuse_sign_out(mode: str, folder: Path) -> None:
    put(folder, "ada", "reader")
    answers: list[Any] = []

    async def answer(_message: str, response_type: Any, *_: Any) -> Any:
        from fastmcp.client.elicitation import ElicitResult  # noqa: PLC0415

        given = answers.pop(0)
        if given == "decline":
            return ElicitResult(action="decline")
        return response_type(confirm=False)

    for given in ("decline", "unmarked"):
        async with connected(folder, mode, elicitation_handler=answer) as client:
            answers.append(given)
            assert "Still signed in" in await text(client, "mcp_local_sign_out")
            assert "kid_open" in await names(client)
            assert answers == []
    async with connected(folder, mode) as client:
        with pytest.raises(ToolError, match="mcp-local logout"):
            await client.call_tool("mcp_local_sign_out")
        assert "kid_open" in await names(client)


def test_a_waiting_sign_in_tells_where_it_waits(tmp_path: Path) -> None:
    """The sign-in answer and the sign-in tool name the one-time start address."""

    async def run() -> None:
        env = {"START_URL": "http://127.0.0.1:5/start/abc"}
        async with connected(tmp_path, MODERN, env=env) as client:
            assert env["START_URL"] in await text(client, "echo")
            assert env["START_URL"] in await text(client, "mcp_local_sign_in")

    asyncio.run(run())


def test_a_model_cannot_flood_the_person_with_questions(tmp_path: Path) -> None:
    """However often it calls, one question is open; after a no the next one has to wait (M27)."""
    form: dict[str, Any] = {"elicitation": {}}
    with Served("full", tmp_path, HANDSHAKE, capabilities=form) as served:
        served.open()
        served.sign_in("ada", "reader")
        call: dict[str, Any] = {"name": "mcp_local_sign_out", "arguments": {}}
        asking = served.post("tools/call", call)
        question = _question(served)
        for _ in range(3):
            assert "Still signed in" in served.text("mcp_local_sign_out")
        assert not _is_asked(served)
        served.send({"jsonrpc": "2.0", "id": question["id"], "result": {"action": "decline"}})
        assert b"Still signed in" in served.answer(asking)
        assert "Still signed in" in served.text("mcp_local_sign_out")
        assert not _is_asked(served)


def _question(served: Served) -> dict[str, Any]:
    """Return the next question to the person; news of lists comes before it."""
    while True:
        note = served.notes.get(timeout=PATIENCE)
        if note["method"] == "elicitation/create":
            return note


def _is_asked(served: Served) -> bool:
    """Whether the person has another question by now; news of lists is none."""
    notes = [served.notes.get() for _ in range(served.notes.qsize())]
    return any(note["method"] == "elicitation/create" for note in notes)


def test_a_yes_is_good_for_one_sign_out(tmp_path: Path) -> None:
    """What was answered once doesn't sign the person out again, nor is a second question open."""
    form: dict[str, Any] = {"elicitation": {"form": {}}}
    with Served("full", tmp_path, capabilities=form) as served:
        served.open()
        served.sign_in("ada", "reader")
        state = served.call("mcp_local_sign_out")["requestState"]
        assert "Still signed in" in served.text("mcp_local_sign_out")
        yes = {"confirm": {"action": "accept", "content": {"confirm": True}}}
        answer = {"name": "mcp_local_sign_out", "requestState": state, "inputResponses": yes}
        first = served.request("tools/call", answer)["result"]
        assert "Signed out" in first["content"][0]["text"]
        served.sign_in("ada", "reader")
        again = served.request("tools/call", answer)["result"]
        assert again["resultType"] == "input_required"
