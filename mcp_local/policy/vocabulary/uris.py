"""Addresses that could be read in two ways are refused before any matching (POLICY.md 4)."""

from __future__ import annotations

import re
from urllib.parse import unquote

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
_REWRITTEN = re.compile(
    r"(?i:https?|wss?|ftp)://[^/?#]*(?:[A-Z]|:(?:80|443|21)?(?=[/?#]|$))"
    r"|(?i:file://localhost)(?=[/?#]|$)"
)
"""What libraries write otherwise before a server sees it (WHATWG URL, 4.4; RFC 8089, 2)."""
_ENCODED = re.compile(r"(?:%[0-9a-fA-F]{2})+")


def fault(uri: str) -> str:
    """Return what makes a URI ambiguous, empty if nothing does."""
    return next((name for pattern, name in _FAULTS if pattern.search(uri)), "")


def decoded(text: str) -> str:
    """Return a URI as servers read what stands in it: without encoded characters."""
    return unquote(text, errors="replace")


def decoded_glob(text: str) -> str:
    """Return the glob of what a glob's URIs are without encoded characters."""
    return _ENCODED.sub(lambda found: re.sub(r"[*?\[]", r"[\g<0>]", decoded(found[0])), text)


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
    if _REWRITTEN.match(uri):
        return "a host in capitals, or a host or port that says nothing"
    return fault(uri)
