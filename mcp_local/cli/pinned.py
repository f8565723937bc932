"""What ``pin`` says: definitions that were approved, and what has changed since."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_local.cli.console import Cell
from mcp_local.guard.definition_changes import How
from mcp_local.guard.definition_record import PINNED, PROMPTS, TEMPLATES, TOOLS, digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mcp_local.guard.definition_changes import Change
    from mcp_local.guard.definition_record import Definitions, Record, ServerKey

SHORT = 12
"""Characters of a SHA-256 that people are shown."""
_NOUNS = {TOOLS: "tool", PROMPTS: "prompt", TEMPLATES: "template"}
_STYLES = {"  +": "green", "  -": "red"}


def approved_rows(approved: Definitions) -> Iterator[tuple[str, str, str]]:
    """Yield what each definition is, its name, and the start of its SHA-256."""
    for which in PINNED:
        for name, definition in approved.lists.get(which, {}).items():
            yield _NOUNS[which], name, digest(definition)[:SHORT]
    if approved.instructions:
        yield "text", "instructions", digest(approved.instructions)[:SHORT]


def change_lines(change: Change) -> Iterator[Cell]:
    """Yield what has changed, and how."""
    what = _NOUNS.get(change.which, "")
    yield Cell(f"{change.how.value}: {what} {change}".replace("  ", " "), "bold")
    for line in change.lines():
        yield Cell(line, _STYLES.get(line[:3], "dim"))


def count_of(approved: Definitions) -> int:
    """Return how many definitions were approved."""
    return sum(len(approved.lists.get(which, {})) for which in PINNED)


def changes_in_short(found: list[Change]) -> Cell:
    """Return how many changes there are of each sort."""
    if not found:
        return Cell("as approved", "green")
    counts = ((how, sum(change.how is how for change in found)) for how in How)
    return Cell(", ".join(f"{count} {how.value}" for how, count in counts if count), "yellow")


def server_document(key: ServerKey, record: Record, found: list[Change]) -> dict[str, object]:
    """Return all that is known of a server, for ``--json``."""
    return {
        "server": key.title,
        "seen": record.offer,
        "approved": [
            {"list": which, "name": name, "sha256": digest(definition)}
            for which in PINNED
            for name, definition in record.approved.lists.get(which, {}).items()
        ],
        "changes": [
            {
                "list": change.which,
                "name": change.name,
                "how": change.how.value,
                "sha256": "" if change.after is None else digest(change.after),
                "diff": change.lines(),
            }
            for change in found
        ],
    }
