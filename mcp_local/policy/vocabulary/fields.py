"""What conditions can look at: fields of arguments, person, component and request (POLICY.md 6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from mcp_local.policy.model import Action, Kind
from mcp_local.policy.vocabulary.json_texts import may_hold_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import tzinfo

    from mcp_local.identity.model import Identity
    from mcp_local.policy.deciding.matching import Subject
    from mcp_local.policy.model import Component, Request

MAX_PARTS = 16
"""Levels that a path may go down."""

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Absent(Enum):
    """Instead of a value: there is none, or none can be known yet."""

    MISSING = "missing"
    UNKNOWN = "unknown"
    """Not even ``exists`` can be told: arguments, client or time aren't known for certain."""


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that one decision may look at."""

    identity: Identity
    request: Request
    component: Component
    subject: Subject
    zone: tzinfo | None = None
    """Of hours and weekdays; ``None``: this machine's."""
    known: dict[object, bool | None] = field(
        default_factory=dict[object, bool | None], compare=False
    )
    """What came of conditions so far; each is judged once."""

    @property
    def listing(self) -> bool:
        """Whether what changes from use to use counts as not yet known (POLICY.md 3)."""
        return self.request.action is Action.LIST


class Shape(StrEnum):
    """What a field holds, as far as that is certain."""

    TEXT = "a text"
    NUMBER = "a number"
    LIST = "a list"
    ANY = "anything"


Read: TypeAlias = "Callable[[Case], object]"


@dataclass(frozen=True, slots=True)
class Field:
    """One place to look at; :func:`find_field` makes it."""

    path: str
    shape: Shape
    read: Read
    """Returns the value, or an :class:`Absent`."""
    changing: bool = False
    """Whether it may be another at the next use: arguments, client, time."""
    kind: Kind | None = None
    """The only kind of component that has it."""

    def waits(self, case: Case) -> bool:
        """Tell whether it can't be known yet, because only the list is asked for."""
        if not case.listing:
            return False
        return self.changing or (self.kind is Kind.RESOURCE and case.subject.open)


class UnknownField(Exception):
    """A path that leads nowhere; caught where its place is known. Has the valid words."""

    def __init__(self, word: str, known: tuple[str, ...], message: str = "") -> None:
        missing = f"there is no `{word}`" if word else "it names nothing inside"
        super().__init__(message or f"is no field: {missing}")
        self.word = word
        self.known = known


def find_field(path: str) -> Field:
    """Return the field of a path like ``args.sql`` or ``user.claims.department``.

    Raises:
        UnknownField: nothing can ever stand there.
    """
    parts = path.split(".")
    if not all(parts) or len(parts) > MAX_PARTS:
        message = f"is no path: words with dots between them, {MAX_PARTS} at most"
        raise UnknownField(path, _ROOTS, message)
    root, *rest = parts
    if root == "args":
        return _arguments(path, rest)
    if root == "user":
        return _user(path, rest)
    if root == "request":
        return _request(path, rest)
    if root in _COMPONENTS:
        return _component(path, Kind(root), rest)
    raise UnknownField(root, _ROOTS)


_COMPONENTS: Final = tuple(str(kind) for kind in Kind)
_ROOTS: Final = ("args", "user", *_COMPONENTS, "request")


def _arguments(path: str, parts: list[str], kind: Kind | None = None) -> Field:
    if not parts:
        raise UnknownField(path, ("args.NAME",), "names no argument")

    inside = ".".join(parts)

    def read(case: Case) -> object:
        if kind is not None and case.component.kind is not kind:
            return Absent.MISSING
        if case.request.arguments is None:
            return Absent.UNKNOWN
        found = list(islice(_found(case.request.arguments, inside), 2))
        if not found:
            return Absent.MISSING
        return found[0] if len(found) == 1 else Absent.UNKNOWN

    return Field(path, Shape.ANY, read, changing=True, kind=kind)


def _found(value: object, path: str) -> Iterator[object]:
    """Yield every value that a path may lead to; names may have dots in them.

    Some servers take ``SQL`` for ``sql`` (M4), and of both the last one; some look for an object in
    a text. Which value they see isn't known then. Lists are looked at as wholes.
    """
    if not path:
        yield value
    elif not isinstance(value, Mapping):
        if may_hold_names(value):
            yield Absent.UNKNOWN
    else:
        folded = f"{path.casefold()}."
        for key, inner in cast("Mapping[object, object]", value).items():
            name = str(key)
            if not folded.startswith(f"{name.casefold()}."):
                continue
            if f"{path}.".startswith(f"{name}."):
                yield from _found(inner, path[len(name) + 1 :])
            else:
                yield Absent.UNKNOWN


