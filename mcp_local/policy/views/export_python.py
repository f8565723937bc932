"""Document → Python: a module whose ``policy`` is the same policy, made with the builder."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from mcp_local.policy.document import STANDARD_PRIORITY, Mode, Operator
from mcp_local.policy.model import CALL_ONLY, Effect
from mcp_local.policy.reading.parse_rules import span_text
from mcp_local.policy.views.export import in_order
from mcp_local.policy.vocabulary.literals import as_python

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mcp_local.policy.document import Agents, Components, Condition, Document, Rule, Selection

_WHO = {
    "roles": "for_roles",
    "user_id": "for_users",
    "tenant": "for_tenants",
    "groups": "for_groups",
    "scopes": "for_scopes",
    "agent_id": "for_clients",
    "patterns": "for_patterns",
}

_EVERY_ONE = {"patterns": ("*",)}
"""What a matcher without any field matches; in Python, as in a file, that must be said."""


def to_python(document: Document) -> str:
    """Return a module of builder calls."""
    words = sorted({"Policy", *(str(rule.effect) for rule in document.rules)})
    calls = "".join(f"    {call}\n" for call in _calls(document))
    return (
        f"from mcp_local.policy import {', '.join(words)}\n\n"
        f"policy = (\n    {_start(document)}\n{calls})\n"
    )


def _start(document: Document) -> str:
    start = "allow_by_default" if document.default is Effect.ALLOW else "deny_by_default"
    about = {
        "name": document.name,
        "description": document.description,
        "created_by": document.created_by,
        "labels": document.labels,
    }
    return f"Policy.{start}({_keywords(about)})"


def _calls(document: Document) -> Iterator[str]:
    if document.mode is Mode.OBSERVE:
        yield ".observing()"
    for grant in document.grants:
        fields = {
            "includes": [reference.name for reference in grant.includes],
            "tags": grant.tags,
            **_selection(grant.selection),
            "actions": [str(action) for action in grant.actions],
        }
        yield f".grant({_arguments([grant.role], fields)})"
    for tagging in document.taggings:
        yield f".tag({_arguments([tagging.tag], _selection(tagging.selection))})"
    for rule in in_order(document.rules):
        steps = "".join(f"\n        {step}" for step in _rule(rule))
        yield f".add({steps}\n    )"


def _selection(selection: Selection) -> dict[str, Sequence[str]]:
    return {
        "tools": selection.tools,
        "resources": selection.resources,
        "prompts": selection.prompts,
    }


def _rule(rule: Rule) -> Iterator[str]:
    yield f"{rule.effect}({as_python(rule.name)})"
    yield from _agents(rule.agents)
    for kind in ("tools", "resources", "prompts"):
        yield from _components(kind, getattr(rule, kind))
    if rule.actions:
        yield f".on({_arguments([str(action) for action in rule.actions])})"
    for condition in rule.when:
        yield _condition(condition)
    if rule.priority != STANDARD_PRIORITY:
        yield f".priority({rule.priority})"
    if rule.remember != CALL_ONLY:
        yield f".remember({as_python(span_text(rule.remember))})"
    if rule.redact:
        yield f".redact({_arguments(rule.redact)})"
    if rule.description:
        yield f".described({as_python(rule.description)})"
    if rule.reason:
        yield f".because({as_python(rule.reason)})"


def _agents(agents: Agents | None) -> Iterator[str]:
    for field, call in _WHO.items() if agents else ():
        if values := getattr(agents, field):
            yield f".{call}({_arguments(values)})"


def _components(kind: str, components: Components | None) -> Iterator[str]:
    if components is None:
        return
    hints = components.annotations
    fields: dict[str, object] = {
        "uris" if kind == "resources" else "names": components.names,
        "patterns": components.patterns,
        "namespaces": components.namespaces,
        "schemes": components.schemes,
        "tags": components.tags,
    }
    flags = ("read_only", "destructive", "idempotent", "open_world")
    fields |= {flag: getattr(hints, flag) for flag in flags if hints}
    yield f".{kind}({_keywords(fields) or _keywords(_EVERY_ONE)})"


def _condition(condition: Condition) -> str:
    if condition.operator is Operator.CONDITION:
        return f".when_condition({as_python(condition.value)})"
    operator = "in_" if condition.operator is Operator.IN else str(condition.operator)
    value = as_python(condition.value)
    prefix, _, name = condition.field.partition(".")
    if prefix == "args":
        return f".when_arg({as_python(name)}, {operator}={value})"
    return f".when({as_python(condition.field)}, {operator}={value})"


def _arguments(positional: Sequence[str], fields: dict[str, Sequence[str]] | None = None) -> str:
    words = [as_python(each) for each in positional]
    return ", ".join(filter(None, [*words, _keywords(fields or {})]))


def _keywords(fields: object) -> str:
    """Return keyword arguments of what isn't left out."""
    given = cast("dict[str, object]", fields)
    return ", ".join(
        f"{key}={as_python(value)}"
        for key, value in given.items()
        if value is not None and value not in ((), [], "")
    )
