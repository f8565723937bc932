"""What a policy itself speaks of, where no server is there to say what it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_local.policy.model import Component, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mcp_local.policy.document import Components, Document, Selection


def spoken_of(documents: Sequence[Document]) -> list[Component]:
    """Return a component for every name, glob and tag in the policy, in its order.

    A glob stands for what it fits, a tag for any tool that carries it.
    """
    found = [each for document in documents for each in _of_document(document)]
    return list(dict.fromkeys(found))


def _of_document(document: Document) -> Iterator[Component]:
    for grant in document.grants:
        yield from _tagged(grant.tags)
        yield from _selected(grant.selection)
    for tagging in document.taggings:
        yield from _selected(tagging.selection)
    for rule in document.rules:
        for kind, matcher in (
            (Kind.TOOL, rule.tools),
            (Kind.RESOURCE, rule.resources),
            (Kind.PROMPT, rule.prompts),
        ):
            if matcher is not None:
                yield from _matched(kind, matcher)


def _selected(selection: Selection) -> Iterator[Component]:
    yield from (Component(Kind.TOOL, name) for name in selection.tools)
    yield from (
        Component(Kind.RESOURCE, name, template="{" in name) for name in selection.resources
    )
    yield from (Component(Kind.PROMPT, name) for name in selection.prompts)


def _matched(kind: Kind, matcher: Components) -> Iterator[Component]:
    namespace = matcher.namespaces[0] if matcher.namespaces else ""
    tags = frozenset(matcher.tags[:1])
    for name in (*matcher.names, *matcher.patterns):
        yield Component(kind, name, tags, namespace, template="{" in name)
    if not (matcher.names or matcher.patterns):
        yield from _tagged(matcher.tags, kind)


def _tagged(tags: Sequence[str], kind: Kind = Kind.TOOL) -> Iterator[Component]:
    for tag in tags:
        name = f"tagged:{tag}" if kind is Kind.RESOURCE else f"(tagged {tag})"
        yield Component(kind, name, frozenset({tag}))
