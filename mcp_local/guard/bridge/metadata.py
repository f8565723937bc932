"""What a remote server says that it wants (RFC 9728), for error texts and nothing else.

It chooses no authority, no API and no scope: those stand in the settings.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

_PLAIN: Final = re.compile(r"[A-Za-z0-9:/._~-]{1,200}")
"""Words of a server that people and models get to read."""
_MOST_SCOPES: Final = 5


class _Metadata(msgspec.Struct):
    resource: str = ""
    scopes_supported: list[str] = []


def describe(document: bytes) -> str:
    """Return in a sentence what the metadata says that people can use; empty: nothing."""
    try:
        said = msgspec.json.decode(document, type=_Metadata)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    scopes = [scope for scope in said.scopes_supported if _PLAIN.fullmatch(scope)][:_MOST_SCOPES]
    if scopes:
        return f" It names these scopes: {' '.join(scopes)}."
    return f" It calls itself {said.resource}." if _PLAIN.fullmatch(said.resource) else ""
