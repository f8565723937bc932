"""Conditions: a field, an operator, and a value of exactly one type."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final, cast

from mcp_local.errors import did_you_mean
from mcp_local.policy.document import Condition, Operator
from mcp_local.policy.model import Kind
from mcp_local.policy.reading.yaml_tree import Scalar, ScalarKind, Sequence
from mcp_local.policy.vocabulary.fields import Field, UnknownField, find_field
from mcp_local.policy.vocabulary.shapes import MAX_TEXT, misfit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mcp_local.policy.document import Plain, Value
    from mcp_local.policy.reading.nodes import Checker
    from mcp_local.policy.reading.yaml_tree import Node

MAX_CONDITIONS = 64
"""Conditions of one rule."""

_KEYS: Final = ("field", "operator", "value")
_OPERATORS: Final = tuple(str(each) for each in Operator if each is not Operator.CONDITION)
_TRUTHS: Final = {"true": True, "false": False}
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?([eE][+-]?[0-9]{1,3})?")


def conditions(
    check: Checker, node: Node | None, path: str, kinds: frozenset[Kind]
) -> Iterator[Condition]:
    """Yield the conditions under ``when``; ``kinds`` are those that the rule is about."""
    if node is None:
        return
    if not isinstance(node, Sequence):
        check.wrong(node, path, "must be a list of conditions", "Put a `- ` before each.")
    elif not node.items:
        check.wrong(node, path, "is an empty list", "Leave it out, or write a condition in it.")
    elif len(node.items) > MAX_CONDITIONS:
        check.wrong(node, path, f"has more than {MAX_CONDITIONS} conditions")
    else:
        for position, item in enumerate(node.items):
            condition = _condition(check, item, f"{path}[{position}]", kinds)
            if condition is not None:
                yield condition


def _condition(check: Checker, node: Node, path: str, kinds: frozenset[Kind]) -> Condition | None:
    fields = check.fields(node, path, (*_KEYS, "condition"))
    if "condition" in fields:
        return _registered(check, node, fields, path)
    for key in _KEYS:
        if key not in fields:
            hint = "A condition has `field`, `operator` and `value`."
            check.missing(node, path, key, hint)
    if not all(key in fields for key in _KEYS):
        return None
    field = _field(check, fields["field"], f"{path}.field", kinds)
    operator = check.word(fields["operator"], f"{path}.operator", _OPERATORS)
    value = _value(check, fields["value"], f"{path}.value", Operator(operator or "equals"))
    if field is None or operator is None or value is None:
        return None
    if wrong := misfit(field.path, field.shape, Operator(operator), value):
        key = "operator" if wrong.about_operator else "value"
        place, inner = fields[key], f"{path}.{key}"
        if wrong.entry is not None and isinstance(place, Sequence):
            place, inner = place.items[wrong.entry], f"{inner}[{wrong.entry}]"
        check.wrong(place, inner, wrong.message, wrong.hint)
        return None
    return Condition(field.path, Operator(operator), value, node.origin)


def _registered(check: Checker, node: Node, fields: dict[str, Node], path: str) -> Condition | None:
    name = fields["condition"]
    if len(fields) > 1:
        hint = "`condition` stands alone: it names a predicate registered in Python."
        check.wrong(node, path, "has `condition` beside other keys", hint)
    elif check.is_text(name, f"{path}.condition"):
        return Condition("", Operator.CONDITION, name.text, name.origin)
    return None


def _field(check: Checker, node: Node, path: str, kinds: frozenset[Kind]) -> Field | None:
    if not check.is_text(node, path):
        return None
    try:
        field = find_field(node.text)
    except UnknownField as error:
        check.wrong(node, path, str(error), did_you_mean(error.word, error.known))
        return None
    if field.kind is not None and field.kind not in kinds:
        about = " and ".join(f"{kind}s" for kind in sorted(kinds))
        check.wrong(node, path, f"is never there: the rule is about {about} only")
        return None
    return field


def field_paths(check: Checker, node: Node | None, path: str) -> Iterator[str]:
    """Yield the fields of a list, such as ``redact``."""
    everything = frozenset(Kind)
    for word, inner in check.words(node, path):
        if (field := _field(check, word, inner, everything)) is not None:
            yield field.path


def _value(check: Checker, node: Node, path: str, operator: Operator) -> Value | None:
    if isinstance(node, Sequence):
        members = [
            _plain(check, item, f"{path}[{position}]") for position, item in enumerate(node.items)
        ]
        return None if None in members else tuple(cast("list[Plain]", members))
    plain = _plain(check, node, path)
    if operator is Operator.UNDER and isinstance(plain, str):
        return (plain,)
    return plain


def _plain(check: Checker, node: Node, path: str) -> Plain | None:
    """Return a text, a number, true or false; exactly what is written, or a mistake."""
    if not isinstance(node, Scalar):
        check.wrong(node, path, "must be a text, a number, true or false, or a list of them")
    elif node.kind is ScalarKind.TEXT:
        if len(node.text) <= MAX_TEXT:
            return node.text
        check.wrong(node, path, f"is longer than {MAX_TEXT} characters")
    elif node.kind is ScalarKind.TRUTH and node.text.lower() in _TRUTHS:
        return _TRUTHS[node.text.lower()]
    elif node.kind is ScalarKind.NUMBER and _NUMBER.fullmatch(node.text):
        number = float(node.text)
        if math.isfinite(number):
            return number if set(node.text) & set(".eE") else int(node.text)
        check.wrong(node, path, f"is no number that can be reached: `{node.text}`")
    elif node.kind is ScalarKind.NOTHING:
        check.wrong(node, path, "is empty", "Write what to compare with.")
    else:
        hint = f'For a text write "{node.text}", for a number 30 or 0.5, for a truth true or false.'
        check.wrong(node, path, f"can be read in two ways: YAML takes it for {node.kind}", hint)
    return None
