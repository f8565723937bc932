"""The policy as a table: what each role may do with each component, and by which rule."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from mcp_local.policy.model import USE, Action, Effect, Kind
from mcp_local.policy.views.people import NO_ROLE, let_in_with, with_role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mcp_local.policy.deciding.engine import CompiledPolicy
    from mcp_local.policy.model import Component, Decides, Decision
    from mcp_local.policy.views.people import Person


class CellEffect(StrEnum):
    """What a role may; least first."""

    DENY = "deny"
    CONDITIONAL = "conditional"
    """It depends on arguments, time, client, or more of the person than their role."""
    ASK = "ask"
    ALLOW = "allow"


class Cell(msgspec.Struct, frozen=True):
    """What one role may do with one component."""

    effect: CellEffect
    """Of its use: ``call``, ``read`` or ``get``."""
    listed: bool
    rule: str
    """The rule that decides the use; of a conditional one, the first whose conditions count."""
    reason: str
    origin: str = ""
    """``FILE:LINE`` of that rule; empty for none."""


class Row(msgspec.Struct, frozen=True):
    """One component; a cell for each role of the table, in its order."""

    kind: Kind
    name: str
    namespace: str
    tags: tuple[str, ...]
    cells: tuple[Cell, ...]


class Matrix(msgspec.Struct, frozen=True, omit_defaults=True):
    """Roles by components."""

    roles: tuple[str, ...]
    """:data:`~mcp_local.policy.views.people.NO_ROLE` is whoever is signed in without a role."""
    rows: tuple[Row, ...]
    observing: bool = False
    """Whether some of it is let through only because of ``mode: observe``."""


def matrix(
    policy: CompiledPolicy, components: Sequence[Component], roles: Sequence[str] = ()
) -> Matrix:
    """Return the table; ``roles`` left out: all that the policy speaks of.

    The column of those without a role is first, and only there if they may anything at all.
    """
    columns = tuple(roles) or (NO_ROLE, *policy.roles)
    people = [(with_role(role), let_in_with(policy, role)) for role in columns]
    rows = [_row(policy, component, people) for component in components]
    if not roles and not any(row.cells[0].listed or _usable(row.cells[0]) for row in rows):
        columns = columns[1:]
        rows = [msgspec.structs.replace(row, cells=row.cells[1:]) for row in rows]
    return Matrix(columns, tuple(rows), policy.observing)


def cell(
    policy: Decides, person: Person, component: Component, others: Sequence[Person] = ()
) -> Cell:
    """Return what a person may do with a component; it depends where one of ``others`` may more."""
    found = _cell(policy, person, component)
    if found.effect is not CellEffect.DENY:
        return found
    more = (_cell(policy, other, component) for other in others)
    first = next((each for each in more if _usable(each)), None)
    if first is None:
        return found
    return msgspec.structs.replace(
        first, effect=CellEffect.CONDITIONAL, listed=first.listed or found.listed
    )


def _cell(policy: Decides, person: Person, component: Component) -> Cell:
    listed = policy.decide(person.identity, person.wish(Action.LIST), component)
    effect, use = outcome(policy, person, USE[component.kind], component)
    return Cell(effect, listed.effect is not Effect.DENY, use.rule, use.reason, use.origin)


def outcome(
    policy: Decides, person: Person, action: Action, component: Component
) -> tuple[CellEffect, Decision]:
    """Return what is decided while arguments, time and client aren't known."""
    decision = policy.decide(person.identity, person.wish(action), component)
    if action is Action.LIST and decision.effect is not Effect.DENY:
        return CellEffect(str(decision.effect)), decision  # shown, whatever a use will depend on
    if any(condition.holds is None for condition in decision.conditions):
        listed = policy.decide(person.identity, person.wish(Action.LIST), component)
        if not _refused_anyway(decision) or listed.effect is not Effect.DENY:
            return CellEffect.CONDITIONAL, decision
    return CellEffect(str(decision.effect)), decision


def _refused_anyway(decision: Decision) -> bool:
    """Tell whether a deny hangs on a condition without which nothing would allow it either."""
    by_rule = any(each.rule == decision.rule and each.applies for each in decision.considered)
    others = any(each.applies and each.effect is not Effect.DENY for each in decision.considered)
    return decision.effect is Effect.DENY and by_rule and not others


def _row(
    policy: Decides, component: Component, people: Sequence[tuple[Person, Sequence[Person]]]
) -> Row:
    return Row(
        kind=component.kind,
        name=component.name,
        namespace=component.namespace,
        tags=tuple(sorted(component.tags)),
        cells=tuple(cell(policy, person, component, others) for person, others in people),
    )


def _usable(found: Cell) -> bool:
    return found.effect is not CellEffect.DENY
