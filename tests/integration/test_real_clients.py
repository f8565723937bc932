"""Real command-line clients, set up by ``install`` alone, with somebody signed in.

Each is fetched by npx (10 to 20 s the first time), needs no account of its own for this, and finds
nothing of this machine's settings: its home is the test's.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.chat import ACCOUNT_TOOLS, NOTES, PROGRAM
from tests.support.desk import desk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.desk import Desk

pytestmark = [pytest.mark.heavy, pytest.mark.node, pytest.mark.timeout(300)]

CLAUDE = ("@anthropic-ai/claude-code@2", "mcp", "list")
CODEX = ("@openai/codex@0", "mcp", "list", "--json")
GEMINI = ("@google/gemini-cli@0", "mcp", "list")


class Person:
    """Somebody with a home of their own, in which clients keep their settings."""

    def __init__(self, here: Desk, home: Path) -> None:
        self.home = home
        self.folder = home / "work"
        self.folder.mkdir(parents=True)
        cache = Path.home() / ".npm"  # the machine's: packages are large
        kept = {name: text for name, text in here.environ.items() if "CONFIG" not in name}
        self._environ = kept | {
            "HOME": str(home),
            "npm_config_cache": str(cache),
            "MCP_LOCAL_CONFIG": here.environ["MCP_LOCAL_CONFIG"],
            "GEMINI_CLI_TRUST_WORKSPACE": "true",
        }

    def install(self, client: str) -> None:
        """Add the server to a client's configuration."""
        target, *policy = NOTES
        self._run(PROGRAM, "install", client, "notes", target, *policy)

    def ask(self, package: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a client; return what it printed where."""
        npx = shutil.which("npx")
        if npx is None:
            pytest.skip("needs npx on the PATH")
        return self._run(npx, "--yes", "--prefer-offline", package, *words)

    def _run(self, *line: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            line,
            env=self._environ,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done


@pytest.fixture
def person(home: Path, tmp_path: Path) -> Iterator[Person]:
    """Return somebody who may read and write, and is signed in."""
    with desk(home) as here:
        here.sign_in("writer")
        yield Person(here, tmp_path / "person")


def test_claude_code_connects(person: Person) -> None:
    """`claude mcp list` starts the server and says that it is connected."""
    person.install("claude-code")
    assert "Connected" in _line(person.ask(*CLAUDE), "notes:")


def test_gemini_connects_and_reads_comments(person: Person) -> None:
    """`gemini mcp list` says so, too; a comment in its file is no matter to it."""
    person.install("gemini")
    file = person.home / ".gemini" / "settings.json"
    file.write_text("// mine\n" + file.read_text(encoding="utf-8"), encoding="utf-8")
    assert "Connected" in _line(person.ask(*GEMINI), "notes:")


def test_codex_lists_it(person: Person) -> None:
    """`codex mcp list` starts nothing, and shows the entry as it was meant."""
    person.install("codex")
    [server] = json.loads(person.ask(*CODEX).stdout)
    assert (server["name"], server["enabled"]) == ("notes", True)
    assert server["transport"]["command"] == PROGRAM


def test_the_inspector_lists_what_the_role_allows(person: Person) -> None:
    """What Claude Code is told to start, the MCP Inspector starts, and lists the guarded tools."""
    person.install("claude-code")
    servers = json.loads((person.home / ".claude.json").read_text(encoding="utf-8"))["mcpServers"]
    config = person.folder / "mcp.json"
    config.write_text(json.dumps({"mcpServers": servers}), encoding="utf-8")
    answer = person.ask(
        *("@modelcontextprotocol/inspector@2", "--cli", "--config", str(config)),
        *("--server", "notes", "--method", "tools/list", "--format", "json", "--quiet"),
    )
    tools = json.loads(answer.stdout)["result"]["tools"]
    wanted = {"list_notes", "count_slowly", "add_note"}
    assert {tool["name"] for tool in tools} == ACCOUNT_TOOLS | wanted


def _line(done: subprocess.CompletedProcess[str], start: str) -> str:
    text = done.stdout + done.stderr  # Gemini lists on standard error
    return next((line for line in text.splitlines() if start in line), text)
