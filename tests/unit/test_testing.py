"""The pytest plugin."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import jwt
import pytest

from mcp_local.emulator import Options, Person, default_directory
from mcp_local.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from mcp_local.emulator import Directory, Emulator
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
    assert "--user reader@contoso.example " in environment["BROWSER"]
    assert "MCP_LOCAL_POLICY" not in environment
    assert "--user admin@contoso.example " in entra_as("admin")["BROWSER"]
    with pytest.raises(UsageError):
        entra_as("nobody")


class TestOwnDirectory:
    """A test brings its own people and its own way of behaving."""

    @pytest.fixture
    def entra_directory(self) -> Directory:
        """One person with one role."""
        ada = Person(username="ada@contoso.example", name="Ada", roles=("Admin",))
        return replace(default_directory(), people=(ada,))

    @pytest.fixture
    def entra_options(self) -> Options:
        """Short-lived tokens."""
        return Options(lifetime=2)

    def test_both_are_used(self, entra_emulator: Emulator) -> None:
        """The emulator runs with them."""
        claims = jwt.decode(entra_emulator.mint("ada"), options={"verify_signature": False})

        assert claims["roles"] == ["Admin"]
        assert claims["exp"] - claims["iat"] == 302
