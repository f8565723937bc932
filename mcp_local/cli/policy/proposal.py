"""A first policy's proposals: which role could get what, and why. Grants what is marked read-only.

What a server says of itself is a claim (SECURITY.md M10): a mark that its own name contradicts
grants nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from mcp_local.policy.model import Kind
from mcp_local.policy.vocabulary.uris import fault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mcp_local.policy.model import Component


class Level(StrEnum):
    """The roles that are proposed, each including those before it; to be renamed by people."""

    READER = "Reader"
    WRITER = "Writer"
    ADMIN = "Admin"


@dataclass(frozen=True, slots=True)
class Proposal:
    """One component for one role."""

    kind: Kind
    name: str
    level: Level
    granted: bool
    """Whether it stands in the policy; else only in a comment, ready to be taken up."""
    why: str


_VERBS = {
    Level.READER: "cat check count describe diff fetch find get info inspect list load lookup ls "
    "peek ping query read search show status summarize tail validate view",
    Level.WRITER: "add append apply archive assign cancel close commit copy create disable edit "
    "enable execute grant import insert invite merge modify move open patch post publish push put "
    "register rename replace restart restore run save send set start stop submit sync update "
    "upload upsert write",
    Level.ADMIN: "clear delete destroy drop erase kill purge remove reset revoke truncate "
    "uninstall unregister wipe",
}
_LEVEL_OF = {verb: level for level, verbs in _VERBS.items() for verb in verbs.split()}
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


def propose(components: Iterable[Component]) -> list[Proposal]:
    """Return one proposal for each name, in their order; of several versions the most cautious."""
    found: dict[tuple[Kind, str], Proposal] = {}
    for component in components:
        proposal = _proposal(component)
        before = found.setdefault((component.kind, component.name), proposal)
        if _caution(proposal) > _caution(before):
            found[component.kind, component.name] = proposal
    return list(found.values())


def why_unnameable(kind: Kind, name: str) -> str:
    """Return why no policy can name it; empty if one can."""
    if not name or not name.isprintable() or name != name.strip():
        return "its name has blanks at an end or characters that can't be printed"
    if kind is Kind.RESOURCE and (what := fault(name)):
        return f"its address holds {what}"
    return ""


def _caution(proposal: Proposal) -> tuple[bool, int]:
    return not proposal.granted, list(Level).index(proposal.level)


def _proposal(component: Component) -> Proposal:
    if component.kind is Kind.TOOL:
        level, granted, why = _tool(component)
    elif component.annotations.get("readOnlyHint") is True:
        level, granted, why = Level.READER, True, "marked read-only"
    elif component.kind is Kind.RESOURCE:
        level, granted, why = Level.READER, False, "not marked; nothing says who may read it"
    else:
        level, granted, why = Level.READER, False, "a prompt: a text for the model to start from"
    return Proposal(component.kind, component.name, level, granted, why)


def _tool(component: Component) -> tuple[Level, bool, str]:
    """Return who could use a tool, whether that is granted, and why."""
    verb, by_name = _by_name(component.name)
    says = f"its name says `{verb}`"
    read_only = component.annotations.get("readOnlyHint")
    if component.annotations.get("destructiveHint") is True:
        also = "marked read-only and destructive" if read_only is True else "marked destructive"
        return Level.ADMIN, False, also
    if read_only is True:
        if by_name in {None, Level.READER}:
            return Level.READER, True, "marked read-only"
        return by_name or Level.ADMIN, False, f"marked read-only, but {says}: look first"
    if read_only is False and by_name is not Level.ADMIN:
        return Level.WRITER, False, "marked as changing things"
    if by_name is None:
        return Level.ADMIN, False, "not marked, and its name doesn't say what it does"
    return by_name, False, f"not marked; {says}"


def _by_name(name: str) -> tuple[str, Level | None]:
    """Return the verb that the name is judged by: any that destroys, else the first known."""
    words = [word.lower() for word in _WORD.findall(name)]
    known = [word for word in words if word in _LEVEL_OF]
    destroys = [word for word in known if _LEVEL_OF[word] is Level.ADMIN]
    verb = next(iter([*destroys, *known]), "")
    return verb, _LEVEL_OF.get(verb)
