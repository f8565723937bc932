"""A wrapped server that says something else later, before a real client (M7)."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.chat import LEGACY, PROGRAM, chat, run

if TYPE_CHECKING:
    from collections.abc import Sequence

LEDGER = Path(__file__).parents[1] / "transcripts" / "servers" / "ledger.py"


@pytest.fixture(name="environ")
def _environ(tmp_path: Path) -> dict[str, str]:
    """Return the environment of somebody with declared roles."""
    return {
        **os.environ,
        "MCP_LOCAL_HOME": str(tmp_path / "home"),
        "MCP_LOCAL_SIGN_IN": "none",
        "MCP_LOCAL_SIGN_IN_ROLES": "Reader",
    }


def write_settings(folder: Path, definitions: str, *words: str) -> Sequence[str]:
    """Write the settings of the server; return what `run` is told."""
    file = folder / "settings.toml"
    args = ", ".join(f'"{word}"' for word in ("-I", str(LEDGER), *words))
    file.write_text(
        f'[servers.ledger]\ncommand = "{sys.executable}"\nargs = [{args}]\n'
        f'definitions = "{definitions}"\n',
        encoding="utf-8",
    )
    return ("--config", str(file), "run", "ledger", "--policy", "preset:read-only")


def test_what_changes_is_held_until_it_is_approved(tmp_path: Path, environ: dict[str, str]) -> None:
    """Tools and instructions are held back, whoami tells; an approval reaches the open client."""

    async def session() -> None:
        first = write_settings(tmp_path, "hold")
        async with chat(first, environ, era=LEGACY) as client:
            assert await client.tools() == {"read_rows"}
            assert "approved" not in await client.say("mcp_local_whoami")
        later = write_settings(tmp_path, "hold", "later")
        async with chat(later, environ, era=LEGACY) as client:
            assert client.client.instructions is None
            assert await client.tools() == set()
            assert "Unknown tool" in await client.say("read_rows")
            told = await client.say("mcp_local_whoami")
            assert "not as approved, and held back" in told
            assert "read_rows" not in told
            line = [PROGRAM, *later[:2], "pin", "approve", "ledger"]
            await asyncio.to_thread(subprocess.run, line, env=environ, check=True)
            while await client.tools() != {"read_rows"}:  # it may have been told of others before
                await client.told()
            assert await client.say("read_rows") == "3 rows"

    run(session())


def test_what_changes_is_reported(tmp_path: Path, environ: dict[str, str]) -> None:
    """Without `hold` it is served as it is, and told."""

    async def session() -> None:
        for words in ((), ("later",)):
            line = write_settings(tmp_path, "report", *words)
            async with chat(line, environ, era=LEGACY) as client:
                assert await client.tools() == {"read_rows"}
                assert ("not as approved." in await client.say("mcp_local_whoami")) is bool(words)

    run(session())
