"""Two policies side by side: who gains and who loses what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mcp_local.policy.model import USE, Action, Kind
from mcp_local.policy.views.matrix import CellEffect, outcome
from mcp_local.policy.views.people import NO_ROLE, people_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mcp_local.policy.deciding.engine import CompiledPolicy
    from mcp_local.policy.model import Component, Decision
    from mcp_local.policy.views.people import Person

_RANK = {effect: rank for rank, effect in enumerate(CellEffect)}


class Change(msgspec.Struct, frozen=True):
    """What one sort of person may do with one component, before and after."""

    who: str
    """A role, or somebody described; :data:`~.people.NO_ROLE` is everybody."""
    kind: Kind
    name: str
    namespace: str
    action: Action
    before: CellEffect
    after: CellEffect
    before_rule: str
    after_rule: str


class PolicyDiff(msgspec.Struct, frozen=True):
    """The shape that ``policy diff --json`` prints."""

    gains: tuple[Change, ...]
    loses: tuple[Change, ...]
    changed: tuple[Change, ...]
    """Conditional before and after, but on something else."""

    @property
    def same(self) -> bool:
        """Whether nobody gains, loses, or meets other conditions."""
        return not (self.gains or self.loses or self.changed)


def diff(
    old: CompiledPolicy,
    new: CompiledPolicy,
    components: Sequence[Component],
    people: Sequence[Person] = (),
) -> PolicyDiff:
    """Compare two policies for these components.

    ``people`` left out: one for every role, and for every other sort that a rule is for.

    What everybody may is told once, not again for each role.
    """
    asked = tuple(people) or people_of([old, new])
    found = [
        change
        for component in components
        for action in (Action.LIST, USE[component.kind])
        for change in _changes(old, new, component, action, asked)
    ]
    return PolicyDiff(
        gains=tuple(each for each in found if _RANK[each.after] > _RANK[each.before]),
        loses=tuple(each for each in found if _RANK[each.after] < _RANK[each.before]),
        changed=tuple(each for each in found if each.after is each.before),
    )


def _changes(
    old: CompiledPolicy,
    new: CompiledPolicy,
    component: Component,
    action: Action,
    people: Sequence[Person],
) -> Iterator[Change]:
    for_all: tuple[CellEffect, CellEffect] | None = None
    for person in people:
        was, before = outcome(old, person, action, component)
        now, after = outcome(new, person, action, component)
        effects = (was, now)
        if effects == for_all:
            continue
        if was is now and (
            was is not CellEffect.CONDITIONAL
            or _conditions(old, before, person, component)
            == _conditions(new, after, person, component)
        ):
            continue
        if person.label == NO_ROLE:
            for_all = effects
        yield Change(
            who=person.label,
            kind=component.kind,
            name=component.name,
            namespace=component.namespace,
            action=action,
            before=effects[0],
            after=effects[1],
            before_rule=before.rule,
            after_rule=after.rule,
        )


def _conditions(
    policy: CompiledPolicy, use: Decision, person: Person, component: Component
) -> frozenset[tuple[str, str, str]]:
    """Return what a use depends on: the rule that refuses it for now, and what lists it yet."""
    listed = policy.decide(person.identity, person.wish(Action.LIST), component)
    both = (*use.conditions, *listed.conditions)
    return frozenset((each.field, each.operator, repr(each.value)) for each in both)
