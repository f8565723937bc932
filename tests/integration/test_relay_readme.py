"""README's "Wrap a server" is true: its commands and its configuration run, signed in and out."""

from __future__ import annotations

import asyncio
import json
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support import readme, warm
from tests.support.chat import ERAS, LEGACY, chat
from tests.support.relayed import fetched
from tests.support.sessions import make_repository

if TYPE_CHECKING:
    from pathlib import Path

    from mcp_local.emulator import Emulator
    from mcp_local.testing import SignsInAs

SECTION = readme.TEXT.split("\n## Wrap a server\n")[1].split("\n## ", maxsplit=1)[0]
COMMANDS = [shlex.split(line[2:])[1:] for line in SECTION.splitlines() if line.startswith("$ ")]
READS = {"git_status", "git_log", "git_diff_unstaged", "git_diff_staged", "git_show", "git_diff"}
CHANGES = {"git_commit", "git_add", "git_reset", "git_checkout", "git_create_branch"}


def command(word: str, package: str) -> list[str]:
    """Return the words of README's command that has ``word`` and ``package`` in it, no demo's."""
    wanted = [words for words in COMMANDS if word == words[0] and package in words]
    (found,) = [words for words in wanted if "--demo" not in words]
    return found


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a repository."""
    make_repository(tmp_path)
    monkeypatch.chdir(tmp_path / "repo")
    return tmp_path / "repo"


def log_in(environ: dict[str, str]) -> None:
    """Sign the person in, as their browser would."""
    subprocess.run(warm.ours("login"), env=environ, check=True, capture_output=True, timeout=60)


@pytest.mark.uvx
@pytest.mark.parametrize("era", ERAS)
def test_git_signed_in_reads(era: str, entra_as: SignsInAs, repository: Path) -> None:
    """Whoever is signed in sees and uses what only reads; what changes anything isn't there."""
    fetched("uvx", "mcp-server-git")
    environ = entra_as("reader")
    log_in(environ)

    async def use() -> tuple[set[str], str, str]:
        async with chat(command("run", "mcp-server-git"), environ, era=era) as client:
            status = await client.say("git_status", repo_path=str(repository))
            added = await client.say("git_add", repo_path=str(repository), files=["b.txt"])
            return await client.tools(), status, added

    tools, status, added = asyncio.run(use())
    assert tools >= READS
    assert not tools & CHANGES
    assert "b.txt" in status
    assert added == "Unknown tool: 'git_add'"


@pytest.mark.uvx
def test_git_signed_out_waits_for_a_sign_in(entra_as: SignsInAs, repository: Path) -> None:
    """The server is there, its tools are not; each of them names the way to sign in."""
    fetched("uvx", "mcp-server-git")
    environ = entra_as("reader") | {"MCP_LOCAL_SIGN_IN_WHEN": "never"}

    async def use() -> tuple[set[str], str]:
        async with chat(command("run", "mcp-server-git"), environ, era=LEGACY) as client:
            asked = await client.say("git_status", repo_path=str(repository))
            return await client.tools(), asked

    tools, asked = asyncio.run(use())
    assert tools == set()
    assert "mcp_local_sign_in" in asked


@pytest.mark.node
def test_tools_of_a_file_system(entra_as: SignsInAs, tmp_path: Path) -> None:
    """``tools`` tells which of the server's tools are listed, and which hidden."""
    fetched("npx", "@modelcontextprotocol/server-filesystem")
    environ = entra_as("reader")
    log_in(environ)
    words = command("tools", "@modelcontextprotocol/server-filesystem")
    at = words.index("--")
    done = subprocess.run(
        warm.ours(*words[:at], "--json", *words[at:]),
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert {"read_text_file", "list_directory"} <= {each["name"] for each in told["listed"]}
    assert {"write_file", "move_file"} <= {each["name"] for each in told["hidden"]}


@pytest.mark.uvx
def test_the_configuration_works(
    entra_emulator: Emulator, entra_as: SignsInAs, repository: Path
) -> None:
    """With real values for its placeholders, and this checkout for what ``uvx`` would fetch."""
    fetched("uvx", "mcp-server-git")
    (text,) = [block.text for block in readme.blocks("json") if "mcp-server-git" in block.text]
    values = {
        "/absolute/path/of/a/repository": str(repository),
        "00000000-0000-0000-0000-000000000000": entra_emulator.tenant_id,
        "11111111-1111-1111-1111-111111111111": entra_emulator.client_id,
        "22222222-2222-2222-2222-222222222222": entra_emulator.api_id,
    }
    for placeholder, value in values.items():
        text = text.replace(placeholder, value.replace("\\", "/"))
    (entry,) = json.loads(text)["mcpServers"].values()
    assert [entry["command"], entry["args"][0]] == ["uvx", "mcp-local"]
    environ = entra_as("reader") | entry["env"]

    async def use() -> set[str]:
        async with chat(entry["args"][1:], environ, era=LEGACY) as client:
            while not (tools := await client.tools()):
                await client.told()
            return tools

    assert asyncio.run(use()) >= READS
