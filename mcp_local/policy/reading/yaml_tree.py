"""YAML text → a tree whose every node knows its place. Nothing is constructed, nothing expanded.

Aliases, anchors, tags and duplicate keys are refused (SECURITY.md M24): a policy says what it says
once, in plain sight.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias, cast

import yaml
from yaml.resolver import Resolver

from mcp_local.policy.problems import InvalidPolicy, Origin, problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_CHARACTERS = 4 << 20
MAX_DEPTH = 16
"""Levels of nesting; the language needs six."""

_Resolve: TypeAlias = "Callable[[type[yaml.Node], str, tuple[bool, bool]], str]"
_Loader = cast("type[yaml.SafeLoader]", getattr(yaml, "CSafeLoader", yaml.SafeLoader))


class ScalarKind(StrEnum):
    """What YAML takes a scalar for."""

    TEXT = "a text"
    NUMBER = "a number"
    TRUTH = "true or false"
    NOTHING = "nothing"
    OTHER = "a date or a sign of YAML"


_KINDS = {
    "tag:yaml.org,2002:str": ScalarKind.TEXT,
    "tag:yaml.org,2002:yaml": ScalarKind.TEXT,  # a bare `*`, `&` or `!`: the parser saw no sign
    "tag:yaml.org,2002:int": ScalarKind.NUMBER,
    "tag:yaml.org,2002:float": ScalarKind.NUMBER,
    "tag:yaml.org,2002:bool": ScalarKind.TRUTH,
    "tag:yaml.org,2002:null": ScalarKind.NOTHING,
}


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value, as it is written."""

    origin: Origin
    text: str
    kind: ScalarKind


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    origin: Origin
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and values; each key once."""

    origin: Origin
    entries: tuple[tuple[Scalar, Node], ...]


Node: TypeAlias = Scalar | Sequence | Mapping


def read_tree(text: str, file: str) -> Node:
    """Return the one document of a YAML text.

    Raises:
        InvalidPolicy: it isn't YAML, is empty, too large, too deep, or uses what is refused.
    """
    start = Origin(file)
    if len(text) > MAX_CHARACTERS:
        raise InvalidPolicy([problem(start, "", "is larger than 4 MiB")])
    try:
        return _Reader(file).read(yaml.parse(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        origin = Origin(file, mark.line + 1, mark.column + 1) if mark else start
        message = ", ".join(str(part) for part in (error.context, error.problem) if part)
        star = 'Put a `*` in quotes: "*".'
        hint = star if "alias" in message else "Look at indentation, quotes and brackets there."
        raise InvalidPolicy([problem(origin, "", f"is not YAML: {message}", hint)]) from None
    except (yaml.YAMLError, UnicodeEncodeError):
        hint = "Save it as UTF-8 text without control characters."
        raise InvalidPolicy([problem(start, "", "is not text", hint)]) from None


class _Reader:
    """Builds the tree from parser events; the depth is bounded, so is the recursion."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._resolve = cast("_Resolve", Resolver().resolve)  # pyright: ignore[reportUnknownMemberType]

    def read(self, events: Iterator[yaml.Event]) -> Node:
        root: Node | None = None
        for event in events:
            if isinstance(event, yaml.NodeEvent):
                if root is not None:
                    raise self._refused(event, "holds a second document", "Keep one to a file.")
                root = self._node(event, events, depth=1)
        if root is None:
            raise InvalidPolicy(
                [problem(Origin(self._file), "", "is empty", "A policy starts with `version: 1`.")]
            )
        return root

    def _node(self, event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Node:
        self._refuse_references(event)
        if depth > MAX_DEPTH:
            raise self._refused(event, f"is nested deeper than {MAX_DEPTH} levels")
        origin = self._origin(event)
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(origin, event.value, self._kind(event))
        if isinstance(event, yaml.SequenceStartEvent):
            return Sequence(origin, tuple(self._items(events, depth + 1)))
        return self._mapping(origin, events, depth + 1)

    def _items(self, events: Iterator[yaml.Event], depth: int) -> Iterator[Node]:
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                return
            yield self._node(event, events, depth)

    def _mapping(self, origin: Origin, events: Iterator[yaml.Event], depth: int) -> Mapping:
        entries: dict[str, tuple[Scalar, Node]] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = self._node(event, events, depth)
            if not isinstance(key, Scalar):
                raise self._refused(event, "has a key that is not a text")
            if key.text in entries:
                first = entries[key.text][0].origin.line
                raise self._refused(event, f"repeats the key `{key.text}` of line {first}")
            entries[key.text] = (key, self._node(next(events), events, depth))
        return Mapping(origin, tuple(entries.values()))

    def _refuse_references(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.AliasEvent):
            raise self._refused(event, "uses an alias (`*`)", "Write it out, or quote the `*`.")
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            raise self._refused(event, "uses an anchor (`&`)", "Write it out, or quote the `&`.")
        if getattr(event, "tag", None) is not None:
            raise self._refused(event, "uses a YAML tag (`!`)", "Leave the tag out.")

    def _kind(self, event: yaml.ScalarEvent) -> ScalarKind:
        plain, _quoted = event.implicit
        if not plain:
            return ScalarKind.TEXT
        tag = self._resolve(yaml.ScalarNode, event.value, (True, False))
        return _KINDS.get(tag, ScalarKind.OTHER)

    def _origin(self, event: yaml.Event) -> Origin:
        mark = cast("yaml.Mark", event.start_mark)  # parsed events have one
        return Origin(self._file, mark.line + 1, mark.column + 1)

    def _refused(self, event: yaml.Event, message: str, hint: str = "") -> InvalidPolicy:
        return InvalidPolicy([problem(self._origin(event), "", message, hint)])
