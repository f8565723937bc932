"""One condition of mcp-auth-guard → one of ours, or the knowledge that it can't be told."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from mcp_local.policy.auth_guard.remarks import Difference
from mcp_local.policy.document import Operator
from mcp_local.policy.model import Action, Effect, Kind
from mcp_local.policy.reading.plain_values import value_of
from mcp_local.policy.reading.python_tree import mapping, sequence, tree_of
from mcp_local.policy.reading.yaml_tree import Scalar, ScalarKind, Sequence
from mcp_local.policy.vocabulary.fields import Field, Shape, UnknownField, find_field
from mcp_local.policy.vocabulary.shapes import misfit

if TYPE_CHECKING:
    from mcp_local.policy.auth_guard.remarks import Remarks
    from mcp_local.policy.problems import Origin
    from mcp_local.policy.reading.nodes import Checker
    from mcp_local.policy.reading.yaml_tree import Node

KEYS: Final = ("field", "operator", "value")
OPERATORS: Final = (
    "equals", "not_equals", "in", "not_in", "contains", "not_contains", "starts_with", "ends_with",
    "regex", "gt", "lt", "gte", "lte",
)  # fmt: skip

_NAMES: Final = {
    "auth.user_id": "user.id",
    "auth.id": "user.id",
    "auth.roles": "user.roles",
    "auth.agent_id": "user.agent_id",
    "auth.tenant_id": "user.tenant",
    "request.timestamp": "request.time",
}
_SIGNED_IN: Final = frozenset({"user.authenticated", "auth.authenticated"})
_SAME: Final = frozenset({"user.id", "user.roles", "user.agent_id", "request.action"})
_OF_COMPONENTS: Final = ("name", "namespace", "version", "tags")
_ORDERED: Final = frozenset({Operator.GT, Operator.LT, Operator.GTE, Operator.LTE})
_OF_TEXT: Final = frozenset({Operator.STARTS_WITH, Operator.ENDS_WITH, Operator.REGEX})
_CONTAINING: Final = frozenset({Operator.CONTAINS, Operator.NOT_CONTAINS})
_COMPARING: Final = frozenset({Operator.EQUALS, Operator.NOT_EQUALS, Operator.IN, Operator.NOT_IN})
_ACTIONS: Final = frozenset(map(str, Action))
_SAFE_IN_ALLOW: Final = frozenset({Operator.EQUALS, Operator.IN})
_CLASSES: Final = re.compile(r"\\[bBdDsSwW]|\$")


class Settled(Enum):
    """What is known of a condition before any request."""

    ALWAYS = "always"
    NEVER = "never"
    NEVER_TOLD = "never told"


class Told(NamedTuple):
    """A condition that can be told."""

    origin: Origin
    field: Field
    operator: Operator
    value: Node

    def tree(self, kind: Kind | None) -> Node:
        """Return it as our language says it; ``kind``: the only one that its rule is about."""
        path = self.field.path
        if kind is not None and self.of_component:
            path = f"{kind}.{path.removeprefix('tool.')}"
        said = {"field": path, "operator": str(self.operator)}
        entries = [(key, tree_of(self.origin, text)) for key, text in said.items()]
        return mapping(self.origin, [*entries, ("value", self.value)])

    @property
    def of_component(self) -> bool:
        """Whether it looks at the component, which that program calls a tool whatever its kind."""
        return self.field.path.startswith("tool.")


def read_condition(
    check: Checker, node: Node, path: str, effect: Effect, remarks: Remarks
) -> Told | Settled | None:
    """Return the condition, or ``None`` where it is a mistake, which is noted."""
    fields = check.fields(node, path, KEYS)
    for key in KEYS:
        if key not in fields:
            check.missing(node, path, key, "A condition has `field`, `operator` and `value`.")
            return None
    word = check.word(fields["operator"], f"{path}.operator", OPERATORS)
    if word is None or not check.is_text(fields["field"], f"{path}.field"):
        return None
    operator, value = Operator(word), fields["value"]
    if fields["field"].text in _SIGNED_IN and operator is Operator.EQUALS:
        return Settled.ALWAYS if value_of(value) is True else Settled.NEVER_TOLD
    field = _field(fields["field"].text)
    if field is None or not _comparable(field, operator, value):
        remarks.meet(Difference.NEVER, node.origin, path)
        return Settled.NEVER_TOLD
    if field.path == "request.action" and operator in _COMPARING:
        known = [each for each in _each(value) if each.text in _ACTIONS]
        if not known:  # no request is ever for another action
            return Settled.NEVER if operator in _SAFE_IN_ALLOW else Settled.ALWAYS
        value = sequence(value.origin, known) if isinstance(value, Sequence) else value
    _note(remarks, node.origin, path, fields["field"].text, (effect, field, operator, value))
    if operator in _OF_TEXT:
        text = str(value_of(value))
        anchor = operator is Operator.REGEX and effect is Effect.ALLOW and not _anchored(text)
        value = tree_of(value.origin, f"^(?:{text})" if anchor else text)
    return Told(node.origin, field, operator, value)


def _field(path: str) -> Field | None:
    """Return where to look; ``None``: that program has something there that we don't."""
    root, _, rest = path.partition(".")
    if path.startswith("tool.args."):
        path = rest
    elif path in _NAMES:
        path = _NAMES[path]
    elif path.startswith("auth.claims."):
        path = f"user.{rest}"
    elif not (
        path in _SAME
        or path.startswith("user.claims.")
        or (root == "tool" and rest in _OF_COMPONENTS)
    ):
        return None
    try:
        return find_field(path)
    except UnknownField:
        return None


