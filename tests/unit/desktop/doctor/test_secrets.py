"""What is secret on this machine is known by its value."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies as st

from mcp_local.desktop.doctor.secrets import Secrets, known_secrets

if TYPE_CHECKING:
    from pathlib import Path


@given(st.text('xyz"\\é', min_size=6), st.text("0123"), st.text("0123"))
def test_a_value_is_gone_wherever_it_stood(value: str, before: str, after: str) -> None:
    """As it is, and as JSON writes it."""
    for text in (value, json.dumps(value)[1:-1]):
        assert Secrets([value]).hide(f"{before}{text}{after}") == f"{before}[redacted]{after}"


def test_without_any_nothing_is_hidden() -> None:
    """Neither is what is too short to be one."""
    assert Secrets([]).hide("plain words") == "plain words"
    assert Secrets(["true", ""]).hide("it is true") == "it is true"


@pytest.mark.parametrize(
    ("name", "value", "hidden"),
    [
        ("GITHUB_TOKEN", "word-of-mine", True),
        ("AZURE_CLIENT_SECRET", "word-of-mine", True),
        ("https_proxy", "http://me:word-of-mine@proxy:3128", True),
        ("HTTPS_PROXY", "me:word-of-mine@proxy:3128", True),
        ("ALL_PROXY", "http://[", False),
        ("TOKEN_FILE", "/home/me/word-of-mine", False),
        ("LANG", "word-of-mine", False),
    ],
)
def test_the_environment_is_read_by_its_names(
    name: str, value: str, hidden: object, tmp_path: Path
) -> None:
    """A secret's name gives it away; a path is none."""
    text = known_secrets({name: value}, tmp_path).hide("it says word-of-mine")
    assert ("word-of-mine" not in text) is hidden


def test_a_passphrase_file_and_clients_files_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client's file that doesn't parse, or is of odd shape, is passed by."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "phrase").write_text("correct horse\n", encoding="utf-8")
    servers = {
        "a": {"env": {"KEY": "word-of-mine"}, "headers": {"A": "Bearer of-a-header"}},
        "b": 1,
    }
    (tmp_path / ".mcp.json").write_text(
        json.dumps({"mcpServers": {**servers, "b": 1}}), encoding="utf-8"
    )
    (tmp_path / ".vscode").mkdir()
    (tmp_path / ".vscode" / "mcp.json").write_text("{", encoding="utf-8")
    environ = {"MCP_LOCAL_CACHE_PASSPHRASE_FILE": str(tmp_path / "phrase")}
    text = "correct horse, word-of-mine, of-a-header"
    assert known_secrets(environ, tmp_path).hide(text) == "[redacted], [redacted], [redacted]"
    gone = {"MCP_LOCAL_CACHE_PASSPHRASE_FILE": str(tmp_path / "gone")}
    assert known_secrets(gone, tmp_path / "empty").hide(text) == text
