"""Policy files of mcp-auth-guard 1.0, read as they are: their tree becomes one of our language.

What that program says in other words is put into ours, each at its own place, and then read like
any file. Where its meaning is unsafe ours differs, and that is noted
(:mod:`mcp_local.policy.auth_guard.remarks`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mcp_local.policy.auth_guard.matchers import nothing, words
from mcp_local.policy.auth_guard.remarks import Remarks
from mcp_local.policy.auth_guard.rules import RuleReader
from mcp_local.policy.problems import InvalidPolicy
from mcp_local.policy.reading.nodes import Checker
from mcp_local.policy.reading.python_tree import mapping, sequence, tree_of
from mcp_local.policy.reading.yaml_tree import Sequence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mcp_local.policy.problems import Problem
    from mcp_local.policy.reading.yaml_tree import Node

_ABOUT: Final = ("name", "description", "created_by")
_TOP: Final = (*_ABOUT, "version", "default_effect", "rules", "tags")


def translate(tree: Node) -> tuple[Node, tuple[Problem, ...]]:
    """Return the same policy as a tree of our language, and the differences that it meets.

    Raises:
        InvalidPolicy: it isn't what that program takes; with the first 50 mistakes.
    """
    check, remarks = Checker(), Remarks()
    fields = check.fields(tree, "", _TOP)
    if "rules" not in fields:
        check.missing(tree, "", "rules", "Its default alone is no policy of mcp-auth-guard.")
    entries = list(_entries(check, fields, remarks, tree))
    if check.problems:
        raise InvalidPolicy(check.problems)
    return mapping(tree.origin, entries), remarks.told()


def _entries(
    check: Checker, fields: dict[str, Node], remarks: Remarks, tree: Node
) -> Iterator[tuple[str, Node]]:
    for key in _ABOUT:
        if (node := fields.get(key)) is not None and not nothing(node):
            yield key, node
    if labels := words(check, fields.get("tags"), "tags"):
        yield "labels", sequence(labels[0].origin, labels)
    yield "default", _default(check, fields.get("default_effect"), tree)
    if rules := list(_rules(check, fields.get("rules"), remarks)):
        yield "rules", sequence(rules[0].origin, rules)


def _default(check: Checker, node: Node | None, tree: Node) -> Node:
    if node is None or not check.is_text(node, "default_effect"):
        return tree_of(tree.origin, "deny")
    effect = node.text.lower()
    if effect not in {"allow", "deny"}:
        check.wrong(node, "default_effect", f"must be allow or deny, not `{node.text}`")
        effect = "deny"
    return tree_of(node.origin, effect)


def _rules(check: Checker, node: Node | None, remarks: Remarks) -> Iterator[Node]:
    if nothing(node) or node is None:
        return
    if not isinstance(node, Sequence):
        check.wrong(node, "rules", "must be a list of rules", "Put a `- ` before each rule.")
        return
    reader = RuleReader(check, remarks)
    for position, item in enumerate(node.items):
        yield from reader.rules(item, f"rules[{position}]")
