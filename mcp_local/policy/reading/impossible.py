"""Rules that can never apply, whatever comes: a mistake, since somebody meant something by them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mcp_local.policy.document import Operator
from mcp_local.policy.model import Action, Effect
from mcp_local.policy.vocabulary.fields import WEEKDAYS, find_field
from mcp_local.policy.vocabulary.operators import plain_test
from mcp_local.policy.vocabulary.shapes import comparable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mcp_local.policy.document import Condition, Rule

_ALONE: Final = frozenset(
    {Operator.EXISTS, Operator.CONDITION, Operator.UNDER, Operator.SQL_ONLY, Operator.SQL_NOT_ONLY,
     Operator.REGEX, Operator.NOT_REGEX}
)  # fmt: skip
"""Operators that aren't weighed against the others of the same field."""
_LOWER: Final = frozenset({Operator.GT, Operator.GTE})
_UPPER: Final = frozenset({Operator.LT, Operator.LTE})

_CLOSED: Final[Mapping[str, Sequence[object]]] = {
    "request.hour": range(24),
    "request.weekday": WEEKDAYS,
}
"""Fields with few values; which actions there are depends on the rule."""


def never(rule: Rule) -> str:
    """Return why a rule can't apply, empty if it might."""
    listing = rule.actions == (Action.LIST,)
    if listing and rule.effect is Effect.DENY and any(map(_changing, rule.when)):
        return "lists know no arguments, client or time, and so it hides nothing"
    for path in dict.fromkeys(_same_field(each.field) for each in rule.when):
        about = [each for each in rule.when if _same_field(each.field) == path]
        if path and _contradict(about):
            return f"its conditions on `{about[0].field}` contradict each other"
        if _none_left(path, about, rule.actions):
            return f"its conditions on `{path}` hold for nothing that stands there"
    return ""


def _same_field(path: str) -> str:
    return path.removeprefix("tool.") if path.startswith("tool.args.") else path


def _changing(condition: Condition) -> bool:
    own = condition.operator is Operator.CONDITION
    return own or find_field(condition.field).changing


def _contradict(about: Sequence[Condition]) -> bool:
    asked = {each.value for each in about if each.operator is Operator.EXISTS}
    if asked and (len(asked) > 1 or (False in asked and len(about) > 1)):
        return True
    plain = [each for each in about if each.operator not in _ALONE]
    for each in plain:
        if each.operator in {Operator.EQUALS, Operator.IN}:
            value = comparable(each.field, each.value)
            candidates = value if isinstance(value, tuple) else (value,)
            if not any(all(_holds(other, value) for other in plain) for value in candidates):
                return True
    return _no_room(plain)


def _none_left(path: str, about: Sequence[Condition], actions: Sequence[Action]) -> bool:
    """Tell whether none of the few values that a field can have fits all of the conditions."""
    if path == "request.action":
        candidates: Sequence[object] = [str(each) for each in actions or tuple(Action)]
    elif path not in _CLOSED:
        return False
    else:
        candidates = _CLOSED[path]
    plain = [each for each in about if each.operator not in _ALONE]
    return not any(all(_holds(each, value) for each in plain) for value in candidates)


def _holds(condition: Condition, value: object) -> bool:
    wanted = comparable(condition.field, condition.value)
    return plain_test(condition.operator, wanted)(value) is True


def _no_room(plain: Sequence[Condition]) -> bool:
    """Tell whether a lower bound lies above an upper one."""
    lower = [each for each in plain if each.operator in _LOWER]
    upper = [each for each in plain if each.operator in _UPPER]
    for low in lower:
        for high in upper:
            least, most = (comparable(each.field, each.value) for each in (low, high))
            if isinstance(least, int | float) and isinstance(most, int | float):
                strict = low.operator is Operator.GT or high.operator is Operator.LT
                if least > most or (strict and least == most):
                    return True
    return False
