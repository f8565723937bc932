"""The short form of the policy language, read slowly and plainly: what the engine must agree with.

Nothing here is shared with ``mcp_local.policy``. A policy is the mapping that YAML would give.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NotRequired, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mcp_local.policy.model import Component


class Grant(TypedDict):
    """What one role grants."""

    includes: NotRequired[list[str]]
    tags: NotRequired[list[str]]
    tools: NotRequired[list[str]]
    resources: NotRequired[list[str]]
    prompts: NotRequired[list[str]]
    actions: NotRequired[list[str]]


class Selection(TypedDict):
    """Components by name."""

    tools: NotRequired[list[str]]
    resources: NotRequired[list[str]]
    prompts: NotRequired[list[str]]


class Policy(TypedDict):
    """A whole policy."""

    default: NotRequired[str]
    roles: NotRequired[dict[str, Grant]]
    tags: NotRequired[dict[str, Selection]]


def allowed(policy: Policy, held: Iterable[str] | None, action: str, component: Component) -> bool:
    """Tell whether somebody who holds these roles may do this; ``None`` is nobody."""
    if held is None:
        return False
    roles = policy.get("roles", {})
    return policy.get("default") == "allow" or any(
        _grants(policy, roles[role], action, component)
        for role in _with_included(roles, set(held))
        if role in roles
    )


def needed(policy: Policy, action: str, component: Component) -> set[str]:
    """Return the roles of which any one alone is enough."""
    return {role for role in policy.get("roles", {}) if allowed(policy, [role], action, component)}


def _with_included(roles: dict[str, Grant], held: set[str]) -> set[str]:
    while True:
        more = {each for role in held for each in roles.get(role, {}).get("includes", [])}
        if more <= held:
            return held
        held = held | more


def _grants(policy: Policy, grant: Grant, action: str, component: Component) -> bool:
    if action not in grant.get("actions", [action]) and "*" not in grant.get("actions", []):
        return False
    by_tag = _tags(policy, action, component) & set(grant.get("tags", []))
    return bool(by_tag) or _selected(grant, action, component)


def _tags(policy: Policy, action: str, component: Component) -> set[str]:
    if component.tags:
        return set(component.tags)
    given = policy.get("tags", {}).items()
    return {tag for tag, selection in given if _selected(selection, action, component)}


def _selected(selection: Grant | Selection, action: str, component: Component) -> bool:
    texts = {
        "tool": selection.get("tools", []),
        "resource": selection.get("resources", []),
        "prompt": selection.get("prompts", []),
    }[component.kind]
    if not component.template:
        return any(text == component.name or fnmatchcase(component.name, text) for text in texts)
    if component.name in texts:
        return True
    if component.uri:
        return any(text == component.uri or fnmatchcase(component.uri, text) for text in texts)
    return any(
        _meet(_signs(text), _pieces(component.name), whole=action != "list") for text in texts
    )


def _signs(glob: str) -> list[str]:
    return re.findall(r"\[!?\]?[^\]]*\]|.", glob, re.DOTALL)


def _pieces(template: str) -> list[str]:
    return re.findall(r"\{[^{}]*\}|.", template, re.DOTALL)


def _meet(glob: list[str], template: list[str], *, whole: bool) -> bool:
    """Tell whether a glob could match a URI of the template, or if ``whole`` must match all."""
    if glob and glob[0] == "*":
        ended = _meet(glob[1:], template, whole=whole)
        return ended or (bool(template) and _meet(glob, template[1:], whole=whole))
    if template and len(template[0]) > 1:
        ended = not whole and _meet(glob, template[1:], whole=whole)
        return ended or (not whole and bool(glob) and _meet(glob[1:], template, whole=whole))
    if not glob or not template:
        return not glob and not template
    return fnmatchcase(template[0], glob[0]) and _meet(glob[1:], template[1:], whole=whole)
