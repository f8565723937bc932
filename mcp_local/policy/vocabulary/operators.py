"""What each operator tells of a value that stands there (POLICY.md 5, 6).

An answer is true, false, or ``None``: unknown, because the value isn't of a type that can be
compared. Nothing is converted: ``"1"``, ``1`` and ``true`` are values of three types.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from mcp_local.policy.document import Operator
from mcp_local.policy.vocabulary.json_texts import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mcp_local.policy.document import Plain, Value

Truth: TypeAlias = bool | None
Test: TypeAlias = "Callable[[object], Truth]"

OPPOSITES: Final = {
    Operator.NOT_EQUALS: Operator.EQUALS,
    Operator.NOT_IN: Operator.IN,
    Operator.NOT_CONTAINS: Operator.CONTAINS,
    Operator.NOT_REGEX: Operator.REGEX,
    Operator.SQL_NOT_ONLY: Operator.SQL_ONLY,
}
"""Operators that are true where another is false."""


def opposite(truth: Truth) -> Truth:
    """Return the opposite; what is unknown stays so."""
    return None if truth is None else not truth


def every(truths: Iterable[Truth]) -> Truth:
    """Return whether all are true; one that is false outweighs what is unknown."""
    unknown = False
    for truth in truths:
        if truth is False:
            return False
        unknown = unknown or truth is None
    return None if unknown else True


def plain_test(operator: Operator, value: Value) -> Test:
    """Return the test of an operator that needs nothing but the two values.

    ``value`` has the type that the operator needs: the parser has seen to it.
    """
    if operator in OPPOSITES:
        test = plain_test(OPPOSITES[operator], value)
        return lambda seen: opposite(test(seen))
    if isinstance(value, tuple):
        return lambda seen: _is_one_of(seen, value)
    if operator is Operator.EQUALS:
        return lambda seen: _same(seen, value)
    if operator is Operator.CONTAINS:
        return lambda seen: _contains(seen, value)
    if isinstance(value, str):
        return _begins(value) if operator is Operator.STARTS_WITH else _ends(value)
    return _ordered(operator, value)


def _type(value: object) -> type | None:
    """Return the type that a value is compared as; ``None``: it can't be compared."""
    if isinstance(value, str | bool):
        return type(value)
    if isinstance(value, int) or (isinstance(value, float) and not math.isnan(value)):
        return float
    return None


def _same(seen: object, value: Plain) -> Truth:
    return seen == value if _type(seen) is _type(value) else None


def _is_one_of(seen: object, values: tuple[Plain, ...]) -> Truth:
    """Look for the value; entries of other types may mean it, as ``1`` may mean ``"1"``."""
    return _found(_same(seen, value) for value in values)


def _found(answers: Iterable[Truth]) -> Truth:
    """Return whether any is true; one that is unknown outweighs those that are false."""
    return opposite(every(opposite(answer) for answer in answers))


def _contains(seen: object, value: Plain) -> Truth:
    """Look for a substring, or for a member; members of other types could hide one.

    Of a text that a server may read as a list, both must agree.
    """
    if isinstance(seen, str):
        if not isinstance(value, str):
            return None
        members = listed(seen)
        within = value in seen
        return within if members is None or _contains(members, value) is within else None
    if not isinstance(seen, list | tuple):
        return None
    return _found(_same(member, value) for member in cast("list[object]", seen))


def _begins(value: str) -> Test:
    return lambda seen: seen.startswith(value) if isinstance(seen, str) else None


def _ends(value: str) -> Test:
    return lambda seen: seen.endswith(value) if isinstance(seen, str) else None


def _ordered(operator: Operator, value: float) -> Test:
    def test(seen: object) -> Truth:
        if _type(seen) is not float:
            return None
        number = cast("float", seen)
        if operator is Operator.GT:
            return number > value
        if operator is Operator.GTE:
            return number >= value
        return number < value if operator is Operator.LT else number <= value

    return test
