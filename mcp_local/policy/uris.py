"""Addresses that could be read in two ways are refused before any matching (POLICY.md 4)."""

from __future__ import annotations

import re

_FAULTS = (
    (re.compile(r"\\"), "a backslash"),
    (
        re.compile(r"[\x00-\x20\x7f\ud800-\udfff]|%(?:[01][0-9a-fA-F]|7[fF])"),
        "a space or control character",
    ),
    (re.compile(r"%(?:2f|5c|2e|25)", re.IGNORECASE), "an encoded `/`, `\\`, `.` or `%`"),
    (re.compile(r"%(?![0-9a-f]{2})", re.IGNORECASE), "a `%` that encodes nothing"),
    (re.compile(r"(?:^|[/?#&=;:])\.{1,2}(?:[/?#&;]|$)"), "a dot segment"),
    (re.compile(r"^[^/?#]*//[^/?#]*@"), "user info"),
)


def fault(uri: str) -> str:
    """Return what makes a URI ambiguous, empty if nothing does."""
    return next((name for pattern, name in _FAULTS if pattern.search(uri)), "")
