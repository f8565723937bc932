"""``FILE.py[:OBJECT]``: where a server is. Light: nothing is imported or run yet."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcp_local.errors import TargetError

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT_BLOCK = "# /// script"
"""The line that opens a file's inline dependencies (PEP 723)."""


@dataclass(frozen=True, slots=True)
class FileTarget:
    """A Python file, and the name of the server in it where one was given."""

    path: Path
    """Absolute."""
    name: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.name}" if self.name else str(self.path)


def parse_target(text: str, folder: Path) -> FileTarget:
    """Split ``FILE.py[:OBJECT]``; a relative file is looked for in ``folder``.

    Raises:
        TargetError: the text names no Python file, or one that isn't there.
    """
    file, colon, name = text.rpartition(":")
    if not colon or not name.isidentifier() or not file.endswith(".py"):
        file, name = text, ""  # the colon of a Windows drive, or none at all
    if not file.endswith(".py"):
        raise TargetError(
            f"{text!r} is not a Python file.",
            hint="Name a file with a FastMCP server in it: mcp-local run server.py. "
            "To wrap another program: mcp-local run -- COMMAND ARG…",
        )
    path = folder / os.path.expanduser(file)  # noqa: PTH111 - Path.expanduser raises for `~nobody`
    try:
        path = path.resolve()
        there = path.is_file()
    except (OSError, ValueError, RuntimeError):  # too long, a NUL, a circle of links
        there = False
    if not there:
        raise TargetError(f"There is no file {path}.", hint="Check the path of the server.")
    return FileTarget(path, name)


def has_script_block(path: Path) -> bool:
    """Tell whether the file may name inline dependencies, which ``guard.inline`` reads."""
    try:
        return SCRIPT_BLOCK.encode() in path.read_bytes()
    except OSError:
        return False  # loading it will say why
