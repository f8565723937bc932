"""A tree's nodes as the JSON values that they stand for: the arguments of cases."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

import yaml

from mcp_local.policy.reading.yaml_tree import Mapping, Scalar, ScalarKind, Sequence

if TYPE_CHECKING:
    from mcp_local.policy.reading.yaml_tree import Node


def value_of(node: Node) -> object:
    """Return the value; a date stays the text that it is, as JSON has none."""
    if isinstance(node, Mapping):
        return {key.text: value_of(value) for key, value in node.entries}
    if isinstance(node, Sequence):
        return [value_of(item) for item in node.items]
    return _scalar(node)


def _scalar(node: Scalar) -> object:
    match node.kind:
        case ScalarKind.NUMBER | ScalarKind.TRUTH:
            return yaml.safe_load(node.text)
        case ScalarKind.NOTHING:
            return None
        case ScalarKind.TEXT | ScalarKind.OTHER:
            return node.text
        case _:
            assert_never(node.kind)
