"""Decisions in one sentence for the person, and why a rule doesn't apply."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mcp_local.policy.deciding.conditions import holds
from mcp_local.policy.model import Effect, RuleTrace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mcp_local.policy.deciding.conditions import Check
    from mcp_local.policy.deciding.rules import Rule
    from mcp_local.policy.deciding.weigh import Standing
    from mcp_local.policy.document import Condition
    from mcp_local.policy.vocabulary.fields import Case

_NAMED = 4
"""Roles named in a sentence; the Decision has them all."""
_LONGEST = 60
"""Characters of a condition's value in a sentence."""

OBSERVED = "No rule allows it; it is let through because the policy only observes."


def one_of(roles: Sequence[str]) -> str:
    """Return roles as words: ``A``, ``A or B``, ``A, B or C``."""
    named = list(roles[:_NAMED])
    if len(roles) > _NAMED:
        named.append(f"{len(roles) - _NAMED} others")
    return " or ".join(filter(None, (", ".join(named[:-1]), named[-1])))


def by_rule(rule: Rule, held: Sequence[str]) -> str:
    """Return why the deciding rule decides; ``held`` are the person's roles that it names."""
    if rule.reason:
        return rule.reason
    verb = {Effect.ALLOW: "Allowed", Effect.ASK: "To be asked", Effect.DENY: "Denied"}[rule.effect]
    through = f", through the role {one_of(held)}" if held else ""
    return f"{verb} by {rule.name}{through}."


def by_uncertain_ask(rule: Rule) -> str:
    """Return why something that is allowed is asked for nevertheless."""
    return rule.reason or f"To be asked: whether {rule.name} applies can't be known."


def by_default(
    default: Effect, case: Case, needs: Sequence[str], failed: Check | None = None
) -> str:
    """Return why nothing but the default decides; ``failed`` is a condition that didn't hold."""
    if default is Effect.ALLOW:
        return "No rule speaks of it, and the policy allows by default."
    if failed is not None:
        why = failed.beyond(case)
        how = f"can't be judged: {why}" if why else "doesn't hold"
        return f"No rule allows it like this: {said(failed.condition)} {how}."
    if not needs:
        return "No role allows it."
    have = "None of your roles allows it" if case.identity.roles else "You have no role"
    return f"{have}; it needs {one_of(needs)}."


def said(condition: Condition) -> str:
    """Return a condition in its own words."""
    value = condition.value
    text = json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}…"
    return f"`{' '.join(filter(None, (condition.field, condition.operator, text)))}`"


def traced(standing: Standing, case: Case, decided: Rule | None) -> RuleTrace:
    """Return what became of a rule that comes no later than the one that decided."""
    rule = standing.rule
    why_not = "" if rule is decided else _why_not(standing, case)
    return RuleTrace(rule.name, rule.effect, not why_not, why_not)


def later(rule: Rule, decided: Rule) -> RuleTrace:
    """Return the trace of a rule that was not reached."""
    return RuleTrace(rule.name, rule.effect, applies=False, why_not=f"{decided.name} comes first")


def _why_not(standing: Standing, case: Case) -> str:
    rule, deny = standing.rule, standing.rule.effect is Effect.DENY
    if not rule.has_role(case.identity.roles):
        return f"needs {one_of(sorted(rule.roles))}"
    if standing.misfit:
        return f"is for another {standing.misfit}"
    if standing.by_client and (why := _client(standing, case, deny=deny)):
        return why
    if standing.meant is None and deny is case.listing:
        return "which address is meant isn't known"
    return next(filter(None, (_failed(check, case, rule) for check in rule.checks)), "")


def _client(standing: Standing, case: Case, *, deny: bool) -> str:
    fits = None if case.listing else standing.rule.others.client_fits(case)
    if fits is False:
        return "is for another client"
    return "which client asks isn't known" if fits is None and deny is case.listing else ""


def _failed(check: Check, case: Case, rule: Rule) -> str:
    if check.waits(case):
        return f"{said(check.condition)} can't be known yet" if rule.effect is Effect.DENY else ""
    truth = holds(check, case)
    if truth or (truth is None and rule.effect is Effect.DENY):
        return ""
    if truth is False:
        return f"{said(check.condition)} is false"
    return ": ".join(filter(None, (f"{said(check.condition)} is unknown", check.beyond(case))))
