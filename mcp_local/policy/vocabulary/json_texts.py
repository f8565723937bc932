"""Texts that a server may take for the JSON that stands in them.

Some clients write a list or an object as a text, and servers made with the Python SDK read it where
the tool doesn't ask for a text (`pre_parse_json`). So what such a text holds counts, too.
"""

from __future__ import annotations

import json
from typing import cast


def listed(text: str) -> list[object] | None:
    """Return the list that a text holds as JSON; ``None``: it holds none."""
    bare = _bare(text)
    if not bare.startswith("["):
        return None
    try:
        return cast("list[object]", json.loads(bare))
    except (ValueError, RecursionError):
        return None


def may_hold_names(value: object) -> bool:
    """Tell whether a server may find named values in what is no object: a list, or such a text."""
    return isinstance(value, list | tuple) or (
        isinstance(value, str) and _bare(value).startswith(("{", "["))
    )


def _bare(text: str) -> str:
    """Return a text without what some servers take off its ends."""
    return text.strip().removeprefix("\ufeff").lstrip()
