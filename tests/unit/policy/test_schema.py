"""The JSON Schema of the language: up to date, and as strict as the parser about shapes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from mcp_local.policy.document import Operator
from mcp_local.policy.problems import InvalidPolicy
from mcp_local.policy.reading.parse import parse_policy
from mcp_local.policy.reading.schema import json_schema, schema_text
from mcp_local.policy.views.export import plain
from tests.support.policies import documents

COMMITTED = Path(__file__).parents[3] / "docs" / "policy.schema.json"
VALIDATOR: Any = jsonschema.Draft7Validator(json_schema())


def test_the_committed_schema_is_up_to_date() -> None:
    """To write it anew: `mcp-local policy schema > docs/policy.schema.json`."""
    assert COMMITTED.read_text(encoding="utf-8") == schema_text()
    jsonschema.Draft7Validator.check_schema(json_schema())


def test_everything_is_described() -> None:
    """An editor has a word for every key."""
    definitions: dict[str, Any] = json.loads(schema_text())
    for part in (definitions, *definitions["definitions"].values()):
        for key, value in part["properties"].items():
            assert value.get("description"), key
            assert "``" not in value["description"]


@given(documents())
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
def test_every_valid_policy_is_accepted(document: Any) -> None:
    """What the parser takes, the schema takes."""
    VALIDATOR.validate(plain(document))


def test_every_operator_is_there() -> None:
    """With a value that fits it."""
    schema: dict[str, Any] = json_schema()
    operators = schema["definitions"]["condition"]["properties"]["operator"]["enum"]
    assert set(operators) == {str(each) for each in Operator} - {"condition"}


RULE = "rules: [{name: a, effect: deny, %s}]"
WHEN = RULE % "when: [%s]"

MISTAKES = [
    "version: 2",
    "version: '1'",
    "roles: []",
    "roles: {A: {tags: read}}",
    "roles: {A: {tags: []}}",
    "roles: {A: {tag: [x]}}",
    "roles: {'*': {tags: [x]}}",
    "roles: {a b: {tags: [x]}}",
    "roles: {A: {actions: [fly], tags: [x]}}",
    "tags: {x: {}}",
    "tags: {x: {tags: [y]}}",
    "default: ask",
    "mode: watch",
    "rules: []",
    "rules: [{effect: deny}]",
    "rules: [{name: a}]",
    "rules: [{name: a, effect: refuse}]",
    RULE % "agents: {}",
    RULE % "agents: {role: [A]}",
    RULE % "tools: {uris: [a]}",
    RULE % "tools: {schemes: [a]}",
    RULE % "resources: {names: [a]}",
    RULE % "resources: {annotations: {read_only: true}}",
    RULE % "prompts: {annotations: {read_only: true}}",
    RULE % "tools: {annotations: {readOnly: true}}",
    RULE % "tools: {annotations: {read_only: sure}}",
    RULE % "tools: {annotations: {read_only: 'true'}}",
    RULE % "priority: high",
    RULE % "priority: 1.5",
    RULE % "remember: forever",
    RULE % "redact: args.password",
    WHEN % "",
    WHEN % "{field: args.a, operator: equals}",
    WHEN % "{field: args.a, operator: like, value: x}",
    WHEN % "{field: args.a, operator: in, value: x}",
    WHEN % "{field: args.a, operator: equals, value: [x]}",
    WHEN % "{field: args.a, operator: exists, value: 1}",
    WHEN % "{field: args.a, operator: regex, value: 1}",
    WHEN % "{field: args.a, operator: sql_only, value: [choose]}",
    WHEN % "{field: sql, operator: equals, value: x}",
    WHEN % "{condition: x, field: args.a}",
    WHEN % "{condition: 1}",
]


@pytest.mark.parametrize("text", MISTAKES)
def test_structural_mistakes_are_refused(text: str) -> None:
    """What the parser refuses for its shape, the schema refuses, too."""
    with pytest.raises(InvalidPolicy):
        parse_policy(text, "policy.yaml")
    assert not VALIDATOR.is_valid(yaml.safe_load(text))
