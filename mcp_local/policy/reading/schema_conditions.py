"""Conditions in the JSON Schema: which value goes with which operator."""

from __future__ import annotations

from typing import Final

from mcp_local.policy.document import Operator
from mcp_local.policy.vocabulary.sql import KINDS

_SCALAR: Final = {"type": ["string", "number", "boolean"]}
_TEXT: Final = {"type": "string", "minLength": 1}
_VALUES: Final = (
    ((Operator.EQUALS, Operator.NOT_EQUALS, Operator.CONTAINS, Operator.NOT_CONTAINS), _SCALAR),
    ((Operator.IN, Operator.NOT_IN), {"type": "array", "items": _SCALAR, "minItems": 1}),
    ((Operator.STARTS_WITH, Operator.ENDS_WITH, Operator.REGEX, Operator.NOT_REGEX), _TEXT),
    ((Operator.GT, Operator.LT, Operator.GTE, Operator.LTE), {"type": ["number", "string"]}),
    ((Operator.EXISTS,), {"type": "boolean"}),
    (
        (Operator.UNDER,),
        {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]},
    ),
    (
        (Operator.SQL_ONLY, Operator.SQL_NOT_ONLY),
        {"type": "array", "items": {"enum": sorted(KINDS)}, "minItems": 1},
    ),
)
"""What operators compare with."""


def conditions() -> dict[str, object]:
    """Return the schema of a condition: a comparison, or the name of a registered predicate."""
    operators = [str(operator) for group, _ in _VALUES for operator in group]
    return {
        "type": "object",
        "description": "True, false, or unknown where the field isn't there or of another type.",
        "properties": {
            "field": {
                "type": "string",
                "pattern": r"^(args|user|tool|resource|prompt|request)\.\S+$",
                "description": "A path like `args.sql` or `user.claims.department`.",
            },
            "operator": {"enum": operators, "description": "How to compare."},
            "value": {"description": "What to compare with."},
            "condition": {
                "type": "string",
                "minLength": 1,
                "description": "A predicate registered in Python; stands alone.",
            },
        },
        "additionalProperties": False,
        "if": {"required": ["condition"]},
        "then": {"maxProperties": 1},
        "else": {"required": ["field", "operator", "value"]},
        "allOf": [_fitting(group, value) for group, value in _VALUES],
    }


def _fitting(group: tuple[Operator, ...], value: object) -> dict[str, object]:
    named = {"properties": {"operator": {"enum": [str(each) for each in group]}}}
    return {
        "if": {**named, "required": ["operator"]},
        "then": {"properties": {"value": value}},
    }
