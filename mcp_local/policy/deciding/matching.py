"""Is a component meant: by name, tag, namespace, scheme, annotations. True, false, or not known.

What will be read through a URI template isn't known until there is a URI; then what depends on it
is unknown, and treated as every unknown is (POLICY.md 3, 5).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mcp_local.policy.model import Kind
from mcp_local.policy.vocabulary.globs import Glob
from mcp_local.policy.vocabulary.operators import every
from mcp_local.policy.vocabulary.uris import decoded, decoded_glob

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mcp_local.policy.document import Hints
    from mcp_local.policy.model import Component
    from mcp_local.policy.vocabulary.operators import Truth

_HINTS: Final = {
    "read_only": "readOnlyHint",
    "destructive": "destructiveHint",
    "idempotent": "idempotentHint",
    "open_world": "openWorldHint",
}
"""MCP's names of the hints (specification, ToolAnnotations)."""
_NONE: Final[tuple[object, ...]] = (None,) * len(_HINTS)


def hints_of(component: Component) -> tuple[object, ...]:
    """Return the hints of a tool in the order of ``Hints``; what isn't true or false is none."""
    if not component.annotations:
        return _NONE
    said = (component.annotations.get(name) for name in _HINTS.values())
    return tuple(hint if isinstance(hint, bool) else None for hint in said)


@dataclass(frozen=True, slots=True)
class Subject:
    """A component in the eyes of matchers."""

    kind: Kind
    name: str
    uri: str
    """The concrete URI where ``name`` is a template and the URI is known."""
    tags: frozenset[str]
    """What it is certainly tagged with."""
    perhaps: frozenset[str]
    """The same, and what depends on a URI that isn't known."""
    template: bool
    namespace: str
    hints: tuple[object, ...]

    @property
    def open(self) -> bool:
        """Whether it isn't known yet what is read through the template."""
        return self.template and not self.uri

    @property
    def used_name(self) -> str:
        """What is used: the name, or the URI; empty where it isn't known."""
        return self.uri if self.template else self.name


def subject_of(component: Component) -> Subject:
    """Return the component as matchers see it, with no tags but its own."""
    return Subject(
        kind=component.kind,
        name=component.name,
        uri=component.uri,
        tags=component.tags,
        perhaps=component.tags,
        template=component.template,
        namespace=component.namespace,
        hints=hints_of(component) if component.kind is Kind.TOOL else (),
    )


class Names:
    """Names and globs; any of them matches."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = frozenset(texts)
        self.globs = tuple(Glob(text) for text in sorted(self._texts))
        self._wild = tuple(glob for glob in self.globs if glob.wild)
        self.encoded = {
            glob: Glob(decoded_glob(glob.text)) for glob in self.globs if "%" in glob.text
        }
        """What they are without encoded characters; left out where there are none."""

    def match(self, subject: Subject) -> Truth:
        """Tell whether the component is meant: by its name, its template's text, or the URI.

        A glob must fit the URI that is read through a template, not the template's text, whose
        braces would fit ``?`` or ``[!s]``.
        """
        if not subject.template:
            return self._has(subject.name)
        if subject.name in self._texts:
            return True
        if subject.uri:
            return self._is_read(subject.uri)
        if any(glob.covers(subject.name) for glob in self._wild):
            return True
        return None if any(glob.may_match(subject.name) for glob in self.globs) else False

    def _is_read(self, uri: str) -> Truth:
        """Tell whether a URI is meant that is read through a template.

        Servers decode what is encoded, and leave out of a query what they don't know. Where a glob
        fits one of these readings only, it isn't known.
        """
        if "?" not in uri and "%" not in uri and not self.encoded:
            return self._has(uri)
        unknown = False
        for glob in self.globs:
            fits = set(self._readings(glob, uri))
            if fits == {True}:
                return True
            unknown = unknown or True in fits
        return None if unknown else False

    def _readings(self, glob: Glob, uri: str) -> Iterator[bool]:
        whole = (uri,) if "?" in glob.text else (uri, uri.partition("?")[0])
        for text in whole:
            yield glob.matches(text)
            yield self.encoded.get(glob, glob).matches(decoded(text))

    def _has(self, name: str) -> bool:
        return name in self._texts or any(glob.matches(name) for glob in self._wild)


@dataclass(frozen=True, slots=True)
class Matcher:
    """Components that have everything that is asked for; what is empty is not asked for."""

    kinds: frozenset[Kind]
    names: tuple[Names, ...] = ()
    """Each of these must match."""
    tags: frozenset[str] = frozenset()
    """Any of these."""
    namespaces: frozenset[str] = frozenset()
    """Any of these."""
    schemes: frozenset[str] = frozenset()
    """Any of these, in lower case."""
    hints: tuple[tuple[int, bool], ...] = ()
    """Each of these: the place in ``Hints``, and what must stand there."""

    def match(self, subject: Subject) -> Truth:
        """Tell whether the component is meant."""
        if subject.kind not in self.kinds or not self._marked(subject):
            return False
        if not self.names and not self.tags and not self.schemes:
            return True
        truths = [names.match(subject) for names in self.names]
        if self.tags:
            truths.append(self._tagged(subject))
        if self.schemes:
            truths.append(self._in_scheme(subject))
        return every(truths)

    def _marked(self, subject: Subject) -> bool:
        """Judge what is certain even of a template."""
        if self.namespaces and subject.namespace not in self.namespaces:
            return False
        return all(subject.hints[place] is wanted for place, wanted in self.hints)

    def _tagged(self, subject: Subject) -> Truth:
        if not self.tags.isdisjoint(subject.tags):
            return True
        return False if self.tags.isdisjoint(subject.perhaps) else None

    def _in_scheme(self, subject: Subject) -> Truth:
        scheme, colon, _ = (subject.used_name or subject.name).partition(":")
        if "{" in scheme or (subject.open and not colon):
            return None
        return bool(colon) and scheme.lower() in self.schemes


def hints_wanted(hints: Hints | None) -> tuple[tuple[int, bool], ...]:
    """Return what the annotations must say, as :class:`Matcher` takes it."""
    if hints is None:
        return ()
    said: Mapping[str, bool | None] = {name: getattr(hints, name) for name in _HINTS}
    return tuple(
        (place, wanted) for place, wanted in enumerate(said.values()) if wanted is not None
    )