def _inside(value: object, parts: list[str]) -> object:
    """Follow a path through the objects of a claim; lists are looked at as wholes."""
    for part in parts:
        if not isinstance(value, Mapping):
            return Absent.MISSING
        value = cast("Mapping[object, object]", value).get(part, Absent.MISSING)
    return value


_USER: Final[Mapping[str, tuple[Shape, Read]]] = {
    "id": (Shape.TEXT, lambda case: case.identity.object_id),
    "tenant": (Shape.TEXT, lambda case: case.identity.tenant_id),
    "name": (Shape.TEXT, lambda case: case.identity.name or Absent.MISSING),
    "roles": (Shape.LIST, lambda case: sorted(case.identity.roles)),
    "groups": (Shape.LIST, lambda case: sorted(case.identity.groups)),
    "scopes": (Shape.LIST, lambda case: sorted(case.identity.scopes)),
}
_USER_WORDS: Final = (*_USER, "agent_id", "claims")


def _user(path: str, parts: list[str]) -> Field:
    word = parts[0] if parts else ""
    if word == "claims" and len(parts) > 1:
        return _claim(path, parts[1:])
    if parts == ["claims"]:
        raise UnknownField(path, ("user.claims.NAME",), "names no claim")
    if len(parts) != 1 or word not in _USER_WORDS:
        raise UnknownField(".".join(parts), _USER_WORDS)
    if word == "agent_id":
        return Field(path, Shape.TEXT, client_name, changing=True)
    return Field(path, *_USER[word])


def client_name(case: Case) -> str | Absent:
    """Return what the client calls itself."""
    client = case.request.client
    return client.name if client is not None and client.name else Absent.UNKNOWN


def _claim(path: str, parts: list[str]) -> Field:
    """Claims may have dots in their names: the whole rest is tried first."""
    whole = ".".join(parts)

    def read(case: Case) -> object:
        claims = case.identity.claims
        return claims[whole] if whole in claims else _inside(claims, parts)

    return Field(path, Shape.ANY, read)


def _tags(case: Case) -> object:
    subject = case.subject
    return sorted(subject.tags) if subject.tags == subject.perhaps else Absent.UNKNOWN


_COMPONENT: Final[Mapping[str, tuple[Shape, Read]]] = {
    "name": (Shape.TEXT, lambda case: case.subject.used_name or Absent.UNKNOWN),
    "namespace": (Shape.TEXT, lambda case: case.component.namespace or Absent.MISSING),
    "tags": (Shape.LIST, _tags),
    "version": (Shape.TEXT, lambda case: case.component.version or Absent.MISSING),
}
_COMPONENT_WORDS: Final = (*_COMPONENT, "args")


def _component(path: str, kind: Kind, parts: list[str]) -> Field:
    word = parts[0] if parts else ""
    if word == "args":
        return _arguments(path, parts[1:], kind)
    if len(parts) != 1 or word not in _COMPONENT:
        raise UnknownField(".".join(parts), _COMPONENT_WORDS)
    shape, value = _COMPONENT[word]

    def read(case: Case) -> object:
        return value(case) if case.component.kind is kind else Absent.MISSING

    return Field(path, shape, read, kind=kind)


def _clock(read: Callable[[datetime], object]) -> Read:
    def value(case: Case) -> object:
        now = case.request.now
        if now is None:
            return Absent.UNKNOWN
        try:
            return read(datetime.fromtimestamp(now, case.zone).astimezone(case.zone))
        except (ValueError, OverflowError, OSError):  # beyond what a calendar has
            return Absent.UNKNOWN

    return value


_REQUEST: Final[Mapping[str, tuple[Shape, Read, bool]]] = {
    "action": (Shape.TEXT, lambda case: str(case.request.action), False),
    "time": (
        Shape.NUMBER,
        lambda case: Absent.UNKNOWN if case.request.now is None else case.request.now,
        True,
    ),
    "hour": (Shape.NUMBER, _clock(lambda moment: moment.hour), True),
    "weekday": (Shape.TEXT, _clock(lambda moment: WEEKDAYS[moment.weekday()]), True),
}


def _request(path: str, parts: list[str]) -> Field:
    word = ".".join(parts)
    if word not in _REQUEST:
        raise UnknownField(word, tuple(_REQUEST))
    shape, read, changing = _REQUEST[word]
    return Field(path, shape, read, changing=changing)
