"""Who and what a rule of mcp-auth-guard is about, in our words."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from mcp_local.policy.auth_guard.remarks import Difference
from mcp_local.policy.document import ANY_ROLE
from mcp_local.policy.model import Action, Kind
from mcp_local.policy.reading.python_tree import mapping, sequence, tree_of
from mcp_local.policy.reading.yaml_tree import Mapping, Scalar, ScalarKind, Sequence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping as Fields

    from mcp_local.policy.auth_guard.remarks import Remarks
    from mcp_local.policy.reading.nodes import Checker
    from mcp_local.policy.reading.yaml_tree import Node

KINDS: Final = {"tools": Kind.TOOL, "resources": Kind.RESOURCE, "prompts": Kind.PROMPT}
_KEYS: Final = {
    "tools": ("names", "patterns", "namespaces", "tags"),
    "resources": ("uris", "patterns", "schemes"),
    "prompts": ("names", "patterns", "tags"),
}
_AGENTS: Final = ("user_id", "roles", "agent_id", "patterns")
_GUARDED: Final = {
    "tools": {Action.LIST, Action.CALL},
    "resources": {Action.LIST, Action.READ},
    "prompts": {Action.LIST, Action.GET},
}
"""What that program asks its policy about."""
ACTIONS: Final = frozenset[Action]().union(*_GUARDED.values())


def nothing(node: Node | None) -> bool:
    """Tell whether a value is left out, empty or null, which all mean the same there."""
    if isinstance(node, Scalar):
        return node.kind is ScalarKind.NOTHING or not node.text.strip()
    return node is None or (isinstance(node, Sequence) and not node.items)


def words(check: Checker, node: Node | None, path: str) -> list[Scalar]:
    """Return the texts of a list, which may be empty there."""
    return [] if nothing(node) else [word for word, _ in check.words(node, path)]


def rewritten(texts: list[Scalar], change: Callable[[str], str]) -> Sequence:
    """Return texts as a list, each changed at its own place."""
    origin = texts[0].origin
    return sequence(origin, (tree_of(each.origin, change(each.text)) for each in texts))


def read_agents(check: Checker, node: Node | None, path: str, remarks: Remarks) -> Mapping | None:
    """Return whom a rule is for; ``None``: everybody."""
    if nothing(node) or node is None:
        return None
    fields = check.fields(node, path, _AGENTS)
    entries: list[tuple[str, Node]] = []
    for key, value in fields.items():
        alone = key in {"user_id", "agent_id"} and isinstance(value, Scalar)
        listed = sequence(value.origin, [value]) if alone and not nothing(value) else value
        if texts := words(check, listed, f"{path}.{key}"):
            entries.append((key, _agent_texts(key, texts)))
            if key != "roles":
                note_case(texts, f"{path}.{key}", remarks)
    return mapping(node.origin, entries) if entries else None


def _agent_texts(key: str, texts: list[Scalar]) -> Sequence:
    if key != "roles":
        return rewritten(texts, glob)
    stars = [each for each in texts if each.text == ANY_ROLE]
    return rewritten(stars[:1] or texts, str)


def read_kinds(
    check: Checker, fields: Fields[str, Node], path: str, remarks: Remarks
) -> dict[str, Mapping | None]:
    """Return the matchers that a rule gives; ``None``: one that can never match."""
    found: dict[str, Mapping | None] = {}
    for key in KINDS:
        node = fields.get(key)
        if node is not None and not nothing(node):
            matcher = check.fields(node, f"{path}.{key}", _KEYS[key])
            texts = {
                field: words(check, value, f"{path}.{key}.{field}")
                for field, value in matcher.items()
            }
            note_case(texts.get("patterns", []), f"{path}.{key}.patterns", remarks)
            found[key] = _matcher(node, key, {f: each for f, each in texts.items() if each})
    if "resources" in found:
        remarks.meet(Difference.URIS, fields["resources"].origin, f"{path}.resources")
    return found


def _matcher(node: Node, key: str, texts: dict[str, list[Scalar]]) -> Mapping | None:
    """Names are exact there; given together with patterns, both must match."""
    exact = "uris" if key == "resources" else "names"
    if exact in texts and "patterns" in texts:
        globs = texts.pop("patterns")
        texts[exact] = [
            name
            for name in texts[exact]
            if any(fnmatchcase(name.text, each.text) for each in globs)
        ]
        if not texts[exact]:
            return None
    if not texts:
        return mapping(node.origin, [("patterns", tree_of(node.origin, ["*"]))])
    changes = {exact: literal, "patterns": glob}
    entries = ((field, rewritten(each, changes.get(field, str))) for field, each in texts.items())
    return mapping(node.origin, entries)


def as_other_kind(tools: Mapping, key: str) -> Mapping | None:
    """Return what a matcher of tools matches among other components, as it does there."""
    entries: list[tuple[str, Node]] = []
    for field, value in tools.entries:
        if key == "resources" and field.text == "names" and isinstance(value, Sequence):
            uris = [each for each in value.items if isinstance(each, Scalar) and ":" in each.text]
            if not uris:
                return None  # no URI is without a colon
            entries.append(("uris", sequence(value.origin, uris)))
        else:
            entries.append((field.text, value))
    return mapping(tools.origin, entries)


def read_actions(check: Checker, node: Node | None, path: str) -> list[str] | None:
    """Return the actions, which may be globs there; ``None``: all."""
    if node is None:
        return None
    globs = [word.text for word in words(check, node, path)]
    if "*" in globs:
        return None
    return [str(action) for action in ACTIONS if any(fnmatchcase(action, each) for each in globs)]


def possible(key: str, actions: list[str] | None) -> bool:
    """Tell whether any of the actions can be done with components of a kind."""
    return actions is None or not _GUARDED[key].isdisjoint(actions)


def literal(text: str) -> str:
    """Return the glob that matches this very text."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in text)


def glob(text: str) -> str:
    """Return a pattern of that program in our syntax: a ``[`` without its end is a character."""
    return "".join(_pieces(text))


def _pieces(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        end = text.find("]", at + 2 + text.startswith("!", at + 1)) if text[at] == "[" else at
        yield "[[]" if end < 0 else text[at : end + 1]
        at = at + 1 if end < 0 else end + 1


def note_case(texts: list[Scalar], path: str, remarks: Remarks) -> None:
    """Note patterns that would match otherwise on Windows there."""
    for each in texts:
        if each.text.swapcase() != each.text:
            remarks.meet(Difference.CASE, each.origin, path)
