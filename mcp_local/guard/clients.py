"""What is known of desktop clients; the one place for numbers that change with their versions.

Sources: CLIENTS.md; the names are what each client says of itself in ``clientInfo.name``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Client:
    """How a client treats lists."""

    hold: float
    """Seconds its first list may wait for a sign-in under way."""
    rereads: bool | None = None
    """Whether it honours ``list_changed``; ``None``: not known."""


UNKNOWN: Final = Client(hold=3.0)
"""Long enough for a sign-in that asks nothing, short enough for any client's patience."""
_REREADS: Final = Client(hold=0.0, rereads=True)
_NEVER_REREADS: Final = Client(hold=25.0, rereads=False)
"""Reads its lists once; waits a minute for an answer."""

_CLIENTS: Final = {
    "claude-ai": _NEVER_REREADS,  # Claude Desktop
    "claude-code": _REREADS,
    "visual studio code": _REREADS,
    "visual studio code - insiders": _REREADS,
    "vscode": _REREADS,
    "cursor": UNKNOWN,
    "cursor-vscode": UNKNOWN,
    "codex-mcp-client": UNKNOWN,  # gives up after 10 s
    "windsurf": UNKNOWN,
}


def known(name: str) -> Client:
    """Return what is known of the client of that name; its version doesn't count."""
    return _CLIENTS.get(name.strip().lower(), UNKNOWN)
