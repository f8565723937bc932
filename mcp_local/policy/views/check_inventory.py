"""What a policy means for the components that a server has; the rest of the warnings."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mcp_local.errors import did_you_mean
from mcp_local.policy.model import Component, Kind
from mcp_local.policy.problems import Origin, Problem, problem
from mcp_local.policy.views.matrix import CellEffect, matrix
from mcp_local.policy.views.people import component_label
from mcp_local.policy.vocabulary.globs import Glob

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mcp_local.policy.deciding.engine import CompiledPolicy
    from mcp_local.policy.document import Components, Document, Selection
    from mcp_local.policy.views.matrix import Cell, Row


class _Spoken(NamedTuple):
    """A name, glob or tag of the policy, with its place."""

    kind: Kind | None
    """``None``: a tag of any kind of component."""
    text: str
    origin: Origin
    path: str


def of_inventory(
    documents: Sequence[Document], policy: CompiledPolicy, inventory: Sequence[Component]
) -> Iterator[Problem]:
    """Yield what matches nothing, what nobody reaches, and where lists and uses part."""
    if not inventory:
        return
    yield from _idle(documents, inventory)
    table = matrix(policy, inventory)
    origin = Origin(documents[0].file) if documents else Origin("")
    labels = [f"the {each.kind} {component_label(each)}" for each in inventory]
    rows = list(zip(table.rows, labels, strict=True))
    unused = [label for row, label in rows if not any(map(_usable, row.cells))]
    if unused:  # told at once: a policy that grants little leaves many
        yield problem(origin, "", f"lets no role use {', '.join(unused)}")
    for row, label in rows:
        yield from _of_row(row, table.roles, origin, label)


def _of_row(row: Row, roles: Sequence[str], origin: Origin, label: str) -> Iterator[Problem]:
    cells = list(zip(roles, row.cells, strict=True))
    hidden = [role for role, cell in cells if not cell.listed and _usable(cell)]
    useless = [role for role, cell in cells if cell.listed and not _usable(cell)]
    if hidden:
        message = f"doesn't list {label} to {_who(hidden)}, who may use it"
        yield problem(origin, "", message, "Allow `list`, too, or nobody finds it.")
    if useless:
        message = f"lists {label} to {_who(useless)}, who may not use it"
        yield problem(origin, "", message, "Deny `list`, too, or models try it in vain.")


def _usable(cell: Cell) -> bool:
    return cell.effect is not CellEffect.DENY


def _who(roles: Sequence[str]) -> str:
    return ", ".join(role or "everybody signed in" for role in roles)


def _idle(documents: Sequence[Document], inventory: Sequence[Component]) -> Iterator[Problem]:
    names = {kind: [each for each in inventory if each.kind is kind] for kind in Kind}
    given = {tagging.tag for document in documents for tagging in document.taggings}
    tags = given.union(*(each.tags for each in inventory))
    for spoken in (each for document in documents for each in _spoken(document)):
        if spoken.kind is None:
            if spoken.text not in tags:
                message = f"speaks of the tag `{spoken.text}`, which nothing carries"
                yield problem(spoken.origin, spoken.path, message, _meant(spoken.text, tags))
        elif not any(_fits(Glob(spoken.text), each) for each in names[spoken.kind]):
            message = f"speaks of `{spoken.text}`, which is no {spoken.kind} of the server"
            there = (each.name for each in names[spoken.kind])
            yield problem(spoken.origin, spoken.path, message, _meant(spoken.text, there))


def _meant(text: str, there: Iterable[str]) -> str:
    """Return what may have been meant; a list of all that a server has would help nobody."""
    hint = did_you_mean(text, there)
    return hint if "?" in hint else ""


def _fits(glob: Glob, component: Component) -> bool:
    if component.name == glob.text:
        return True
    return glob.may_match(component.name) if component.template else glob.matches(component.name)


def _spoken(document: Document) -> Iterator[_Spoken]:
    for grant in document.grants:
        path = f"roles.{grant.role}"
        yield from _of_selection(grant.selection, grant.origin, path)
        yield from (_Spoken(None, tag, grant.origin, f"{path}.tags") for tag in grant.tags)
    for tagging in document.taggings:
        yield from _of_selection(tagging.selection, tagging.origin, f"tags.{tagging.tag}")
    for rule in document.rules:
        path = f"rules.{rule.name}"
        yield from _of_matcher(rule.tools, Kind.TOOL, rule.origin, f"{path}.tools")
        yield from _of_matcher(rule.resources, Kind.RESOURCE, rule.origin, f"{path}.resources")
        yield from _of_matcher(rule.prompts, Kind.PROMPT, rule.origin, f"{path}.prompts")


def _of_selection(selection: Selection, origin: Origin, path: str) -> Iterator[_Spoken]:
    for kind, texts, key in (
        (Kind.TOOL, selection.tools, "tools"),
        (Kind.RESOURCE, selection.resources, "resources"),
        (Kind.PROMPT, selection.prompts, "prompts"),
    ):
        yield from (_Spoken(kind, text, origin, f"{path}.{key}") for text in texts)


def _of_matcher(
    matcher: Components | None, kind: Kind, origin: Origin, path: str
) -> Iterator[_Spoken]:
    if matcher is not None:
        names = (*matcher.names, *matcher.patterns)
        yield from (_Spoken(kind, text, origin, path) for text in names)
        yield from (_Spoken(None, tag, origin, f"{path}.tags") for tag in matcher.tags)
