"""``mcp-local emulator``, and the one that is tied to a server."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mcp_local.cli.tied import TiedEmulator, own_environment
from mcp_local.errors import McpLocalError


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT is sent otherwise there")
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_it_tells_what_to_set_and_ends_by_ctrl_c(form: list[str]) -> None:
    """Lines for a shell, or a document; the rest is for people."""
    line = [sys.executable, "-P", "-m", "mcp_local", "emulator", *form]
    with subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        assert "reader" in process.stderr.readline()
        assert "Reports, api://" in process.stderr.readline()
        assert "development" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
    assert process.returncode == 0
    if form:
        assert json.loads(first)["environment"]["MCP_LOCAL_AUTHORITY"].startswith("https://local")
        assert "admin" in json.loads(first)["people"]
        assert json.loads(first)["apis"]["Reports"].startswith("api://")
    else:
        assert first.startswith("export MCP_LOCAL_TENANT_ID=")


def test_the_tied_one_has_a_state_folder_of_its_own() -> None:
    """The person's settings aren't seen by it, nor by what it is for."""
    given = os.environ | {"MCP_LOCAL_POLICY": "mine.yaml", "BROWSER": "mine"}
    with TiedEmulator(os.environ) as emulator:
        environ = emulator.environment(given, "reader")
        assert "MCP_LOCAL_POLICY" not in environ
        assert "visitor" in environ["BROWSER"]
        home = Path(environ["MCP_LOCAL_HOME"])
        assert home.is_dir()
    deadline = time.monotonic() + 30
    while home.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    # The folder goes first, the process a moment later; nothing of this test may outlive it.
    emulator._process.wait(30)  # pyright: ignore[reportPrivateUsage]


def test_one_that_does_not_start_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python that can't run us, say."""
    monkeypatch.setattr(sys, "executable", shutil.which("git"))
    with TiedEmulator(os.environ) as emulator, pytest.raises(McpLocalError, match="doesn't start"):
        emulator.environment({}, None)


def test_own_environment_has_nothing_of_ours() -> None:
    """Everything else stays."""
    assert own_environment({"MCP_LOCAL_TENANT_ID": "x", "PATH": "y"}) == {"PATH": "y"}
