"""Which values fit which operator, and which operators fit which field (POLICY.md 6, 7).

A condition that could only ever be unknown, or always the same, is a mistake, told before the
policy is used.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from mcp_local.errors import did_you_mean
from mcp_local.policy.document import Operator
from mcp_local.policy.model import Action
from mcp_local.policy.vocabulary.expressions import ExpressionError, search
from mcp_local.policy.vocabulary.fields import WEEKDAYS, Shape
from mcp_local.policy.vocabulary.sql import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp_local.policy.document import Plain, Value

MAX_TEXT = 4096
"""Characters of a value."""
MAX_ITEMS = 10_000
"""Entries of a list to compare with."""

_ORDERED: Final = frozenset({Operator.GT, Operator.LT, Operator.GTE, Operator.LTE})
_SQL: Final = frozenset({Operator.SQL_ONLY, Operator.SQL_NOT_ONLY})
_REGEX: Final = frozenset({Operator.REGEX, Operator.NOT_REGEX})
_PARTS: Final = frozenset(
    {Operator.STARTS_WITH, Operator.ENDS_WITH, Operator.CONTAINS, Operator.NOT_CONTAINS} | _REGEX
)
_LISTS: Final = frozenset({Operator.IN, Operator.NOT_IN, Operator.UNDER} | _SQL)
_PLAIN: Final = frozenset({Operator.EQUALS, Operator.NOT_EQUALS, Operator.IN, Operator.NOT_IN})
_MEMBERS: Final = frozenset({Operator.CONTAINS, Operator.NOT_CONTAINS})
_ALWAYS: Final = frozenset({Operator.EXISTS})

_HOURS: Final = 24
_WORDS: Final = {"request.weekday": WEEKDAYS, "request.action": tuple(map(str, Action))}
"""Fields that hold one of a few words."""

_OF_SHAPE: Final = {
    Shape.ANY: frozenset(Operator) - {Operator.CONDITION},
    Shape.LIST: _MEMBERS | _ALWAYS,
    Shape.NUMBER: _PLAIN | _ORDERED | _ALWAYS,
    Shape.TEXT: _PLAIN | _PARTS | _SQL | _ALWAYS | {Operator.UNDER},
}


class Misfit(NamedTuple):
    """What is wrong with a condition, and what to write instead."""

    message: str
    hint: str = ""
    about_operator: bool = False
    """Whether the operator is the mistake, not the value."""
    entry: int | None = None
    """Which entry of the value it is, counted from 0; ``None``: the whole."""


def misfit(path: str, shape: Shape, operator: Operator, value: Value) -> Misfit | None:
    """Return why a condition means nothing; ``path`` is its field's."""
    known = sorted(_OF_SHAPE[shape])
    if operator not in known:
        message = f"doesn't fit `{path}`, which is {shape}"
        return Misfit(message, f"Fitting are: {', '.join(known)}.", about_operator=True)
    return _of_type(operator, value, path) or _of_field(path, shape, operator, value)


def _of_type(operator: Operator, value: Value, path: str) -> Misfit | None:
    if operator in _LISTS:
        return _of_list(operator, value)
    if isinstance(value, tuple):
        return Misfit(f"must be one value, not a list: `{operator}` compares with one")
    if operator is Operator.EXISTS:
        return None if isinstance(value, bool) else Misfit("must be true or false")
    if operator in _ORDERED:
        return _of_order(value, path)
    return _of_text(operator, value)


def _of_list(operator: Operator, value: Value) -> Misfit | None:
    if not isinstance(value, tuple):
        return Misfit(f"must be a list: `{operator}` takes several", f"Write [{value}].")
    if not value:
        return Misfit("is an empty list", "Leave the condition out, or name something in it.")
    if len(value) > MAX_ITEMS:
        return Misfit(f"has more than {MAX_ITEMS} entries")
    if operator is Operator.UNDER:
        return _first(value, _of_folder)
    return _first(value, _of_kind) if operator in _SQL else None


