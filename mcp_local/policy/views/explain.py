"""A decision, told so that the person knows what would change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mcp_local.policy.deciding.reasons import one_of
from mcp_local.policy.model import ConditionTrace, Effect, RuleTrace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mcp_local.policy.model import Decision


class Explanation(msgspec.Struct, frozen=True):
    """The shape that ``policy explain --json`` prints."""

    effect: Effect
    allowed: bool
    """For allow only: an ask still needs the person's yes."""
    rule: str
    reason: str
    needs_roles: tuple[str, ...]
    conditions: tuple[ConditionTrace, ...]
    """Values are redacted where the rule says so."""
    considered: tuple[RuleTrace, ...]
    """In the order in which the policy tries them."""
    origin: str = ""
    """``FILE:LINE`` of the deciding rule; empty where none decided."""
    would_change: tuple[str, ...] = ()
    """One sentence for each thing that would make it another answer."""
    observed: bool = False


def explain(decision: Decision) -> Explanation:
    """Return what was decided, why, and what would change it."""
    return Explanation(
        effect=decision.effect,
        allowed=decision.allowed,
        rule=decision.rule,
        reason=decision.reason,
        needs_roles=decision.needs_roles,
        conditions=decision.conditions,
        considered=decision.considered,
        origin=decision.origin,
        would_change=tuple(_would_change(decision)),
        observed=decision.observed,
    )


def _would_change(decision: Decision) -> Iterator[str]:
    if decision.needs_roles:
        yield f"The role {one_of(decision.needs_roles)} would allow it."
    decided = any(t.rule == decision.rule and t.applies for t in decision.considered)
    for condition in decision.conditions:
        if sentence := _of_condition(condition, decision, decided=decided):
            yield sentence
    if decision.effect is Effect.ASK:
        yield "Your yes to this very call would let it run."
    if decision.observed:
        yield "It is let through only because the policy observes; its default would refuse it."


def _of_condition(condition: ConditionTrace, decision: Decision, *, decided: bool) -> str:
    """Return what another value would do; empty if nothing."""
    wanted = f"`{condition.field}` {condition.operator} {_shown(condition.value)}"
    saw = f"saw {_shown(condition.seen)}" if condition.seen is not None else "saw nothing there"
    if decided and decision.effect is Effect.DENY:
        return f"{decision.rule} doesn't apply where {wanted} is false ({saw})."
    if not decided and condition.holds is not True:
        return f"A rule would apply if {wanted} held ({saw})."
    return ""


def _shown(value: object) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError):
        return repr(value)
