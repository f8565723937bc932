"""The pytest plugin."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from mcp_local.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from mcp_local.emulator import Emulator
    from mcp_local.testing import SignsInAs


def test_light_to_import() -> None:
    """Every run of pytest imports the plugin: nothing heavy comes along."""
    script = (
        "import pytest, sys\n"
        "before = set(sys.modules)\n"
        "import mcp_local.testing\n"
        "print(sorted(name for name in set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout == "['mcp_local', 'mcp_local.testing']\n"


def test_entra_as(
    entra_emulator: Emulator,
    entra_as: SignsInAs,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A test says who sits at the browser; nothing of the machine's settings is left."""
    monkeypatch.setenv("MCP_LOCAL_POLICY", "the machine's own")

    environment = entra_as("reader")

    assert environment == dict(os.environ)
    assert environment["MCP_LOCAL_AUTHORITY"] == entra_emulator.authority
    assert environment["MCP_LOCAL_HOME"].startswith(str(tmp_path))
    assert "--user reader " in environment["BROWSER"]
    assert "MCP_LOCAL_POLICY" not in environment
    assert "--user admin " in entra_as("admin")["BROWSER"]
    with pytest.raises(UsageError):
        entra_as("nobody")
