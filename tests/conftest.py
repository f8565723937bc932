"""Shared fixtures: every test has a state folder of its own and no settings from outside."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of the test's own; nothing of the machine's settings is seen."""
    for name in [name for name in os.environ if name.startswith("MCP_LOCAL_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "home"
    monkeypatch.setenv("MCP_LOCAL_HOME", str(folder))
    monkeypatch.setenv("MCP_LOCAL_CONFIG", str(folder / "config.toml"))
    return folder
