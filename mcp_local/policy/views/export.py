"""Document → text: canonical YAML and JSON. Read again, it is the same policy.

What a file says in its comments isn't part of the model, and is left out. Rules stand in the order
in which they are tried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import msgspec
import yaml

from mcp_local.policy.document import STANDARD_PRIORITY, Operator
from mcp_local.policy.model import CALL_ONLY, Effect
from mcp_local.policy.reading.parse_rules import span_text
from mcp_local.policy.vocabulary.literals import as_json, hides, number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mcp_local.policy.document import (
        Agents,
        Components,
        Condition,
        Document,
        Grant,
        Rule,
        Selection,
        Value,
    )

_BY_CAUTION = (Effect.DENY, Effect.ASK, Effect.ALLOW)
_WIDTH = 100


class _Dumper(yaml.SafeDumper):
    """Writes long numbers so that they are read as numbers again."""


def _write_number(_: yaml.SafeDumper, value: float) -> yaml.ScalarNode:
    return yaml.ScalarNode("tag:yaml.org,2002:float", number(value))


_Dumper.add_representer(float, _write_number)


def to_yaml(document: Document) -> str:
    """Return the policy as YAML of our language, whatever language it was read in."""
    text = _dump(document, allow_unicode=True)
    return _dump(document, allow_unicode=False) if hides(text) else text


def _dump(document: Document, *, allow_unicode: bool) -> str:
    return yaml.dump(
        plain(document),
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=None,
        allow_unicode=allow_unicode,
        width=_WIDTH,
    )


def to_json(document: Document) -> str:
    """Return the policy as JSON, which can be read as a policy file, too."""
    return as_json(plain(document)) + "\n"


def plain(document: Document) -> dict[str, object]:
    """Return the policy as mappings, lists and scalars, in the words of a file."""
    return _said(
        version=1,
        name=document.name,
        description=document.description,
        created_by=document.created_by,
        labels=document.labels,
        mode=document.mode and str(document.mode),
        default=document.default and str(document.default),
        roles={grant.role: _grant(grant) for grant in document.grants},
        tags={each.tag: _selection(each.selection) for each in document.taggings},
        rules=[_rule(rule) for rule in in_order(document.rules)],
    )


def in_order(rules: Sequence[Rule]) -> list[Rule]:
    """Return rules in the order in which they are tried (POLICY.md 2)."""
    return sorted(rules, key=lambda r: (-r.priority, _BY_CAUTION.index(r.effect), r.name))


def _grant(grant: Grant) -> dict[str, object]:
    return _said(
        includes=[reference.name for reference in grant.includes],
        tags=grant.tags,
        **_selection(grant.selection),
        actions=[str(action) for action in grant.actions],
    )


def _selection(selection: Selection) -> dict[str, object]:
    return _said(tools=selection.tools, resources=selection.resources, prompts=selection.prompts)


def _rule(rule: Rule) -> dict[str, object]:
    return _said(
        name=rule.name,
        description=rule.description,
        effect=str(rule.effect),
        priority=None if rule.priority == STANDARD_PRIORITY else rule.priority,
        agents=_agents(rule.agents),
        tools=_components(rule.tools),
        resources=_components(rule.resources, names="uris"),
        prompts=_components(rule.prompts),
        actions=[str(action) for action in rule.actions],
        when=[_condition(each) for each in rule.when],
        reason=rule.reason,
        remember=None if rule.remember == CALL_ONLY else span_text(rule.remember),
        redact=rule.redact,
    )


def _agents(agents: Agents | None) -> object:
    return _said(**msgspec.structs.asdict(agents)) if agents else None


def _components(components: Components | None, *, names: str = "names") -> object:
    if components is None:
        return None
    hints = components.annotations
    said = _said(
        **{names: components.names},
        patterns=components.patterns,
        namespaces=components.namespaces,
        schemes=components.schemes,
        tags=components.tags,
        annotations=_hints(msgspec.structs.asdict(hints)) if hints else None,
    )
    return said or {"patterns": ["*"]}


def _hints(hints: Mapping[str, object]) -> dict[str, object]:
    return {name: hint for name, hint in hints.items() if hint is not None}


def _condition(condition: Condition) -> dict[str, object]:
    if condition.operator is Operator.CONDITION:
        return {"condition": condition.value}
    return {
        "field": condition.field,
        "operator": str(condition.operator),
        "value": _value(condition.value),
    }


def _value(value: Value) -> object:
    return list(value) if isinstance(value, tuple) else value


def _said(**fields: object) -> dict[str, object]:
    """Return what isn't left out, with tuples as the lists that they are in a file."""
    return {
        key: list(cast("tuple[object, ...]", value)) if isinstance(value, tuple) else value
        for key, value in fields.items()
        if value is not None and value not in ((), [], {}, "")
    }
