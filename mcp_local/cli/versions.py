"""The versions that a question about a fault needs: ``--version``."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import Final

OTHERS: Final = ("fastmcp", "mcp", "msal", "cryptography")
"""Packages whose version decides how this program behaves."""


def versions() -> tuple[dict[str, object], str]:
    """Return them as a document and in words."""
    own = version("mcp-local")
    others: dict[str, object] = {name: version(name) for name in OTHERS}
    others |= {"python": platform.python_version(), "system": platform.platform(terse=True)}
    words = ", ".join(f"{name} {value}" for name, value in others.items())
    return {"mcp-local": own, **others}, f"mcp-local {own}\n{words}"