def _first(values: tuple[Plain, ...], judge: Callable[[Plain], Misfit | None]) -> Misfit | None:
    """Return what is wrong with the first entry that is, and which one that is."""
    for position, each in enumerate(values):
        if wrong := judge(each):
            return wrong._replace(entry=position)
    return None


def _of_folder(value: Plain) -> Misfit | None:
    return None if isinstance(value, str) and value else Misfit("must be a folder, as a text")


def _of_kind(value: Plain) -> Misfit | None:
    if value in KINDS:
        return None
    return Misfit(f"has `{value}`, which is no kind of statement", did_you_mean(str(value), KINDS))


def _of_order(value: Plain, path: str) -> Misfit | None:
    if path == "request.time" and isinstance(value, str):
        return None  # a moment, or none: the field tells
    if isinstance(value, str | bool):
        return Misfit("must be a number: only numbers are larger or smaller")
    return None


def _of_text(operator: Operator, value: Plain) -> Misfit | None:
    if operator not in _PARTS:
        return None
    if value == "":
        return Misfit("is empty, which is in every text", "Leave the condition out.")
    if operator in _MEMBERS:
        return None
    if not isinstance(value, str):
        return Misfit(
            f"must be a text: `{operator}` looks at texts", f'Write "{str(value).lower()}".'
        )
    if operator in _REGEX:
        try:
            search(value)
        except ExpressionError as error:
            return Misfit(str(error), "Write it in the syntax of RE2: no look-around, no \\1.")
    return None


def _of_field(path: str, shape: Shape, operator: Operator, value: Value) -> Misfit | None:
    """Judge the value by what can stand in the field at all."""
    if operator is Operator.EXISTS:
        return None

    def judge(each: Plain) -> Misfit | None:
        return _of_words(path, operator, each) or _of_shape(path, shape, each)

    return _first(value, judge) if isinstance(value, tuple) else judge(value)


def _of_shape(path: str, shape: Shape, value: Plain) -> Misfit | None:
    if shape is Shape.NUMBER:
        if path == "request.time" and isinstance(value, str):
            return _of_moment(value)
        if isinstance(value, str | bool):
            return Misfit(f"must be a number, as `{path}` is")
        if path == "request.hour" and not 0 <= value <= _HOURS:
            return Misfit("is no hour: 0 to 23")
    if shape in {Shape.TEXT, Shape.LIST} and not isinstance(value, str):
        holds = "is" if shape is Shape.TEXT else "holds"
        hint = f'Write "{str(value).lower()}".'
        return Misfit(f"must be a text, which `{path}` {holds}", hint)
    return None


def _of_words(path: str, operator: Operator, value: Plain) -> Misfit | None:
    if path not in _WORDS or value in _WORDS[path]:
        return None
    if path == "request.action" and operator not in _PLAIN:
        return None  # `^(call|read)$` names several
    noun, known = ("day" if path == "request.weekday" else "action"), _WORDS[path]
    said = str(value).lower() if isinstance(value, bool) else str(value)
    return Misfit(f"has `{said}`, which is no {noun}", did_you_mean(said, known))


def _of_moment(value: str) -> Misfit | None:
    if moment(value) is not None:
        return None
    hint = "Write it like 2026-12-31T18:00:00Z, with its time zone."
    return Misfit(f"is no moment: `{value}`", hint)


def comparable(path: str, value: Value) -> Value:
    """Return what a condition compares with: of ``request.time``, moments are seconds."""
    if path != "request.time":
        return value
    if isinstance(value, tuple):
        return tuple(map(_seconds, value))
    return _seconds(value)


def _seconds(value: Plain) -> Plain:
    found = moment(value) if isinstance(value, str) else None
    return value if found is None else found


def moment(text: str) -> float | None:
    """Return an ISO 8601 time with its zone as seconds since the epoch, or ``None``."""
    try:
        parsed = datetime.fromisoformat(text)
        return parsed.timestamp() if parsed.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
