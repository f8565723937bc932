"""Other people's clients with ``mcp-local run``: the official Python client, the MCP Inspector."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, cast

import pytest
from mcp import MCPError

from tests.support.chat import ACCOUNT_TOOLS, ERAS, LEGACY, NOTES, PROGRAM, chat, run
from tests.support.desk import desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.chat import Chat
    from tests.support.desk import Desk

WRITERS = {"list_notes", "count_slowly", "add_note"}


@pytest.fixture
def here(home: Path) -> Iterator[Desk]:
    """A desk at which somebody who may read and write is signed in."""
    with desk(home) as here:
        here.sign_in("writer")
        yield here


@pytest.mark.parametrize("era", ERAS)
def test_python_client(era: str, here: Desk) -> None:
    """Lists, calls with progress, reads, prompts; what the role doesn't allow isn't there."""

    async def session() -> None:
        async with chat(["run", *NOTES], here.environ, era=era) as client:
            await _uses_what_is_allowed(client)
            await _finds_nothing_else(client)
            assert (client.client.protocol_version == era) is (era != LEGACY)

    run(session())
    kinds = [event["kind"] for event in here.log("list")]
    assert kinds == ["tool", "resource", "template", "prompt"]
    assert [event["outcome"] for event in here.log("decision")][-3:] == ["unknown"] * 3


async def _uses_what_is_allowed(chat: Chat) -> None:
    client = chat.client
    heard: list[tuple[float, float | None, str | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total, message))

    assert await chat.tools() == WRITERS
    assert await chat.say("add_note", text="water plants") == "3 notes"
    counted = await client.call_tool("count_slowly", {}, progress_callback=hear)
    assert counted.structured_content == {"result": 3}
    assert heard == [(number, 3, f"note {number}") for number in (1, 2, 3)]
    resources = await client.list_resources()
    templates = await client.list_resource_templates()
    prompts = await client.list_prompts()
    assert [resource.uri for resource in resources.resources] == ["notes://all"]
    assert [each.uri_template for each in templates.resource_templates] == [
        "notes://by-number/{number}"
    ]
    assert [prompt.name for prompt in prompts.prompts] == ["summary"]
    read = await client.read_resource("notes://by-number/2")
    assert read.contents[0].model_dump()["text"] == "water plants"
    prompt = await client.get_prompt("summary", {"style": "briefly"})
    assert prompt.messages[0].content.model_dump()["text"] == "Summarise my notes, briefly."


async def _finds_nothing_else(chat: Chat) -> None:
    hidden = await chat.client.call_tool("delete_notes", {})
    absent = await chat.client.call_tool("no_such_tool", {})
    assert hidden.is_error
    assert (await chat.say("delete_notes")).replace("delete_notes", "no_such_tool") == (
        absent.model_dump()["content"][0]["text"]
    )
    with pytest.raises(MCPError):
        await chat.client.read_resource("notes://deleted")


@pytest.mark.node
@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_inspector(era: str, here: Desk, tmp_path: Path) -> None:
    """The MCP Inspector's command line lists and calls, started by a configuration file."""
    inspector = Inspector(here, tmp_path / "mcp.json", era)

    listed = inspector.ask("tools/list")
    assert {tool["name"] for tool in listed["tools"]} == ACCOUNT_TOOLS | WRITERS
    called = inspector.ask("tools/call", "--tool-name", "add_note", "--tool-arg", "text=go out")
    assert called["content"] == [{"type": "text", "text": "3 notes"}]


class Inspector:
    """The published command line, run by npx; its cache is the machine's, not the test's."""

    PACKAGE = "@modelcontextprotocol/inspector@2"

    def __init__(self, here: Desk, config: Path, era: str) -> None:
        npx = shutil.which("npx")
        if npx is None:
            pytest.skip("needs npx on the PATH")
        variables = {name: here.environ[name] for name in here.environ if "MCP_LOCAL" in name}
        server = {"command": PROGRAM, "args": ["run", *NOTES], "env": variables}
        config.write_text(json.dumps({"mcpServers": {"notes": server}}), encoding="utf-8")
        self._line = [
            *(npx, "--yes", "--prefer-offline", self.PACKAGE, "--cli"),
            *("--config", str(config), "--server", "notes", "--protocol-era", era),
            *("--format", "json", "--quiet"),
        ]

    def ask(self, method: str, *options: str) -> dict[str, list[dict[str, object]]]:
        """Invoke one method; return its result."""
        done = subprocess.run(
            [*self._line, "--method", method, *options],
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        document = cast("dict[str, dict[str, list[dict[str, object]]]]", json.loads(done.stdout))
        return document["result"]
