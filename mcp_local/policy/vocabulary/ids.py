"""Ids of people, tenants and groups, in the one spelling that tokens have."""

from __future__ import annotations

import re
from typing import Final

_GUID: Final = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


def as_in_tokens(text: str) -> str:
    """Write a GUID as tokens do: in capitals it is the same one, and a deny must not miss it."""
    return text.lower() if _GUID.fullmatch(text) else text
