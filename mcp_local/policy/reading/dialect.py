"""Whose language a policy file speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mcp_local.policy.reading.yaml_tree import Mapping, Scalar, ScalarKind, Sequence

if TYPE_CHECKING:
    from mcp_local.policy.reading.yaml_tree import Node

AUTH_GUARD_VERSION: Final = "1.0"
"""A text there; the number 1.0 is a mistake in both languages."""


def is_auth_guard(tree: Node) -> bool:
    """Tell whether a file is one of mcp-auth-guard: by its version, or by a key of its own."""
    if not isinstance(tree, Mapping):
        return False
    keys = {key.text: value for key, value in tree.entries}
    version = keys.get("version")
    if version is None:
        return "default_effect" in keys or _has_conditions(keys.get("rules"))
    return (
        isinstance(version, Scalar)
        and version.kind is ScalarKind.TEXT
        and version.text == AUTH_GUARD_VERSION
    )


def _has_conditions(rules: Node | None) -> bool:
    return isinstance(rules, Sequence) and any(
        key.text == "conditions"
        for rule in rules.items
        if isinstance(rule, Mapping)
        for key, _ in rule.entries
    )
