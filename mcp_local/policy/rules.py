"""Rules: whose, of which components, for which actions. All forms of the language come to these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcp_local.policy.document import STANDARD_PRIORITY
from mcp_local.policy.globs import Glob
from mcp_local.policy.model import Action, Effect, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mcp_local.policy.problems import Origin

_BY_CAUTION = {Effect.DENY: 0, Effect.ASK: 1, Effect.ALLOW: 2}


@dataclass(frozen=True, slots=True)
class Subject:
    """A component in the eyes of matchers."""

    kind: Kind
    name: str
    uri: str
    """The concrete URI where ``name`` is a template and the URI is known."""
    tags: frozenset[str]
    template: bool
    listing: bool
    """Only the list is asked for: what will be read through a template isn't known yet."""


class Names:
    """Names and globs; any of them matches."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = frozenset(texts)
        self.globs = tuple(Glob(text) for text in sorted(self._texts))
        self._wild = tuple(glob for glob in self.globs if glob.wild)

    def match(self, subject: Subject) -> bool:
        """Tell whether the component is meant: by its name, its template's text, or the URI.

        A glob must fit the URI that is read through a template, not the template's text, whose
        braces would fit ``?`` or ``[!s]``. Where the URI isn't known, a list shows the template if
        the glob *may* fit (POLICY.md 3); everything else wants it to fit whatever the URI.
        """
        if not subject.template:
            return self._has(subject.name)
        if subject.name in self._texts:
            return True
        if subject.uri:
            return self._has(subject.uri)
        if subject.listing:
            return any(glob.may_match(subject.name) for glob in self.globs)
        return any(glob.covers(subject.name) for glob in self._wild)

    def _has(self, name: str) -> bool:
        return name in self._texts or any(glob.matches(name) for glob in self._wild)


@dataclass(frozen=True, slots=True)
class Matcher:
    """Components that have everything that is asked for; what is ``None`` is not asked for."""

    kinds: frozenset[Kind]
    names: Names | None = None
    tags: frozenset[str] | None = None
    """Any of these."""

    def match(self, subject: Subject) -> bool:
        """Tell whether the component is meant."""
        return (
            subject.kind in self.kinds
            and (self.names is None or self.names.match(subject))
            and (self.tags is None or not self.tags.isdisjoint(subject.tags))
        )


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One rule of the ordered list; equal to itself only."""

    name: str
    effect: Effect
    roles: frozenset[str]
    """Applies to whoever has any of these."""
    matchers: tuple[Matcher, ...]
    """Applies to what any of these means."""
    actions: frozenset[Action]
    origin: Origin
    priority: int = STANDARD_PRIORITY

    def is_about(self, action: Action, subject: Subject) -> bool:
        """Tell whether the rule speaks of this use of this component, for whomever."""
        return action in self.actions and any(matcher.match(subject) for matcher in self.matchers)

    def order(self) -> tuple[int, int, str, str, int]:
        """Return the sort key: higher priority first, then caution (POLICY.md 2).

        Name and place only make the order total: the order in and of the files means nothing.
        """
        caution = _BY_CAUTION[self.effect]
        return (-self.priority, caution, self.name, self.origin.file, self.origin.line)
