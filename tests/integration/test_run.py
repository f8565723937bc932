"""``mcp-local run`` in its ways, and what it leaves behind: nothing."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mcp_local.client import connect
from mcp_local.emulator.visitor import browser_command
from tests.support.chat import ERAS, LEGACY, MODERN, NOTES, PATIENCE, chat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.emulator import Emulator
    from mcp_local.testing import SignsInAs

SERVERS = Path(__file__).parents[1] / "transcripts" / "servers"
EXAMPLE = Path(__file__).parents[2] / "claude_desktop_config.example.json"
READS = {"get_weather", "get_forecast", "reverse_text"}

forked = pytest.mark.usefixtures("forks")


@pytest.fixture
def declared() -> dict[str, str]:
    """Return an environment where the roles are declared."""
    return os.environ | {"MCP_LOCAL_SIGN_IN": "none", "MCP_LOCAL_SIGN_IN_ROLES": "Task.Read"}


@pytest.fixture
def empty(tmp_path: Path) -> dict[str, str]:
    """Return an environment without any settings, and a temporary folder of its own."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    plain = {name: os.environ[name] for name in os.environ if not name.startswith("MCP_LOCAL_")}
    return plain | {"TMPDIR": str(folder), "HOME": str(tmp_path)}


def wait_until_gone(environ: Mapping[str, str]) -> None:
    """Wait until the demo's folders are removed, which is the last that its processes do."""
    folder = Path(environ["TMPDIR"])
    deadline = time.monotonic() + PATIENCE
    while left := list(folder.glob("mcp-local-*")):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


@pytest.mark.skipif(sys.platform == "win32", reason="TMPDIR is not what Windows calls it")
@pytest.mark.parametrize("era", ERAS)
def test_the_demo_needs_no_settings_and_leaves_nothing(era: str, empty: dict[str, str]) -> None:
    """With --demo-user somebody is signed in without a screen; at the end all of it is gone."""

    async def use() -> tuple[set[str], str]:
        async with chat(["run", "--demo-user", "reader"], empty, era=era) as client:
            return await client.tools(), await client.say("mcp_local_whoami")

    tools, whoami = asyncio.run(use())
    assert tools == READS
    assert "Rita Reader" in whoami
    assert "for development" in whoami
    wait_until_gone(empty)
    assert not list(Path(empty["HOME"]).rglob("mcp-local*"))


