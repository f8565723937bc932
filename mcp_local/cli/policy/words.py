"""What people read for what a matrix or a comparison holds."""

from __future__ import annotations

from typing import Final

from mcp_local.policy.views.matrix import CellEffect
from mcp_local.policy.views.people import NO_ROLE

EFFECTS: Final = {
    CellEffect.ALLOW: "allow",
    CellEffect.ASK: "ask",
    CellEffect.CONDITIONAL: "depends",
    CellEffect.DENY: "deny",
}
MEANINGS: Final = {
    CellEffect.ALLOW: "may use it",
    CellEffect.ASK: "may use it after their own yes to each call",
    CellEffect.CONDITIONAL: "depends on arguments, time, client, or more of the person than a role",
    CellEffect.DENY: "may not use it",
}


def role_name(role: str) -> str:
    """Return a role as tables call it."""
    return "everybody" if role == NO_ROLE else role


def placed(namespace: str, name: str) -> str:
    """Return a component's name with the namespace that it is in."""
    return f"{namespace}/{name}" if namespace else name
