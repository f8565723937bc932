"""The JSON Schema of the language, for editors: generated from the structs of the model.

It knows what may stand where, and of which type. What a policy means as a whole (included roles,
globs, expressions, contradictions) only ``policy check`` knows. Draft 7 is what editors speak::

    # yaml-language-server: $schema=policy.schema.json
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import textwrap
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from mcp_local.policy.document import (
    Agents,
    Components,
    Document,
    Grant,
    Hints,
    Mode,
    Reference,
    Rule,
    Selection,
    Tagging,
)
from mcp_local.policy.model import Action, Effect
from mcp_local.policy.reading.parse_rules import MAX_PRIORITY
from mcp_local.policy.reading.schema_conditions import conditions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Schema: TypeAlias = "dict[str, object]"
Part: TypeAlias = "Mapping[str, object]"

_WORD: Final = {"type": "string", "pattern": r"^\S(.*\S)?$"}
_WORDS: Final = {"type": "array", "items": _WORD, "minItems": 1}
_SENTENCE: Final = {"type": "string", "minLength": 1, "maxLength": 1000}
_ACTION: Final = {"enum": [*map(str, Action), "*"]}
_TYPES: Final[Mapping[object, Part]] = {
    str: _SENTENCE,
    int: {"type": "integer", "minimum": -MAX_PRIORITY, "maximum": MAX_PRIORITY},
    bool | None: {"type": "boolean"},
    Effect: {"enum": [str(effect) for effect in Effect]},
    Effect | None: {"enum": ["allow", "deny"]},
    Mode | None: {"enum": [str(mode) for mode in Mode]},
    tuple[str, ...]: _WORDS,
    tuple[Reference, ...]: _WORDS,
    tuple[Action, ...]: {"type": "array", "items": _ACTION, "minItems": 1},
    Agents | None: {"$ref": "#/definitions/agents"},
    Hints | None: {"$ref": "#/definitions/annotations"},
}
"""What a field of the model is in a file."""

_SPAN: Final = {"type": "string", "pattern": "^(call|session|[1-9][0-9]{0,5}[smh])$"}
_NO_FIELDS: Final = frozenset({"origin", "default_origin", "mode_origin", "file", "remarks"})
"""What a document knows of itself, and doesn't say."""


def schema_text() -> str:
    """Return the schema as JSON, as it stands in docs/policy.schema.json."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def json_schema() -> Schema:
    """Return the schema of a policy file."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Policy of mcp-local",
        "description": "Who may see and use which tool, resource and prompt of an MCP server.",
        **_object(_document()),
        "definitions": {
            "grant": _object(_flat(Grant, "role"), Grant),
            "tagging": _object(_flat(Tagging, "tag"), Tagging, minProperties=1),
            "rule": _object(_rule(), Rule, required=["name", "effect"]),
            "agents": _object(_fields(Agents), Agents, minProperties=1),
            "tools": _matcher("schemes"),
            "resources": _matcher("annotations", uris=True),
            "prompts": _matcher("schemes", "annotations"),
            "annotations": _object(_fields(Hints), Hints, minProperties=1),
            "condition": conditions(),
        },
    }


def _document() -> Schema:
    fields = _fields(Document, "grants", "taggings", "rules")
    return {
        "version": {"const": 1, "description": "Of the language."},
        **fields,
        "roles": {
            "type": "object",
            "propertyNames": {"pattern": r"^\S{1,120}$", "not": {"const": "*"}},
            "additionalProperties": {"$ref": "#/definitions/grant"},
            "description": "The short form: what each role grants.",
        },
        "tags": {
            "type": "object",
            "additionalProperties": {"$ref": "#/definitions/tagging"},
            "description": "Tags for components that carry none of their own.",
        },
        "rules": {
            "type": "array",
            "items": {"$ref": "#/definitions/rule"},
            "minItems": 1,
            "description": "The long form, read after the short form's grants.",
        },
    }


def _rule() -> Schema:
    kinds = {key: {"$ref": f"#/definitions/{key}"} for key in Selection.__struct_fields__}
    texts = dict(_docstrings(Rule))
    when = {"type": "array", "items": {"$ref": "#/definitions/condition"}, "minItems": 1}
    return {
        **_fields(Rule, *kinds, "when", "remember"),
        "name": {**_WORD, "description": texts["name"]},
        **{key: _described(kind, texts[key]) for key, kind in kinds.items()},
        "when": {**when, "description": texts["when"]},
        "remember": {**_SPAN, "description": texts["remember"]},
    }


def _matcher(*left_out: str, uris: bool = False) -> Schema:
    fields = _fields(Components, *left_out)
    if uris:
        names = {**_WORDS, "description": "URIs or globs."}
        fields = {"uris": names, **{key: each for key, each in fields.items() if key != "names"}}
    return _object(fields, Components, minProperties=1)


def _flat(struct: type[msgspec.Struct], key: str) -> Schema:
    """Return the fields of a grant or tagging: its selection's keys are its own in a file."""
    return {**_fields(struct, key, "selection"), **_fields(Selection)}


def _object(
    properties: Schema, struct: type[msgspec.Struct] | None = None, **more: object
) -> Schema:
    described = {"description": _plain(inspect.getdoc(struct) or "")} if struct else {}
    return {
        "type": "object",
        **described,
        "properties": properties,
        "additionalProperties": False,
        **more,
    }


def _fields(struct: type[msgspec.Struct], *left_out: str) -> Schema:
    """Return the properties that a struct's fields are in a file."""
    texts = dict(_docstrings(struct))
    return {
        field.name: _described(_TYPES[field.type], texts.get(field.name, ""))
        for field in msgspec.structs.fields(struct)
        if field.name not in _NO_FIELDS and field.name not in left_out
    }


def _described(schema: Part, text: str) -> Schema:
    if "$ref" in schema:  # in draft 7 nothing beside a reference counts
        schema = {"allOf": [schema]}
    return {**schema, "description": text} if text else dict(schema)


def _docstrings(struct: type[msgspec.Struct]) -> Iterator[tuple[str, str]]:
    """Yield what stands below each field of a struct, in its source."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(struct))).body
    body = tree.body if isinstance(tree, ast.ClassDef) else []
    for field, below in pairwise(body):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
        ):
            yield field.target.id, _plain(str(below.value.value))


def _plain(text: str) -> str:
    """Return a docstring for editors: one line, single backticks, nothing of the model."""
    text = " ".join(text.replace("``", "`").split())
    return re.sub(r"[;,] (?:and )?(?:for resources URIs, and )?(?:`\w+` )?in a file[^.]*", "", text)
