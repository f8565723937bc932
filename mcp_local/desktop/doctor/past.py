"""Checks of what happened: the last errors in the log."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from mcp_local.broker.authority.aadsts import CATALOGUE
from mcp_local.desktop.doctor.finding import Finding, note, ok
from mcp_local.log import read_tail

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LINES: Final = 2000
_SHOWN: Final = 5
_CODE: Final = re.compile(r"AADSTS(\d{4,8})")


def log(path: Path) -> Iterator[Finding]:
    """Look at the newest errors, each kind once."""
    try:
        lines = read_tail(path, _LINES)
    except OSError as error:
        yield note("log", f"{path} can't be read: {error.strerror}.", "Look at its permissions.")
        return
    found: dict[str, str] = {}
    for line in reversed(lines):
        record = _record(line)
        if record.get("level") == "error":
            text = _text(record)
            found.setdefault(text, str(record.get("time", "")))
    if not found:
        yield ok("log", f"No error in the last {len(lines)} lines of {path}.")
    for text, when in list(found.items())[:_SHOWN]:
        code = _CODE.search(text)
        meaning = CATALOGUE.get(int(code[1])) if code else None
        remedy = f"{meaning.means} {meaning.remedy}" if meaning else "mcp-local logs has the rest."
        yield note("log", f"{when}: {text}", remedy)


def _record(line: str) -> dict[str, Any]:
    try:
        record: object = json.loads(line)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def _text(record: dict[str, Any]) -> str:
    words = [str(record.get("event", "error"))]
    words += [str(record[key]) for key in ("why", "problem", "message", "code") if record.get(key)]
    return ": ".join(words)
