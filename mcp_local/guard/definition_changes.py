"""What has changed between two definitions, word by word."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final, cast

from mcp_local.guard.definition_record import INSTRUCTIONS, PINNED, digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mcp_local.guard.definition_record import Definition, Definitions

_ABSENT: Final = object()


class How(StrEnum):
    """How something differs from what was approved."""

    CHANGED = "changed"
    NEW = "new"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Change:
    """One component, or the instructions, that isn't as approved."""

    which: str
    """``tools``, ``prompts``, ``resourceTemplates`` or ``instructions``."""
    name: str
    """Empty for the instructions."""
    how: How
    before: object
    """The approved definition; ``None`` where it is new."""
    after: object
    """The definition now; ``None`` where it is gone."""

    def __str__(self) -> str:
        return self.name or "its instructions"

    @property
    def fields(self) -> tuple[str, ...]:
        """What of it has changed, as ``inputSchema.properties.sql.type``."""
        return tuple(path for path, _, _ in self._differences())

    def lines(self) -> list[str]:
        """Return the difference for people: a field, its lines before (-) and now (+).

        Nothing of what is gone: it can do no harm.
        """
        found: list[str] = []
        if self.how is How.GONE:
            return found
        for path, before, after in self._differences():
            found += [
                f"  {path or 'text'}",
                *(f"  - {line}" for line in _text(before)),
                *(f"  + {line}" for line in _text(after)),
            ]
        return found

    def _differences(self) -> list[tuple[str, object, object]]:
        before = dict(_leaves("", self.before)) if self.before is not None else {}
        after = dict(_leaves("", self.after)) if self.after is not None else {}
        paths = [*before, *(path for path in after if path not in before)]
        pairs = ((path, before.get(path, _ABSENT), after.get(path, _ABSENT)) for path in paths)
        return [each for each in pairs if not _same(each[1], each[2])]


def changes(approved: Definitions, seen: Definitions) -> list[Change]:
    """Return how what was seen differs from what was approved; lists never asked for don't."""
    found: list[Change] = []
    for which in PINNED:
        now = seen.lists.get(which)
        if now is not None:
            found += changes_of(which, approved.lists.get(which, {}), now)
    if seen.instructions is not None and seen.instructions != (approved.instructions or ""):
        how = How.NEW if approved.instructions is None else How.CHANGED
        found.append(Change(INSTRUCTIONS, "", how, approved.instructions, seen.instructions))
    return found


def changes_of(
    which: str, approved: Mapping[str, Definition], seen: Mapping[str, Definition]
) -> list[Change]:
    """Return how one list differs from what was approved of it."""
    found: list[Change] = []
    for name, now in seen.items():
        before = approved.get(name)
        if before is None:
            found.append(Change(which, name, How.NEW, None, now))
        elif json.dumps(before) != json.dumps(now) and digest(before) != digest(now):
            found.append(Change(which, name, How.CHANGED, before, now))
    gone = (name for name in approved if name not in seen)
    return found + [Change(which, name, How.GONE, approved[name], None) for name in gone]


def approve(approved: Definitions, found: Iterable[Change]) -> Definitions:
    """Return the approved definitions with these changes taken over."""
    for change in found:
        if change.which == INSTRUCTIONS:
            approved = replace(approved, instructions=str(change.after))
            continue
        items = dict(approved.lists.get(change.which, {}))
        items.pop(change.name, None)
        if change.how is not How.GONE:
            items[change.name] = cast("Definition", change.after)
        approved = approved.with_list(change.which, items)
    return approved


def _leaves(path: str, value: object) -> Iterator[tuple[str, object]]:
    """Yield each value within a definition with its path; empty objects and lists are values."""
    if isinstance(value, dict) and value:
        for key, item in cast("dict[str, object]", value).items():
            yield from _leaves(_below(path, key), item)
    elif isinstance(value, list) and value:
        for number, item in enumerate(cast("list[object]", value)):
            yield from _leaves(f"{path}[{number}]", item)
    else:
        yield path, value


def _below(path: str, key: str) -> str:
    if not key.isidentifier():
        return f"{path}[{json.dumps(key)}]"
    return f"{path}.{key}" if path else key


def _same(one: object, other: object) -> bool:
    """Whether two values are the same in JSON, where ``1``, ``1.0`` and ``true`` differ."""
    return type(one) is type(other) and one == other


def _text(value: object) -> list[str]:
    if value is _ABSENT:
        return []
    return value.splitlines() if isinstance(value, str) else [json.dumps(value)]
