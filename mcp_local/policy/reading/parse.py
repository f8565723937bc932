"""Text → Document. Every mistake is told with its place; half a policy is never taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from mcp_local.policy.document import Document, Mode
from mcp_local.policy.model import Effect
from mcp_local.policy.problems import InvalidPolicy
from mcp_local.policy.reading.dialect import is_auth_guard
from mcp_local.policy.reading.nodes import Checker
from mcp_local.policy.reading.parse_roles import grants, taggings
from mcp_local.policy.reading.parse_rules import rules
from mcp_local.policy.reading.yaml_tree import Scalar, ScalarKind, read_tree

if TYPE_CHECKING:
    from mcp_local.policy.reading.yaml_tree import Node

_ABOUT = ("name", "description", "created_by", "labels")
TOP = ("version", *_ABOUT, "default", "mode", "roles", "tags", "rules")
"""The keys of a policy."""


def parse_policy(text: str, filename: str) -> Document:
    """Return the document that a YAML text holds; ``filename`` is used in errors only.

    Raises:
        InvalidPolicy: with the first 50 mistakes.
    """
    tree = read_tree(text, filename)
    if not is_auth_guard(tree):
        return read_document(tree, filename)
    from mcp_local.policy.auth_guard.translate import translate  # noqa: PLC0415 - start-up: few files need it

    own, remarks = translate(tree)
    return structs.replace(read_document(own, filename), remarks=remarks)


def read_document(tree: Node, filename: str) -> Document:
    """Return the document that a tree of nodes holds.

    Raises:
        InvalidPolicy: with the first 50 mistakes.
    """
    check = Checker()
    document = _document(check, tree, filename)
    if check.problems:
        raise InvalidPolicy(check.problems)
    return document


def _document(check: Checker, tree: Node, filename: str) -> Document:
    fields = check.fields(tree, "", TOP)
    _version(check, fields.get("version"))
    default, mode = fields.get("default"), fields.get("mode")
    effect = check.word(default, "default", ("allow", "deny")) if default else None
    how = check.word(mode, "mode", tuple(map(str, Mode))) if mode else None
    return Document(
        file=filename,
        grants=tuple(grants(check, fields.get("roles"))),
        taggings=tuple(taggings(check, fields.get("tags"))),
        rules=tuple(rules(check, fields.get("rules"))),
        default=Effect(effect) if effect else None,
        default_origin=default.origin if default else None,
        mode=Mode(how) if how else None,
        mode_origin=mode.origin if mode else None,
        name=check.sentence(fields.get("name"), "name"),
        description=check.sentence(fields.get("description"), "description"),
        created_by=check.sentence(fields.get("created_by"), "created_by"),
        labels=tuple(word.text for word, _ in check.words(fields.get("labels"), "labels")),
    )


def _version(check: Checker, node: Node | None) -> None:
    if node is None:
        return
    if not (isinstance(node, Scalar) and node.kind is ScalarKind.NUMBER and node.text == "1"):
        check.wrong(node, "version", "must be 1", "Write `version: 1`.")
