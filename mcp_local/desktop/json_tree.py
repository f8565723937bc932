"""JSON with comments → a tree whose every node knows where it stands in the text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from json5 import model
from json5.loader import ModelLoader, loads
from json5.utils import JSON5DecodeError

from mcp_local.desktop.text import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Member:
    """One key with its value; offsets are of characters in the text."""

    key: str
    start: int
    """Where the key begins."""
    value: Node


@dataclass(frozen=True, slots=True)
class Node:
    """A value: ``text[start:end]``."""

    start: int
    end: int
    members: tuple[Member, ...] | None = None
    """Of an object; ``None``: it is something else."""
    trailing_comma: int | None = None
    """Where the comma after the last member ends."""

    def member(self, key: str) -> Member | None:
        """Return the member of that key; of several the last, which is the one that counts."""
        found = [each for each in self.members or () if each.key == key]
        return found[-1] if found else None


def read_tree(text: str) -> Node:
    """Return the document's object.

    Raises:
        Unreadable: it is no JSON, or no object; says where.
    """
    try:
        value = loads(text, loader=ModelLoader()).value
    except JSON5DecodeError as error:
        reason = str(error).rpartition("\n")[2].strip()
        raise Unreadable(f"is not JSON: {reason}") from None
    except RecursionError:
        raise Unreadable("is not JSON that a client reads: it is nested too deep") from None
    if not isinstance(value, model.JSONObject):
        raise Unreadable("holds no JSON object")
    starts = _line_starts(text)
    return _node(value, lambda line, column: starts[line - 1] + column)


def _line_starts(text: str) -> list[int]:
    """Return where each line begins; a line feed alone ends one, as for the parser."""
    return [0, *(position + 1 for position, char in enumerate(text) if char == "\n")]


def _node(value: model.Value, offset: Callable[[int, int], int]) -> Node:
    start = offset(value.lineno or 1, value.col_offset or 0)
    end = offset(value.end_lineno or 1, value.end_col_offset or 0)
    if not isinstance(value, model.JSONObject):
        return Node(start, end)
    members = tuple(
        Member(_name(key), offset(key.lineno or 1, key.col_offset or 0), _node(inner, offset))
        for key, inner in value.key_value_pairs
    )
    comma = value.trailing_comma
    after = None if comma is None else offset(comma.lineno or 1, (comma.col_offset or 0) + 1)
    return Node(start, end, members, after)


def _name(key: model.Key) -> str:
    return key.characters if isinstance(key, model.String) else str(getattr(key, "name", ""))
