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
    (  # the same address with and without (RFC 3986, 6.2.2.2), and servers decode it
        re.compile(r"%(?:2d|5f|7e|3[0-9]|[46][1-9a-f]|[57][0-9a])", re.IGNORECASE),
        "an encoded letter, digit, `-`, `_` or `~`",
    ),
    (re.compile(r"(?:^|[/?#&=;:])\.{1,2}(?:[/?#&;]|$)"), "a dot segment"),
    (re.compile(r"^[^/?#]*//[^/?#]*@"), "user info"),
)


def fault(uri: str) -> str:
    """Return what makes a URI ambiguous, empty if nothing does."""
    return next((name for pattern, name in _FAULTS if pattern.search(uri)), "")


def fault_of_read(uri: str, template: str) -> str:
    """Return what makes a URI that is read through a template ambiguous, empty if nothing does.

    A query or a fragment that the template has no place for (RFC 6570, 3.2.2: simple expansion
    encodes their signs) is dropped by some servers: the address would be judged with it and read
    without it.
    """
    if "{+" not in template:
        for sign, name in (("#", "a fragment"), ("?", "a query")):
            if sign in uri and sign not in template:
                return f"{name} that its template has no place for"
    return fault(uri)
