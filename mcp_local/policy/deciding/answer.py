"""What the rules come to, as the Decision that people and programs read."""

from __future__ import annotations

from itertools import islice
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final, NamedTuple

from mcp_local.policy.deciding.conditions import holds, trace
from mcp_local.policy.deciding.reasons import (
    OBSERVED,
    by_default,
    by_rule,
    by_uncertain_ask,
    later,
    traced,
)
from mcp_local.policy.deciding.weigh import applies
from mcp_local.policy.model import CALL_ONLY, Decision, Effect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mcp_local.policy.deciding.conditions import Check
    from mcp_local.policy.deciding.rules import Rule
    from mcp_local.policy.deciding.weigh import Outcome, Scale, Standing
    from mcp_local.policy.model import ConditionTrace, RuleTrace
    from mcp_local.policy.problems import Origin
    from mcp_local.policy.vocabulary.fields import Case

_CONSIDERED: Final = 100
"""Rules that a decision carries; memory stays bounded where thousands speak of one thing."""


class _Words(NamedTuple):
    """What a decision says of itself."""

    rule: str
    reason: str
    origin: str = ""
    remember: float = CALL_ONLY


def answered(
    scale: Scale, case: Case, outcome: Outcome, rank: Mapping[str, int], started: int
) -> Decision:
    """Return the decision that the rules come to; ``started`` is in nanoseconds.

    ``rank`` orders roles: those that reach least first.
    """
    if scale.fault:
        reason = f"The address holds {scale.fault}, which can be read in two ways."
        return Decision(Effect.DENY, "uri", reason)
    effect = outcome.effect
    observed = outcome.decided is None and effect is Effect.DENY and scale.observing
    if observed:
        effect = Effect.ASK if outcome.asks else Effect.ALLOW
    needs: tuple[str, ...] = ()
    if effect is Effect.DENY:
        needs = tuple(sorted(scale.helping(case), key=lambda role: (rank.get(role, 0), role)))
    failed = list(islice(_failed(scale, case), _CONSIDERED)) if outcome.decided is None else []
    words = _words(scale, case, outcome, needs, failed, observed=observed)
    redact = scale.redact
    return Decision(
        effect=effect,
        rule=words.rule,
        reason=words.reason,
        needs_roles=needs,
        considered=tuple(_considered(scale, case, outcome)),
        conditions=tuple(_conditions(scale, case, outcome, failed, redact)),
        remember=words.remember,
        origin=words.origin,
        observed=observed,
        redact=tuple(sorted(redact)),
        evaluation_us=(perf_counter_ns() - started) / 1000,
    )


def _words(  # noqa: PLR0913 - the parts of one sentence
    scale: Scale,
    case: Case,
    outcome: Outcome,
    needs: tuple[str, ...],
    failed: list[Check],
    *,
    observed: bool,
) -> _Words:
    """Name what decided. An uncertain ask that made an allow ask is what decided (POLICY.md 5)."""
    rule = None if outcome.decided is None else scale.standings[outcome.decided].rule
    if rule is not None and not outcome.asks:
        remember = rule.remember if rule.effect is Effect.ASK else CALL_ONLY
        return _by_rule(rule, case, remember)
    asks = [scale.standings[place].rule for place in outcome.asks]
    asking = [*asks, rule] if rule is not None and rule.effect is Effect.ASK else asks
    remember = min((each.remember for each in asking), default=CALL_ONLY)
    if rule is not None and rule.effect is not Effect.ALLOW:
        return _by_rule(rule, case, remember if rule.effect is Effect.ASK else CALL_ONLY)
    if asks and (rule is not None or observed or scale.default is Effect.ALLOW):
        return _Words(asks[0].name, by_uncertain_ask(asks[0]), _at(asks[0].origin), remember)
    if observed:
        return _Words("default", OBSERVED)
    first = failed[0] if failed else None
    return _Words("default", by_default(scale.default, case, needs, first))


def _by_rule(rule: Rule, case: Case, remember: float) -> _Words:
    held = sorted(rule.roles & case.identity.roles)
    return _Words(rule.name, by_rule(rule, held), _at(rule.origin), remember)


def _at(origin: Origin) -> str:
    return f"{origin.file}:{origin.line}" if origin.file else ""


def _considered(scale: Scale, case: Case, outcome: Outcome) -> Iterator[RuleTrace]:
    decided = None if outcome.decided is None else scale.standings[outcome.decided].rule
    for place, standing in enumerate(scale.standings):
        past = outcome.decided is not None and place > outcome.decided
        if place >= _CONSIDERED and (past or place != outcome.decided):
            continue
        if decided is not None and past:
            yield later(standing.rule, decided)
        else:
            yield traced(standing, case, decided)


def _failed(scale: Scale, case: Case) -> Iterator[Check]:
    """Yield conditions for want of which alone a rule that grants something doesn't apply."""
    for standing in scale.standings:
        rule = standing.rule
        if rule.effect is Effect.DENY or not rule.has_role(case.identity.roles):
            continue
        if standing.misfit or applies(standing, case) is True:
            continue
        wrong = [each for each in rule.checks if not each.waits(case) and not holds(each, case)]
        if _all_but_conditions(standing, case):
            yield from wrong


def _all_but_conditions(standing: Standing, case: Case) -> bool:
    if standing.by_client and not case.listing:
        fits = standing.rule.others.client_fits(case)
        return fits is True and standing.meant is True
    return standing.meant is True or case.listing


def _conditions(
    scale: Scale, case: Case, outcome: Outcome, failed: list[Check], redact: frozenset[str]
) -> Iterator[ConditionTrace]:
    """Yield the deciding rule's conditions, or those that kept rules from deciding."""
    rule = None if outcome.decided is None else scale.standings[outcome.decided].rule
    checks: Sequence[Check] = failed if rule is None else rule.checks
    if outcome.asks and (rule is None or rule.effect is Effect.ALLOW):
        checks = scale.standings[outcome.asks[0]].rule.checks
    return (trace(check, case, redact) for check in checks)
