"""Pieces that short and long form share: names, globs, roles, actions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_local.policy.document import Selection
from mcp_local.policy.model import ACTIONS, Action
from mcp_local.policy.vocabulary.globs import Glob, GlobError
from mcp_local.policy.vocabulary.uris import fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mcp_local.policy.reading.nodes import Checker
    from mcp_local.policy.reading.yaml_tree import Node, Scalar

SELECTION = ("tools", "resources", "prompts")
"""The keys that select components of one kind."""

_ANY_ACTION = "*"
_ACTIONS = (*map(str, Action), _ANY_ACTION)
_USES = {f"{kind}s": frozenset(able) for kind, able in ACTIONS.items()} | {
    "tags": frozenset(Action)
}
"""What can be done with the components that a key selects."""

_LONGEST_ROLE = 120
"""Characters; Entra ID's limit for an app role's value."""


def check_role(check: Checker, word: Scalar, path: str) -> None:
    """Note a role that no token can hold."""
    if word.text == "*":
        hint = "Name the roles, or say `default: allow`."
        check.wrong(word, path, "is no role: roles match exactly", hint)
    elif len(word.text) > _LONGEST_ROLE or any(char.isspace() for char in word.text):
        message = f"is no app role's value: it has blanks or over {_LONGEST_ROLE} characters"
        check.wrong(word, path, message, "Use the `value` of the role, not its display name.")


def selection(check: Checker, fields: Mapping[str, Node], path: str) -> Selection:
    """Return what the keys ``tools``, ``resources`` and ``prompts`` select."""
    tools, resources, prompts = (
        tuple(globs(check, fields.get(key), f"{path}.{key}", uris=key == "resources"))
        for key in SELECTION
    )
    return Selection(tools, resources, prompts)


def globs(check: Checker, node: Node | None, path: str, *, uris: bool) -> Iterator[str]:
    """Yield the names or globs of a list."""
    for word, inner in check.words(node, path):
        glob = Glob(word.text)
        try:
            glob.check()
        except GlobError as error:
            check.wrong(word, inner, str(error))
        if uris and not glob.wild and (what := fault(word.text)):
            check.wrong(word, inner, f"can never match: it holds {what}")
        yield word.text


def actions(
    check: Checker, fields: Mapping[str, Node], path: str, *, everything: bool = False
) -> tuple[Action, ...]:
    """Return the actions of a grant or rule; none: all.

    ``everything``: without a key that selects components, it is about all of them.
    """
    node, path = fields.get("actions"), f"{path}.actions"
    words = [check.word(word, inner, _ACTIONS) for word, inner in check.words(node, path)]
    if node is None or None in words or _ANY_ACTION in words:
        return ()
    chosen = tuple(Action(word) for word in words if word)
    selecting = [key for key in _USES if key in fields]
    possible = frozenset[Action]().union(*(_USES[key] for key in selecting))
    if not selecting and not everything:
        check.wrong(node, path, "has nothing to act on", "Add tags or names.")
    elif selecting and chosen and possible.isdisjoint(chosen):
        message = f"can never apply to {' or '.join(selecting)}"
        check.wrong(node, path, message, f"Possible are: {', '.join(sorted(possible))}.")
    return chosen
