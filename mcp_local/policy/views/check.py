"""What is right in a policy's grammar and yet looks like a mistake: the warnings of ``check``."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

import msgspec

from mcp_local.policy.document import ANY_ROLE, Mode, Operator
from mcp_local.policy.model import Effect
from mcp_local.policy.problems import Origin, Problem, problem
from mcp_local.policy.views.check_inventory import of_inventory
from mcp_local.policy.views.unreachable import as_rules, unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mcp_local.policy.deciding.engine import CompiledPolicy
    from mcp_local.policy.document import Condition, Document, Rule
    from mcp_local.policy.model import Component

_SQL: Final = re.compile(
    r"\b(select|insert|update|delete|drop|alter|create|truncate)\b", re.IGNORECASE
)
_OF_TEXT: Final = frozenset(
    {Operator.REGEX, Operator.NOT_REGEX, Operator.STARTS_WITH, Operator.CONTAINS,
     Operator.NOT_CONTAINS}
)  # fmt: skip


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
    none of them and what no role reaches is told as well.
    """
    found = [warning for document in documents for warning in _of_document(document)]
    rules = [rule for document in documents for rule in document.rules]
    found += _of_rules(rules, list(as_rules(documents, policy)))
    found += _of_roles(documents)
    found += of_inventory(documents, policy, inventory)
    return tuple(sorted(found, key=lambda each: (each.file, each.line, each.column)))


def _of_document(document: Document) -> Iterator[Problem]:
    yield from document.remarks
    if document.mode is Mode.OBSERVE:
        message = "lets through, and logs, what only the default refuses"
        hint = "Say `mode: enforce` once the log shows nothing that shouldn't pass."
        yield problem(document.mode_origin or Origin(document.file), "mode", message, hint)
    if document.default is Effect.ALLOW:
        message = "lets everybody signed in use what no rule speaks of"
        hint = "Say `default: deny`, and allow what is meant."
        yield problem(document.default_origin or Origin(document.file), "default", message, hint)
    for grant in document.grants:
        if not (grant.includes or grant.tags or any(msgspec.structs.astuple(grant.selection))):
            yield problem(grant.origin, f"roles.{grant.role}", "grants nothing")


def _of_rules(rules: Sequence[Rule], granted: Sequence[Rule]) -> Iterator[Problem]:
    for rule, first in unreachable(rules, granted):
        message = f"never decides: {first.name} of line {first.origin.line} always does before it"
        hint = "Give it a higher `priority`, or leave it out."
        yield problem(rule.origin, f"rules.{rule.name}", message, hint)
    for rule in rules:
        if rule.effect is Effect.ALLOW and _rests_on_client(rule):
            message = "allows by what a client calls itself, and any program can call itself so"
            yield problem(rule.origin, f"rules.{rule.name}", message, "Let it ask, or use roles.")
        for condition in rule.when:
            if _reads_sql(condition):
                message = "looks for words of SQL: `SELECT 1; DROP TABLE x` begins as a select, too"
                hint = "Use `sql_only` or `sql_not_only`, which read it with a parser."
                yield problem(condition.origin, f"rules.{rule.name}.when", message, hint)
            if _is_mixed(condition):
                message = "compares with values of several types: of others it is always unknown"
                hint = 'Write all of them as texts ("1"), as numbers, or as true and false.'
                yield problem(condition.origin, f"rules.{rule.name}.when", message, hint)


def _rests_on_client(rule: Rule) -> bool:
    agents = rule.agents
    if agents is not None and (agents.agent_id or agents.patterns):
        return True
    return any(condition.field == "user.agent_id" for condition in rule.when)


def _reads_sql(condition: Condition) -> bool:
    return (
        condition.operator in _OF_TEXT
        and "args." in condition.field
        and isinstance(condition.value, str)
        and _SQL.search(condition.value) is not None
    )


def _is_mixed(condition: Condition) -> bool:
    values = condition.value if isinstance(condition.value, tuple) else ()
    return len({float if type(each) is int else type(each) for each in values}) > 1


def _of_roles(documents: Sequence[Document]) -> Iterator[Problem]:
    """Tell of roles in rules that nobody has, as far as the grants tell the app's roles."""
    granted = {grant.role for document in documents for grant in document.grants}
    lowered = {role.lower(): role for role in granted}
    told: set[str] = set()
    for document in documents:
        for rule in document.rules:
            for role in rule.agents.roles if rule.agents else ():
                if not granted or role in granted or role == ANY_ROLE or role in told:
                    continue
                told.add(role)
                near = get_close_matches(role.lower(), lowered, n=1, cutoff=0.8)
                message = f"is for the role `{role}`, of which `roles` doesn't speak"
                hint = (
                    f"Did you mean {lowered[near[0]]!r}?"
                    if near
                    else (f"If the app has it, add `{role}: {{}}` to `roles`.")
                )
                yield problem(rule.origin, f"rules.{rule.name}.agents.roles", message, hint)