@pytest.mark.skipif(sys.platform == "win32", reason="TMPDIR is not what Windows calls it")
def test_the_demo_asks_in_the_browser_and_dies_with_its_client(empty: dict[str, str]) -> None:
    """Without --demo-user whoever is picked there signs in; kill -9 leaves nothing either."""
    line = [sys.executable, "-P", "-m", "mcp_local", "run", "--demo"]
    environ = empty | {"BROWSER": browser_command("admin"), "MCP_LOCAL_LIST_HOLD": "60"}
    with subprocess.Popen(
        line, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for message in handshake():
            process.stdin.write(json.dumps(message) + "\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["result"]["serverInfo"]["name"] == "weather"
        process.kill()
    wait_until_gone(empty)


def handshake() -> list[dict[str, object]]:
    """Return what a client of the handshake era says first."""
    params = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    }
    return [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
    ]


@forked
def test_the_picked_person_is_the_one_in_the_demo(empty: dict[str, str]) -> None:
    """BROWSER is honoured as everywhere; here it picks an account."""

    async def use() -> set[str]:
        environ = empty | {"BROWSER": browser_command("writer")}
        async with chat(["run", "--demo"], environ, era=LEGACY) as client:
            while not (tools := await client.tools()):
                await client.told()
            return tools

    assert asyncio.run(use()) == READS | {"set_weather_alert"}


@forked
def test_somebody_unknown_in_the_demo_is_told_who_there_is(empty: dict[str, str]) -> None:
    """The nearest name is in the hint, and nothing is served."""
    done = run(["run", "--demo-user", "readr"], empty)
    assert done.returncode == 2
    assert "nobody called 'readr'" in done.stderr
    assert "'reader'" in done.stderr
    assert done.stdout == ""


def run(
    words: list[str], environ: Mapping[str, str], folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run one command with nothing on its standard input."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "mcp_local", *words],
        env=environ,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


@forked
def test_the_log_knows_why_nothing_is_served(declared: dict[str, str], tmp_path: Path) -> None:
    """Desktop clients hide standard error."""
    assert run(["run", "nothing.py"], declared, tmp_path).returncode == 2
    (event,) = [json.loads(line) for line in run(["logs", "--json"], declared).stdout.splitlines()]
    assert (event["event"], event["level"]) == ("not_served", "error")
    assert "There is no file" in event["why"]


def test_the_shipped_example_is_a_configuration_that_works(
    entra_emulator: Emulator, entra_as: SignsInAs
) -> None:
    """With real values for its placeholders, and this checkout for what ``uvx`` would fetch."""
    server, _, policy = NOTES
    values = {
        "/absolute/path/server.py": server,
        "/absolute/path/policy.yaml": policy,
        "00000000-0000-0000-0000-000000000000": entra_emulator.tenant_id,
        "11111111-1111-1111-1111-111111111111": entra_emulator.client_id,
        "22222222-2222-2222-2222-222222222222": entra_emulator.api_id,
    }
    text = EXAMPLE.read_text(encoding="utf-8")
    for placeholder, value in values.items():
        text = text.replace(placeholder, value.replace("\\", "/"))
    (entry,) = json.loads(text)["mcpServers"].values()
    assert [entry["command"], entry["args"][0]] == ["uvx", "mcp-local"]

    async def use() -> set[str]:
        environ = entra_as("reader") | entry["env"]
        async with chat(entry["args"][1:], environ, era=MODERN) as client:
            while not (tools := await client.tools()):
                await client.told()
            return tools

    assert "list_notes" in asyncio.run(use())


@pytest.mark.parametrize("era", ERAS)
def test_a_program_serves_its_own_server(era: str, declared: dict[str, str]) -> None:
    """``mcp_local.run``: its policy stands beside it, and its prints reach nobody."""

    async def use() -> tuple[set[str], str]:
        program = str(SERVERS / "reports.py")
        async with chat([program], declared, era=era, program=sys.executable) as client:
            return await client.tools(), await client.say("list_reports")

    assert asyncio.run(use()) == ({"list_reports"}, '["declared roles/q1"]')


def test_a_program_that_can_not_serve_says_why() -> None:
    """As the command line would: two lines and an exit code, no traceback."""
    done = subprocess.run(
        [sys.executable, str(SERVERS / "reports.py")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "error: `tenant` and `client_id` are not set." in done.stderr
    assert "Traceback" not in done.stderr


@forked
def test_a_program_that_serves_while_it_is_imported_is_refused(
    declared: dict[str, str], tmp_path: Path
) -> None:
    """``mcp_local.run`` belongs under ``__main__``, as FastMCP's own does."""
    (tmp_path / "eager.py").write_text(
        "import mcp_local\nfrom fastmcp import FastMCP\nmcp = FastMCP('s')\nmcp_local.run(mcp)\n",
        encoding="utf-8",
    )
    done = run(["tools", "eager.py"], declared, tmp_path)
    assert done.returncode == 2
    assert "starts its server while it is being imported" in done.stderr


@pytest.fixture
def inline(tmp_path: Path) -> Path:
    """Return a folder with a server whose inline dependency is a package in the folder above."""
    (tmp_path / "h_extra.py").write_text("NAME = 'brought along'\n", encoding="utf-8")
    metadata = tmp_path / "h_extra-1.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: h-extra\nVersion: 1\n", encoding="utf-8")
    work = tmp_path / "work"
    work.mkdir()
    (work / "server.py").write_text(
        "# /// script\n# dependencies = ['h-extra']\n# ///\n"
        "import h_extra\nfrom fastmcp import FastMCP\nmcp = FastMCP('s')\n"
        "mcp.tool(lambda: h_extra.NAME, name='read_it', tags={'read'})\n",
        encoding="utf-8",
    )
    return work


def stand_in_for_uv(folder: Path, packages: str) -> str:
    """Write a program that does with our arguments what ``uv run --with`` does."""
    uv = folder / "uv"
    uv.write_text(
        f"#!/bin/sh\necho \"$@\" >>'{folder}/asked'\n"
        'while [ "$1" != -- ]; do shift; done; shift; shift\n'
        f"PYTHONPATH='{packages}' exec '{sys.executable}' \"$@\"\n",
        encoding="utf-8",
    )
    uv.chmod(0o755)
    return str(uv)


@pytest.mark.skipif(sys.platform == "win32", reason="a script is no program there")
def test_inline_dependencies_are_brought_along(declared: dict[str, str], inline: Path) -> None:
    """A file's PEP 723 block starts us again through ``uv``, in the same session."""
    uv = stand_in_for_uv(inline, str(inline.parent))

    async def use() -> str:
        words = ["run", str(inline / "server.py"), "--policy", str(SERVERS / "policy.yaml")]
        async with connect(words, declared | {"UV": uv}) as session:
            result = await session.call("read_it", {})
        return "".join(getattr(block, "text", "") for block in result.content)

    assert asyncio.run(use()) == "brought along"
    asked = (inline / "asked").read_text(encoding="utf-8")
    assert "--with h-extra -- python -P -m mcp_local run" in asked


@pytest.mark.skipif(sys.platform == "win32", reason="a script is no program there")
def test_dependencies_that_can_not_be_had_name_the_line(
    declared: dict[str, str], inline: Path
) -> None:
    """Without ``uv``; and after ``uv`` in vain, which isn't tried twice."""
    for environ in ({"PATH": "", "UV": ""}, {"UV": stand_in_for_uv(inline, "/nowhere")}):
        done = run(["tools", "server.py"], declared | environ, inline)
        assert done.returncode == 2
        assert "uvx --with h-extra mcp-local run server.py" in done.stderr
    assert len((inline / "asked").read_text(encoding="utf-8").splitlines()) == 1


@forked
@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX's")
@pytest.mark.parametrize(
    "target", [[NOTES[0]], ["--", sys.executable, "-I", str(SERVERS / "ledger.py")]]
)
def test_on_a_terminal_it_says_what_it_waits_for(
    declared: dict[str, str], target: list[str]
) -> None:
    """Who types what README shows sees that it works, whatever is served."""
    ours, theirs = os.openpty()
    line = [sys.executable, "-P", "-m", "mcp_local", "run", *target]
    with subprocess.Popen(
        line, env=declared, stdin=theirs, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        os.close(theirs)
        assert process.stderr is not None
        said = process.stderr.readline()
        os.close(ours)
        process.terminate()
    assert said.startswith(b"Waiting for an MCP client on standard input")


def test_verbose_tells_the_log_to_the_terminal(declared: dict[str, str]) -> None:
    """On standard error, beside the file."""

    async def use() -> None:
        async with chat(["run", "-v"], declared, era=LEGACY) as client:
            await client.tools()

    asyncio.run(use())
    done = run(["logs", "--json"], declared)
    assert any(json.loads(line)["event"] == "list" for line in done.stdout.splitlines())


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT is sent otherwise there")
def test_ctrl_c_ends_a_sign_in(entra_as: SignsInAs) -> None:
    """Exit code 130, no traceback; the address was told before."""
    environ = entra_as("reader")
    line = [sys.executable, "-P", "-m", "mcp_local", "login", "--no-browser", "--json"]
    with subprocess.Popen(
        line, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stderr is not None
        told = [process.stderr.readline() for _ in range(2)]
        assert "http://localhost:" in told[1]
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in errors
