"""Rules of one component → what they come to together (POLICY.md 2, 3, 5).

The only place that knows what an unknown does: it never makes an allow apply, always a deny, and
an ask only in front of an allow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from mcp_local.policy.deciding.conditions import holds
from mcp_local.policy.document import ANY_ROLE
from mcp_local.policy.model import Effect
from mcp_local.policy.vocabulary.operators import every

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mcp_local.policy.deciding.matching import Subject
    from mcp_local.policy.deciding.rules import Rule
    from mcp_local.policy.vocabulary.fields import Case
    from mcp_local.policy.vocabulary.operators import Truth


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """A rule that speaks of the component, and what is certain of it for one person."""

    rule: Rule
    meant: Truth
    """Whether the component is meant: never false."""
    misfit: str
    """Which other thing the rule asks of the person doesn't fit; empty: all that is certain."""
    by_client: bool
    """Whether it depends on what the client calls itself."""
    changing: bool
    """Whether it may come out otherwise at the next use."""


def stand(rule: Rule, meant: Truth, case: Case) -> Standing:
    """Return what is certain of a rule for the person of a case."""
    by_client = rule.others.asks_client(case.identity)
    changing = by_client or any(check.changing for check in rule.checks)
    misfit = rule.others.fit(case.identity)
    return Standing(rule, meant, misfit, by_client, changing and not misfit and not case.listing)


def applies(standing: Standing, case: Case) -> Truth:
    """Tell whether the rule applies, whoever it is for by role; unknown as POLICY.md 5 has it.

    What a list can't know yet is taken for what shows more: true of an allow and an ask, false of
    a deny (POLICY.md 3). So what may turn out usable is listed.
    """
    if standing.misfit:
        return False
    if standing.meant and not standing.by_client and not standing.rule.checks:
        return True
    truths: list[Truth] = []
    for truth, waits in _parts(standing, case):
        if waits and standing.rule.effect is Effect.DENY:
            return False
        if not waits:
            truths.append(truth)
            if truth is False:
                return False
    return every(truths)


def _parts(standing: Standing, case: Case) -> Iterator[tuple[Truth, bool]]:
    """Yield what must hold, and whether that can't be known yet; conditions come last."""
    yield standing.meant, standing.meant is None and case.listing
    if standing.by_client:
        yield (None, True) if case.listing else (standing.rule.others.client_fits(case), False)
    for check in standing.rule.checks:
        yield (None, True) if check.waits(case) else (holds(check, case), False)


class Outcome(NamedTuple):
    """What the rules come to."""

    effect: Effect
    decided: int | None
    """The place of the deciding rule; ``None``: the default decides."""
    asks: tuple[int, ...] = ()
    """Places of asks that can't be known to apply, before the deciding rule."""


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """The rules that speak of one component, in order, with the default behind them."""

    subject: Subject
    """The component, with the tags that it has or is given."""
    standings: tuple[Standing, ...]
    default: Effect
    observing: bool = False
    """Whether what only the default refuses is let through."""
    fault: str = ""
    """What makes the address ambiguous: it is refused before any matching (POLICY.md 4)."""

    @property
    def redact(self) -> frozenset[str]:
        """Fields that nothing may show, whichever of the rules decides."""
        return frozenset(field for each in self.standings for field in each.rule.redact)

    def weigh(self, case: Case) -> Outcome:
        """Return what applies first (POLICY.md 2); an uncertain ask only makes an allow ask."""
        asks: list[int] = []
        roles = case.identity.roles
        for place, standing in enumerate(self.standings):
            rule = standing.rule
            truth = rule.has_role(roles) and applies(standing, case)
            if truth is None and rule.effect is Effect.ASK:
                asks.append(place)
            elif decides(rule.effect, truth):
                effect = Effect.ASK if asks and rule.effect is Effect.ALLOW else rule.effect
                return Outcome(effect, place, tuple(asks))
        effect = Effect.ASK if asks and self.default is Effect.ALLOW else self.default
        return Outcome(effect, None, tuple(asks))

    def settled(self, case: Case, outcome: Outcome) -> bool:
        """Tell whether the answer is the same at every use: nothing that it tells of changes."""
        if not any(standing.changing for standing in self.standings):
            return True
        far = outcome.decided is None or self.standings[outcome.decided].rule.reads_roles
        reached = self.standings if far else self.standings[: (outcome.decided or 0) + 1]
        if outcome.effect is not Effect.DENY:  # then no other role is spoken of
            reached = [each for each in reached if each.rule.has_role(case.identity.roles)]
        return not any(standing.changing for standing in reached)

    def helping(self, case: Case) -> Iterator[str]:
        """Yield each role that, added to what the person has, would turn a deny into more."""
        held = case.identity.roles
        unsettled = set(self._named(held))
        for standing in self.standings:
            if not unsettled:
                return
            for role in self._gaining(standing, held, unsettled):
                if (helps := _with(standing, case, role)) is not None:
                    unsettled.discard(role)
                    if helps:
                        yield role
            rule = standing.rule
            decided = decides(rule.effect, rule.has_role(held) and applies(standing, case))
            if decided and not rule.reads_roles:
                return
        if self.default is Effect.ALLOW or self.observing:  # reached without a deny
            yield from sorted(unsettled)

    def _named(self, held: frozenset[str]) -> Iterator[str]:
        for standing in self.standings:
            yield from standing.rule.roles - held - {ANY_ROLE}
            for check in standing.rule.checks:
                value = check.condition.value
                about_roles = check.condition.field == "user.roles"
                if about_roles and isinstance(value, str) and value not in held:
                    yield value

    @staticmethod
    def _gaining(standing: Standing, held: frozenset[str], among: set[str]) -> list[str]:
        """Return the roles that may make a difference to this rule."""
        rule = standing.rule
        if rule.reads_roles or (ANY_ROLE in rule.roles and not held):
            return sorted(among)
        return [] if rule.has_role(held) else sorted(among & rule.roles)


def decides(effect: Effect, truth: Truth) -> bool:
    """Tell whether a rule that applies, or may, decides: a deny does in doubt, others don't."""
    return truth is True or (truth is None and effect is Effect.DENY)


def _with(standing: Standing, case: Case, role: str) -> bool | None:
    """Return whether the rule helps whoever also has the role; ``None``: it decides nothing."""
    rule, roles = standing.rule, case.identity.roles | {role}
    if rule.reads_roles:
        case = replace(case, identity=replace(case.identity, roles=roles), known={})
    truth = rule.has_role(roles) and applies(standing, case)
    return rule.effect is not Effect.DENY if decides(rule.effect, truth) else None
