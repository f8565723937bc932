"""Python values → the tree that a YAML file gives, so that the builder is read by the same parser.

Every mistake is then found by the same check and told in the same words; its place is the line of
Python that said it.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping as Fields
from typing import TYPE_CHECKING, cast

from mcp_local.policy.problems import Origin
from mcp_local.policy.reading.yaml_tree import Mapping, Scalar, ScalarKind, Sequence
from mcp_local.policy.vocabulary.literals import number

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FrameType

    from mcp_local.policy.reading.yaml_tree import Node

_OURS = "mcp_local.policy."
"""Where the builder's own modules are; whoever calls them from elsewhere is the author."""


def caller() -> Origin:
    """Return the place of the call that led into the builder."""
    frame: FrameType | None = inspect.currentframe()
    while frame is not None and str(frame.f_globals.get("__name__")).startswith(_OURS):
        frame = frame.f_back
    return Origin(frame.f_code.co_filename, frame.f_lineno) if frame else Origin("<python>")


def mapping(origin: Origin, entries: Iterable[tuple[str, Node]]) -> Mapping:
    """Return a mapping whose keys stand at ``origin``."""
    return Mapping(origin, tuple((_text(origin, key), node) for key, node in entries))


def sequence(origin: Origin, items: Iterable[Node]) -> Sequence:
    """Return a list."""
    return Sequence(origin, tuple(items))


def tree_of(origin: Origin, value: object) -> Node:  # noqa: PLR0911 - one for each type
    """Return the tree of a Python value; what has no place in the language the parser refuses."""
    match value:
        case str():
            return _text(origin, value)
        case bool():
            return Scalar(origin, "true" if value else "false", ScalarKind.TRUTH)
        case int() | float():
            return Scalar(origin, number(value), ScalarKind.NUMBER)
        case None:
            return Scalar(origin, "", ScalarKind.NOTHING)
        case Fields():
            fields = cast("Fields[str, object]", value)
            return mapping(origin, ((key, tree_of(origin, fields[key])) for key in fields))
        case Collection():
            items = cast("Collection[object]", value)
            return sequence(origin, (tree_of(origin, item) for item in items))
        case _:
            return Scalar(origin, repr(value), ScalarKind.OTHER)


def _text(origin: Origin, value: str) -> Scalar:
    return Scalar(origin, value, ScalarKind.TEXT)
