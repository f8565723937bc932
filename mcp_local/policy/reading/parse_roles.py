"""The short form: which role grants what, and tags for what carries none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_local.policy.document import Grant, Reference, Tagging
from mcp_local.policy.reading.parse_parts import SELECTION, actions, check_role, selection
from mcp_local.policy.reading.yaml_tree import Mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mcp_local.policy.reading.nodes import Checker
    from mcp_local.policy.reading.yaml_tree import Node

_GRANT = ("includes", "tags", *SELECTION, "actions")


def grants(check: Checker, node: Node | None) -> Iterator[Grant]:
    """Yield what stands under ``roles``."""
    if node is None:
        return
    for key, value, path in check.entries(node, "roles"):
        check_role(check, key, path)
        fields = check.fields(value, path, _GRANT)
        references = check.words(fields.get("includes"), f"{path}.includes")
        yield Grant(
            role=key.text,
            origin=key.origin,
            includes=tuple(Reference(word.text, word.origin, at) for word, at in references),
            tags=tuple(word.text for word, _ in check.words(fields.get("tags"), f"{path}.tags")),
            selection=selection(check, fields, path),
            actions=actions(check, fields, path),
        )


def taggings(check: Checker, node: Node | None) -> Iterator[Tagging]:
    """Yield what stands under ``tags``."""
    if node is None:
        return
    for key, value, path in check.entries(node, "tags"):
        fields = check.fields(value, path, SELECTION)
        if isinstance(value, Mapping) and not value.entries:
            check.wrong(value, path, "tags nothing", "Name tools, resources or prompts.")
        yield Tagging(key.text, key.origin, selection(check, fields, path))
