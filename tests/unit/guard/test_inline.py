"""Inline dependencies (PEP 723) of a person's own file."""

from __future__ import annotations

import shlex
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from mcp_local.errors import TargetError
from mcp_local.guard.inline import Missing, missing_packages, read_metadata

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a server with this `script` block and return its path."""

    def write_file(block: str) -> Path:
        path = tmp_path / "server.py"
        lines = ["# /// script", *(f"# {line}".rstrip() for line in block.splitlines()), "# ///"]
        path.write_text("\n".join(["#!/usr/bin/env python", *lines, "x = 1"]), encoding="utf-8")
        return path

    return write_file


def test_a_file_without_a_block_needs_nothing(tmp_path: Path) -> None:
    """No block, and a block that is never closed, ask for nothing."""
    path = tmp_path / "server.py"
    path.write_text("x = 1\n", encoding="utf-8")
    assert not missing_packages(path)
    path.write_text("# /// script\n# dependencies = ['h-absent']\nx = 1\n", encoding="utf-8")
    assert not missing_packages(path)


def test_what_is_installed_is_not_asked_for(write: Write) -> None:
    """Only absent packages are brought along; markers are obeyed."""
    path = write(
        'requires-python = ">=3.11"\n'
        "\n"
        "dependencies = [\n"
        '  "fastmcp>=4",\n'
        '  "h-absent[extra]>=2",\n'
        "  \"h-other; sys_platform == 'nowhere'\",\n"
        "]"
    )
    assert missing_packages(path) == Missing(("h-absent[extra]>=2",))


def test_the_block_ends_at_its_last_mark(tmp_path: Path) -> None:
    """A line like the closing mark may stand inside the block."""
    path = tmp_path / "server.py"
    path.write_text(
        "# /// script\n# dependencies = ['a']\n# x = '''\n# ///\n# '''\n# ///\n", encoding="utf-8"
    )
    assert read_metadata(path).dependencies == ("a",)


def test_another_version_than_ours_is_an_error(write: Write) -> None:
    """A FastMCP of another version would serve without the guard."""
    with pytest.raises(TargetError, match="wants fastmcp<3") as caught:
        missing_packages(write('dependencies = ["fastmcp<3"]'))
    assert version("fastmcp") in caught.value.message


def test_another_python_is_an_error_that_names_the_line(write: Write) -> None:
    """The hint chooses a Python that fits."""
    with pytest.raises(TargetError, match=r"wants Python >=3\.99") as caught:
        missing_packages(write('requires-python = ">=3.99"'))
    assert "uvx --python '>=3.99' mcp-local run server.py" in caught.value.hint


@pytest.mark.parametrize(
    "block",
    [
        "dependencies = [",
        'dependencies = "requests"',
        'dependencies = ["not a requirement!"]',
        "dependencies = [\"x; sys_platform ~= 'linux'\"]",
        'requires-python = "new"',
    ],
)
def test_a_malformed_block_is_an_error(write: Write, block: str) -> None:
    """The file is named, and nothing is run."""
    with pytest.raises(TargetError, match="malformed"):
        missing_packages(write(block))


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are no Python either."""
    path = tmp_path / "server.py"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(TargetError, match="can't be read"):
        missing_packages(path)


def test_the_lines_that_help_hold_the_packages(tmp_path: Path) -> None:
    """A start of uv puts a layer over this environment; people are told the uvx line."""
    missing = Missing(("pandas>=2", "rich"))
    arguments = missing.uv_arguments("/env/python", ["run", "server.py"])
    assert arguments[-6:] == ["python", "-P", "-m", "mcp_local", "run", "server.py"]
    assert arguments[arguments.index("--python") + 1] == "/env/python"
    assert arguments.count("--with") == 2
    error = missing.error(tmp_path / "server.py")
    assert "uvx --with 'pandas>=2' --with rich mcp-local run server.py" in error.hint
    odd = Missing(("a; python_version > '3'", "b @ https://c/';d;'")).error(tmp_path / "it's.py")
    words = shlex.split(odd.hint.partition(": ")[2])
    assert words[2:5:2] == ["a; python_version > '3'", "b @ https://c/';d;'"]
    assert words[-1] == "it's.py"
