"""Proposals as a policy file: what is granted stands there, all else in comments to be taken up.

Names come from servers: none can end its comment or its list, or be a glob. The file stays valid
when ``# `` is taken away from every line below ``version``.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from mcp_local.cli.policy.proposal import Level, why_unnameable
from mcp_local.policy.model import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mcp_local.cli.policy.proposal import Proposal

SECTIONS = {Kind.TOOL: "tools", Kind.RESOURCE: "resources", Kind.PROMPT: "prompts"}
"""Kind → the key of a grant that names components of it."""
_PLAIN = re.compile(r"[A-Za-z]+(?:[_-][A-Za-z0-9_-]*)?")
_YAML_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
_ABOUT = {
    Level.READER: "who may look",
    Level.WRITER: "who may change things",
    Level.ADMIN: "who may destroy things, and what nothing is known of",
}
_WHY_COLUMN = 48


def write_draft(proposals: Sequence[Proposal], source: str) -> str:
    """Return the text of a policy file; ``source`` says in a word or two what was looked at."""
    named = [each for each in proposals if not why_unnameable(each.kind, each.name)]
    lines = [*_head(source, proposals), "version: 1", "default: deny"]
    active = any(each.granted for each in named)
    if named:
        lines += ["", "roles:" if active else "# roles:"]
    lower = None
    for level in Level:
        if of_level := [each for each in named if each.level is level]:
            lines += _role(level, of_level, lower)
            lower = level
    return "\n".join(lines) + "\n"


def quoted(name: str) -> str:
    """Return a name as YAML says it, standing for itself only: a glob's signs in brackets."""
    literal = re.sub(r"[*?\[]", r"[\g<0>]", name)
    if _PLAIN.fullmatch(literal) and literal.lower() not in _YAML_WORDS:
        return literal
    return json.dumps(literal, ensure_ascii=False)


def _head(source: str, proposals: Sequence[Proposal]) -> Iterator[str]:
    granted = sum(each.granted for each in proposals)
    yield f"# A first policy for {json.dumps(source)[1:-1]}, from what it has today."
    yield f"# Granted is what is marked read-only: {granted} of {len(proposals)}."
    yield "# The rest stands in comments: take the `# ` away from what you agree with, and from the"
    yield "# lines above it that it belongs to. Rename the roles to the values of your app roles."
    for each in proposals:
        if why := why_unnameable(each.kind, each.name):
            yield f"# Can't be named in a policy, as {why}: {each.kind} {json.dumps(each.name)}"


def _role(level: Level, proposals: Sequence[Proposal], lower: Level | None) -> Iterator[str]:
    mark = "" if any(each.granted for each in proposals) else "# "
    yield _with_why(f"  {mark}{level}:", _ABOUT[level])
    if lower is not None:
        yield f"  {mark}  includes: [{lower}]"
    for kind, section in SECTIONS.items():
        entries = [each for each in proposals if each.kind is kind]
        if entries:
            yield from _section(section, entries, outer=mark)


def _section(section: str, entries: Iterable[Proposal], *, outer: str) -> Iterator[str]:
    ordered = sorted(entries, key=lambda each: not each.granted)
    inner = "" if outer or ordered[0].granted else "# "
    yield f"  {outer}  {inner}{section}:"
    for each in ordered:
        mark = "" if outer or inner or each.granted else "# "
        yield _with_why(f"  {outer}  {inner}  {mark}- {quoted(each.name)}", each.why)


def _with_why(line: str, why: str) -> str:
    return f"{line:{_WHY_COLUMN}}  # {why}"