def _comparable(field: Field, operator: Operator, value: Node) -> bool:
    """Tell whether the operator fits the field, and the value the operator."""
    wrong = misfit(field.path, field.shape, operator, "a")
    if wrong is not None and wrong.about_operator:
        return False
    if operator in _ORDERED:
        return isinstance(value, Scalar) and value.kind is ScalarKind.NUMBER
    if operator in _COMPARING and field.shape is Shape.TEXT:
        return all(map(_is_text, _each(value)))
    if operator in _COMPARING and field.shape is Shape.NUMBER:
        return all(each.kind is ScalarKind.NUMBER for each in _each(value))
    return operator not in _CONTAINING or _is_text(value)


def _each(value: Node) -> tuple[Scalar, ...]:
    """Return the values of a list, or the one; what is none of them is a mistake anyway."""
    values = value.items if isinstance(value, Sequence) else (value,)
    return tuple(each for each in values if isinstance(each, Scalar))


def _is_text(value: Node) -> bool:
    return isinstance(value, Scalar) and value.kind is ScalarKind.TEXT


def _note(
    remarks: Remarks,
    origin: Origin,
    path: str,
    written: str,
    condition: tuple[Effect, Field, Operator, Node],
) -> None:
    """Note every difference that the condition meets."""
    effect, field, operator, value = condition
    if written.startswith("auth."):
        remarks.meet(Difference.AUTH, origin, path)
    if field.shape is Shape.LIST:
        remarks.meet(Difference.MEMBERS, origin, path)
    texts = value.items if isinstance(value, Sequence) else (value,)
    safe = effect is Effect.ALLOW and operator in _SAFE_IN_ALLOW and all(map(_is_text, texts))
    if not safe and (field.shape is Shape.ANY or field.changing or field.kind is not None):
        remarks.meet(Difference.MISSING, origin, path)
    if operator is Operator.REGEX:
        text = str(value_of(value))
        if effect is Effect.DENY and not _anchored(text):
            remarks.meet(Difference.SEARCH, origin, path)
        if _CLASSES.search(text):
            remarks.meet(Difference.CLASSES, origin, path)


def _anchored(expression: str) -> bool:
    """Tell whether it can only match at the start of a text; in doubt not."""
    return expression.startswith(("^", r"\A")) and "|" not in expression
