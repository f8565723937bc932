"""Checks of what happened: the last errors in the log."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, cast

from mcp_local.broker.authority.aadsts import CATALOGUE
from mcp_local.desktop.doctor.finding import Finding, note, ok
from mcp_local.log import read_tail

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_LINES: Final = 2000
_SHOWN: Final = 5
_CODE: Final = re.compile(r"AADSTS(\d{4,8})")
_TEXT: Final = re.compile(r"(?P<time>\S+) ERROR +\[\d+\] (?P<text>.*)")
"""A line of ``log.format = text``."""


def log(path: Path) -> Iterator[Finding]:
    """Look at the newest errors, each kind once."""
    try:
        lines = read_tail(path, _LINES)
    except OSError as error:
        yield note("log", f"{path} can't be read: {error.strerror}.", "Look at its permissions.")
        return
    found: dict[str, str] = {}
    for line in reversed(lines):
        if (error := _error(line)) is not None:
            found.setdefault(*error)
    if not found:
        count = f"{len(lines)} line{'' if len(lines) == 1 else 's'}"
        empty = f"The log is empty: {path}."
        yield ok("log", f"No error in the last {count} of {path}." if lines else empty)
    for text, when in list(found.items())[:_SHOWN]:
        meaning = next(
            (CATALOGUE[int(c)] for c in _CODE.findall(text) if int(c) in CATALOGUE), None
        )
        remedy = (
            f"{meaning.means} {meaning.remedy}" if meaning else "`mcp-local logs` has the rest."
        )
        yield note("log", f"{when}: {text}", remedy)


def _error(line: str) -> tuple[str, str] | None:
    """Return what an error's line says, and when; ``None`` for any other line."""
    if (as_text := _TEXT.match(line)) is not None:
        return as_text["text"], as_text["time"]
    try:
        record: object = json.loads(line)
    except ValueError:
        return None
    if not isinstance(record, dict):
        return None
    fields = cast("dict[str, object]", record)
    return (_text(fields), str(fields.get("time", ""))) if fields.get("level") == "error" else None


def _text(record: Mapping[str, object]) -> str:
    words = [str(record.get("event", "error"))]
    words += [str(record[key]) for key in ("why", "problem", "message") if record.get(key)]
    return ": ".join(words)
