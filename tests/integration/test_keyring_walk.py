"""A walk on a Linux desktop: sign in, look, work, sign out, with a real keyring (C13, C15)."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, cast

import pytest

from tests.support.chat import NOTES, PROGRAM, chat, run
from tests.support.person import Person

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mcp_local.emulator import Emulator
    from tests.support.secret_service import SecretService

pytestmark = [
    pytest.mark.secret_service,
    pytest.mark.skipif(sys.platform != "linux", reason="the Secret Service is Linux's"),
]


def test_a_walk_with_the_keyring(
    tmp_path: Path, entra_emulator: Emulator, secret_service: SecretService
) -> None:
    """Signed in once, a desktop client's server finds it by the keyring, until the sign-out."""
    rita = Person(tmp_path / "home", entra_emulator, "reader")
    # The bus is found by its place in here. Without it the product looks in /run/user/<uid>, where
    # no test may put one.
    runtime = {"XDG_RUNTIME_DIR": str(secret_service.folder)}
    terminal, desktop = rita.terminal | runtime, rita.desktop | runtime

    assert _command(terminal, "login")["signed_in"]
    whoami = _command(terminal, "whoami")
    storage = cast("dict[str, object]", whoami["storage"])
    assert (storage["kind"], storage["encrypted"]) == ("keyring", True)
    assert whoami["roles"] == ["Task.Read"]
    assert secret_service.labels() == ["mcp-local: key of the sign-in cache"]
    token = str(_command(terminal, "token")["access_token"])
    assert token.encode() not in _kept(rita.state)

    assert run(_session(desktop)) == {"list_notes", "count_slowly"}

    assert _command(terminal, "logout")["signed_out"] == ["reader@contoso.example"]
    assert not _command(terminal, "whoami", "--offline", code=3)["signed_in"]


async def _session(environ: Mapping[str, str]) -> set[str]:
    async with chat(["run", *NOTES], environ, era="auto") as client:
        assert "Rita Reader" in await client.say("mcp_local_whoami")
        assert "buy milk" in await client.say("list_notes")
        return await client.tools()


def _command(environ: Mapping[str, str], *words: str, code: int = 0) -> dict[str, object]:
    done = subprocess.run(
        [PROGRAM, *words, "--json"],
        env=environ,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return cast("dict[str, object]", json.loads(done.stdout))


def _kept(state: Path) -> bytes:
    """Return the content of all files of a state folder; there must be some."""
    kept = b"".join(path.read_bytes() for path in state.rglob("*") if path.is_file())
    assert kept
    return kept
