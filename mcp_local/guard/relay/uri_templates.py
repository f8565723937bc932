"""Which URIs a resource template stands for."""

from __future__ import annotations

import re
from typing import Final

_EXPRESSION: Final = re.compile(r"(\{[^{}]*\})")


def template_covers(template: str, uri: str) -> bool:
    """Whether a URI could be made from a URI template (RFC 6570), in the widest reading.

    Wide, because servers differ in how they match: what might reach a hidden template must be
    judged by it.
    """
    pieces = _EXPRESSION.split(template)
    if not uri.startswith(pieces[0]) or not uri.endswith(pieces[-1]):
        return False
    if len(pieces) == 1:
        return uri == template
    at, end = len(pieces[0]), len(uri) - len(pieces[-1])
    for literal in pieces[2:-1:2]:
        found = uri.find(literal, at, max(at, end))
        if found < 0:
            return False
        at = found + len(literal)
    return at <= end
