"""A tree's nodes as the JSON values that they stand for: the arguments of cases."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, assert_never

import yaml

from mcp_local.policy.reading.yaml_tree import Mapping, Scalar, ScalarKind, Sequence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mcp_local.policy.reading.yaml_tree import Node

_JSON_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,299})(\.[0-9]{1,300})?([eE][+-]?[0-9]{1,2})?")


def value_of(node: Node) -> object:
    """Return the value; a date stays the text that it is, as JSON has none."""
    if isinstance(node, Mapping):
        return {key.text: value_of(value) for key, value in node.entries}
    if isinstance(node, Sequence):
        return [value_of(item) for item in node.items]
    return _scalar(node)


def odd_numbers(node: Node) -> Iterator[Scalar]:
    """Yield what YAML takes for a number and JSON doesn't, or that is beyond all reckoning."""
    if isinstance(node, Mapping):
        for _, value in node.entries:
            yield from odd_numbers(value)
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from odd_numbers(item)
    elif node.kind is ScalarKind.NUMBER and not _JSON_NUMBER.fullmatch(node.text):
        yield node


def _scalar(node: Scalar) -> object:
    match node.kind:
        case ScalarKind.NUMBER | ScalarKind.TRUTH:
            try:
                return yaml.safe_load(node.text)
            except ValueError:  # 5,000 digits, or `0x_`
                return node.text
        case ScalarKind.NOTHING:
            return None
        case ScalarKind.TEXT | ScalarKind.OTHER:
            return node.text
        case _:
            assert_never(node.kind)
