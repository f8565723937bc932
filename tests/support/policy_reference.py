"""The reference of docs/policy.md, made from the JSON Schema and so from the model's docstrings.

``uv run python -m tests.support.policy_reference`` writes it into the page.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from mcp_local.policy.document import Operator
from mcp_local.policy.reading.schema import json_schema
from mcp_local.policy.vocabulary.sql import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parents[2] / "docs" / "policy.md"
_PLACE = re.compile(r"(?<=<!-- reference -->\n).*?(?=<!-- /reference -->\n)", re.DOTALL)
_SECTIONS = {
    "grant": ("A role", "Below `roles`, under the role's name."),
    "tagging": ("A tag", "Below `tags`, under the tag's name."),
    "rule": ("A rule", "An entry of `rules`."),
    "agents": ("`agents`", ""),
    "tools": ("`tools`", "Of a rule; `prompts` takes the same but `annotations`."),
    "resources": ("`resources`", "Of a rule."),
    "annotations": ("`annotations`", ""),
    "condition": ("A condition", "An entry of `when`."),
}


def reference() -> str:
    """Return the Markdown of the reference."""
    return "\n".join(_lines()) + "\n"


def write() -> None:
    """Put it into the page."""
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(_PLACE.sub(lambda _: reference(), text), encoding="utf-8")


def committed() -> str:
    """Return the reference as it stands in the page."""
    (found,) = _PLACE.findall(PAGE.read_text(encoding="utf-8"))
    return found


def _lines() -> Iterator[str]:
    schema = cast("dict[str, Any]", json_schema())
    yield "\n### The file\n"
    yield from _table(schema)
    for name, (heading, where) in _SECTIONS.items():
        part = schema["definitions"][name]
        yield f"\n### {heading}\n"
        yield " ".join(filter(None, (where, str(part.get("description", ""))))) + "\n"
        yield from _table(part)
    yield "\n### Operators\n"
    yield "| operator | what stands in the field … |"
    yield "|---|---|"
    yield from (f"| `{operator}` | {_cell(text)} |" for operator, text in _operators())
    yield f"\nKinds of SQL statements: {', '.join(f'`{kind}`' for kind in sorted(KINDS))}."


def _operators() -> Iterator[tuple[str, str]]:
    """Yield each operator with what stands below it in the model; ``condition`` takes no field."""
    (tree,) = ast.parse(inspect.getsource(Operator)).body
    assert isinstance(tree, ast.ClassDef)
    for member, below in pairwise(tree.body):
        if isinstance(member, ast.Assign) and isinstance(below, ast.Expr):
            operator, text = ast.literal_eval(member.value), str(ast.literal_eval(below.value))
            if operator != Operator.CONDITION:
                yield operator, " ".join(text.replace("``", "`").split())


def _table(part: dict[str, Any]) -> Iterator[str]:
    required = part.get("required", ())
    yield "| key | takes | meaning |"
    yield "|---|---|---|"
    for key, each in part["properties"].items():
        needed = " (required)" if key in required else ""
        yield f"| `{key}`{needed} | {_type(each)} | {_cell(each.get('description', ''))} |"


def _type(part: dict[str, Any]) -> str:
    if "enum" in part:
        return ", ".join(f"`{each}`" for each in part["enum"])
    if "const" in part:
        return f"`{part['const']}`"
    if "allOf" in part or "$ref" in part:
        name = str((part.get("allOf", [part])[0])["$ref"]).rsplit("/", 1)[-1]
        return f"see `{name}`"
    kind = part.get("type")
    if kind == "array":
        items = part["items"]
        return "a list" if "$ref" in items else f"a list of {_plural(items)}"
    words = {"string": "a text", "integer": "a whole number", "boolean": "`true` or `false`"}
    return words.get(str(kind), "a mapping" if kind == "object" else "a value, or a list of them")


def _plural(items: dict[str, Any]) -> str:
    return ", ".join(f"`{each}`" for each in items["enum"]) if "enum" in items else "texts"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    write()
    sys.stdout.write(f"{PAGE} is written.\n")
