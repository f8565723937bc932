"""Decisions in one sentence for the person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_local.policy.model import Effect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mcp_local.policy.rules import Rule

_NAMED = 4
"""Roles named in a sentence; the Decision has them all."""


def one_of(roles: Sequence[str]) -> str:
    """Return roles as words: ``A``, ``A or B``, ``A, B or C``."""
    named = list(roles[:_NAMED])
    if len(roles) > _NAMED:
        named.append(f"{len(roles) - _NAMED} others")
    return " or ".join(filter(None, (", ".join(named[:-1]), named[-1])))


def by_rule(rule: Rule, held: Sequence[str]) -> str:
    """Return why the deciding rule decides; ``held`` are the person's roles that it names."""
    verb = {Effect.ALLOW: "Allowed", Effect.ASK: "To be asked", Effect.DENY: "Denied"}[rule.effect]
    through = f", through the role {one_of(held)}" if held else ""
    return f"{verb} by {rule.name}{through}."


def by_default(default: Effect, roles: frozenset[str], needs: Sequence[str]) -> str:
    """Return why nothing but the default decides."""
    if default is Effect.ALLOW:
        return "No rule speaks of it, and the policy allows by default."
    if not needs:
        return "No role allows it."
    have = "None of your roles allows it" if roles else "You have no role"
    return f"{have}; it needs {one_of(needs)}."
