"""Hints name what this copy was installed from."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from mcp_local.origin import install_hint, requirement

if TYPE_CHECKING:
    from pathlib import Path

CLONE = {"url": "file:///home/me/mcp-local", "dir_info": {"editable": True}}
REPOSITORY = {
    "url": "https://git.example/mcp-local",
    "vcs_info": {"vcs": "git", "commit_id": "0123abcd"},
}


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (None, "mcp-local[sql]"),
        (CLONE, "mcp-local[sql] @ file:///home/me/mcp-local"),
        (REPOSITORY, "mcp-local[sql] @ git+https://git.example/mcp-local@0123abcd"),
        (
            {"url": "https://me:s3cret@index.example/a/mcp_local.whl"},
            "mcp-local[sql] @ https://index.example/a/mcp_local.whl",
        ),
        (
            {**REPOSITORY, "url": "https://s3cret@git.example/mcp-local"},
            "mcp-local[sql] @ git+https://git.example/mcp-local@0123abcd",
        ),
        (
            {**REPOSITORY, "url": "ssh://git@git.example/mcp-local"},
            "mcp-local[sql] @ git+ssh://git@git.example/mcp-local@0123abcd",
        ),
    ],
)
def test_an_extra_is_added_to_what_is_installed(
    origin: object, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its name on an index, or by the folder or repository that it came from (PEP 610)."""
    info = tmp_path / "mcp_local-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: mcp-local\nVersion: 0\n", encoding="utf-8")
    if origin is not None:
        (info / "direct_url.json").write_text(json.dumps(origin), encoding="utf-8")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert requirement("sql") == expected
    assert f"uv tool install '{expected}'" in install_hint("sql")
    assert requirement() == expected.replace("[sql]", "")
