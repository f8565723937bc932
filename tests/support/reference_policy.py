"""The policy language, read slowly and plainly: what the engine must agree with.

Nothing here is shared with ``mcp_local.policy`` but the question's types. A policy is the mapping
that YAML would give. What SQL texts hold and what predicates answer is handed in, as tables.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal, NotRequired, TypeAlias, TypedDict, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mcp_local.identity.model import Identity
    from mcp_local.policy.model import Component, Request


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


class Condition(TypedDict):
    """One comparison, or the name of a predicate."""

    field: NotRequired[str]
    operator: NotRequired[str]
    value: NotRequired[object]
    condition: NotRequired[str]


class Components(TypedDict):
    """What a rule is about, of one kind."""

    names: NotRequired[list[str]]
    uris: NotRequired[list[str]]
    patterns: NotRequired[list[str]]
    namespaces: NotRequired[list[str]]
    schemes: NotRequired[list[str]]
    tags: NotRequired[list[str]]
    annotations: NotRequired[dict[str, bool]]


class Rule(TypedDict):
    """The long form."""

    name: str
    effect: str
    agents: NotRequired[dict[str, list[str]]]
    tools: NotRequired[Components]
    resources: NotRequired[Components]
    prompts: NotRequired[Components]
    actions: NotRequired[list[str]]
    when: NotRequired[list[Condition]]
    priority: NotRequired[int]


class Policy(TypedDict):
    """A whole policy."""

    default: NotRequired[str]
    mode: NotRequired[str]
    roles: NotRequired[dict[str, Grant]]
    tags: NotRequired[dict[str, Selection]]
    rules: NotRequired[list[Rule]]


Truth: TypeAlias = bool | Literal["later"] | None
"""``None``: unknown. ``"later"``: it can't be known yet, as only the list is asked for."""

SQL: Mapping[str, set[str] | None] = {
    "SELECT 1": {"select"},
    "SELECT 1; DROP TABLE x": {"select", "drop"},
    "DELETE FROM t": {"delete"},
    "SELECT (": None,
}
"""What some texts hold."""
LISTS: Mapping[str, list[object]] = {'["x"]': ["x"], '["\\u0078", 1]': ["x", 1]}
"""Lists that some texts hold, to a server that looks."""
PREDICATES: Mapping[str, bool | None] = {"yes": True, "no": False, "maybe": None}
"""What some predicates answer."""
FOLDER = "/nowhere/work"
"""Where relative paths begin; there is nothing there."""


def decide(policy: Policy, person: Identity | None, request: Request, component: Component) -> str:
    """Return allow, ask or deny."""
    if person is None:
        return "deny"
    uncertain = False
    rules = policy.get("rules", [])
    for priority in sorted({100, *(rule.get("priority", 100) for rule in rules)}, reverse=True):
        here = [rule for rule in rules if rule.get("priority", 100) == priority]
        found = {
            effect: [
                _applies(policy, rule, person, request, component)
                for rule in here
                if rule["effect"] == effect
            ]
            for effect in ("deny", "ask", "allow")
        }
        if priority == 100 and _granted(policy, person, request, component):
            found["allow"].append(True)
        if True in found["deny"] or None in found["deny"]:
            return "deny"
        if True in found["ask"]:
            return "ask"
        uncertain = uncertain or None in found["ask"]
        if True in found["allow"]:
            return "ask" if uncertain else "allow"
    let_through = policy.get("default") == "allow" or policy.get("mode") == "observe"
    return "deny" if not let_through else "ask" if uncertain else "allow"


def _applies(
    policy: Policy, rule: Rule, person: Identity, request: Request, component: Component
) -> bool | None:
    """All that is given must match; what comes later counts as it shows more (POLICY.md 3)."""
    actions = rule.get("actions", ["*"])
    if request.action not in actions and "*" not in actions:
        return False
    truths = [_is_meant(policy, rule, request, component)]
    truths += [
        _is_agent(kind, wanted, person, request) for kind, wanted in rule.get("agents", {}).items()
    ]
    truths += [_holds(policy, each, person, request, component) for each in rule.get("when", [])]
    shows_more = rule["effect"] != "deny"
    known = [(shows_more if truth == "later" else truth) for truth in truths]
    return _all(cast("list[bool | None]", known))


def _all(truths: Iterable[bool | None]) -> bool | None:
    truths = list(truths)
    return False if False in truths else None if None in truths else True


def _is_meant(policy: Policy, rule: Rule, request: Request, component: Component) -> Truth:
    matchers = {
        "tool": rule.get("tools"),
        "resource": rule.get("resources"),
        "prompt": rule.get("prompts"),
    }
    if not any(matchers.values()):
        return True
    matcher = matchers[component.kind]
    if matcher is None:
        return False
    truths: list[bool | None] = []
    names = [
        *matcher.get("names", []), *matcher.get("uris", []), *matcher.get("patterns", []),
    ]  # fmt: skip
    if names:
        truths.append(_named(names, component))
    if "namespaces" in matcher:
        truths.append(component.namespace in matcher["namespaces"])
    if "schemes" in matcher:
        truths.append(component.name.split(":")[0] in matcher["schemes"])
    if "tags" in matcher:
        certain, possible = _tags(policy, component)
        wanted = set(matcher["tags"])
        truths.append(True if certain & wanted else None if possible & wanted else False)
    for hint, wanted_hint in matcher.get("annotations", {}).items():
        word = {"read_only": "readOnlyHint", "destructive": "destructiveHint"}[hint]
        truths.append(component.annotations.get(word) is wanted_hint)
    truth = _all(truths)
    return "later" if truth is None and request.action == "list" else truth


def _is_agent(  # noqa: PLR0911 - one line for each kind
    kind: str, wanted: list[str], person: Identity, request: Request
) -> Truth:
    client = request.client.name if request.client is not None else ""
    if kind == "roles":
        return bool(person.roles) if wanted == ["*"] else bool(set(wanted) & person.roles)
    if kind == "user_id":
        return _fits(person.object_id, wanted)
    if kind == "tenant":
        return person.tenant_id in wanted
    if kind in {"groups", "scopes"}:
        return bool(set(wanted) & getattr(person, kind))
    if kind == "patterns" and _fits(person.object_id, wanted):
        return True
    if request.action == "list":
        return "later"
    return _fits(client, wanted) if client else None


def _fits(text: str, wanted: list[str]) -> bool:
    return any(text == each or fnmatchcase(text, each) for each in wanted)


MISSING = object()
NOT_KNOWN = object()


def _holds(
    policy: Policy, condition: Condition, person: Identity, request: Request, component: Component
) -> Truth:
    if "condition" in condition:
        return "later" if request.action == "list" else PREDICATES[condition["condition"]]
    field, operator, value = (
        condition.get("field", ""),
        condition.get("operator"),
        condition.get("value"),
    )
    changing = field.startswith(("args.", "tool.args.")) or field in {
        "user.agent_id", "request.time", "request.hour", "request.weekday",
    }  # fmt: skip
    resource_open = field.startswith("resource.") and component.template and not component.uri
    if request.action == "list" and (changing or resource_open):
        return "later"
    seen = _seen(policy, field, person, request, component)
    if seen is NOT_KNOWN:
        return None
    if operator == "exists":
        return (seen is not MISSING) == value
    if seen is MISSING:
        return None
    return _compare(str(operator), seen, value)


def _seen(  # noqa: C901, PLR0911 - one line for each field
    policy: Policy, field: str, person: Identity, request: Request, component: Component
) -> object:
    root, _, rest = field.partition(".")
    if field.startswith(("tool.args.", "args.")):
        if root == "tool" and component.kind != "tool":
            return MISSING
        if request.arguments is None:
            return NOT_KNOWN
        found = _argument(request.arguments, field.split("args.", 1)[1])
        return MISSING if not found else found[0] if len(found) == 1 else NOT_KNOWN
    if root == "user":
        if rest.startswith("claims."):
            return _inside(person.claims, rest.removeprefix("claims."))
        if rest == "agent_id":
            return request.client.name if request.client and request.client.name else NOT_KNOWN
        names = {"id": "object_id", "tenant": "tenant_id"}
        seen = cast("frozenset[str] | str", getattr(person, names.get(rest, rest)))
        return sorted(seen) if isinstance(seen, frozenset) else seen or MISSING
    if root == "request":
        moment = None if request.now is None else datetime.fromtimestamp(request.now, UTC)
        if rest == "action":
            return str(request.action)
        if moment is None:
            return NOT_KNOWN
        return {
            "time": request.now,
            "hour": moment.hour,
            "weekday": moment.strftime("%a").lower(),
        }[rest]
    if component.kind != root:
        return MISSING
    if rest == "name":
        return (component.uri or NOT_KNOWN) if component.template else component.name
    if rest == "tags":
        certain, possible = _tags(policy, component)
        return sorted(certain) if certain == possible else NOT_KNOWN
    return getattr(component, rest) or MISSING


def _argument(value: object, path: str) -> list[object]:
    """Return all that may be meant: by names with dots, in another case, in a list or a text."""
    if not isinstance(value, dict):
        looked_into = isinstance(value, list) or str(value).startswith(("[", "{"))
        return [NOT_KNOWN] if looked_into else []
    found: list[object] = []
    for key, inner in cast("dict[str, object]", value).items():
        start = path[: len(key)]
        if path == start and start.casefold() == key.casefold():
            found.append(inner if start == key else NOT_KNOWN)
        elif path.startswith(f"{start}.") and start.casefold() == key.casefold():
            rest = path[len(key) + 1 :]
            found += _argument(inner, rest) if start == key else [NOT_KNOWN]
    return found


def _inside(value: object, path: str) -> object:
    for part in path.split("."):
        if not isinstance(value, dict):
            return MISSING
        given = cast("dict[str, object]", value)
        if part not in given:
            return MISSING
        value = given[part]
    return value


def _compare(operator: str, seen: object, value: object) -> bool | None:  # noqa: C901, PLR0911 - one line for each operator
    if operator.startswith("not_"):
        truth = _compare(operator.removeprefix("not_"), seen, value)
        return None if truth is None else not truth
    if operator == "sql_not_only":
        truth = _compare("sql_only", seen, value)
        return None if truth is None else not truth
    if operator == "equals":
        return seen == value if _type(seen) == _type(value) != "other" else None
    if operator == "in":
        entries = cast("list[object]", value)
        alike = [each for each in entries if _type(each) == _type(seen) != "other"]
        return True if seen in alike else False if len(alike) == len(entries) else None
    if operator in {"gt", "lt", "gte", "lte"}:
        if _type(seen) != "number":
            return None
        number, limit = cast("float", seen), cast("float", value)
        return {"gt": number > limit, "lt": number < limit, "gte": number >= limit,
                "lte": number <= limit}[operator]  # fmt: skip
    if operator == "contains" and isinstance(seen, str) and seen in LISTS:
        as_list = _compare(operator, LISTS[seen], value)
        return as_list if isinstance(value, str) and as_list is (value in seen) else None
    if operator == "contains" and isinstance(seen, list):
        members = cast("list[object]", seen)
        alike = [each for each in members if _type(each) == _type(value)]
        return True if value in alike else False if len(alike) == len(members) else None
    if operator == "under":
        return _under(seen, cast("list[str]", value if isinstance(value, list) else [value]))
    if not isinstance(seen, str) or not isinstance(value, str | list):
        return None
    if operator == "sql_only":
        kinds = SQL.get(seen)
        return None if kinds is None else kinds <= set(cast("list[str]", value))
    text = cast("str", value)
    if operator == "regex":
        return re.search(text, seen) is not None
    return {"contains": text in seen, "starts_with": seen.startswith(text),
            "ends_with": seen.endswith(text)}[operator]  # fmt: skip


def _type(value: object) -> str:
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, int | float):
        return "number" if value == value else "other"  # noqa: PLR0124 - NaN isn't itself
    return "text" if isinstance(value, str) else "other"


def _under(seen: object, folders: list[str]) -> bool | None:
    if not isinstance(seen, str) or not seen:
        return None
    path = os.path.normpath(os.path.join(FOLDER, seen))  # noqa: PTH118 - plain on purpose
    homes = [os.path.normpath(os.path.join(FOLDER, each)) for each in folders]  # noqa: PTH118 - the same
    return any(path == home or path.startswith(home + "/") for home in homes)


def _granted(policy: Policy, person: Identity, request: Request, component: Component) -> bool:
    roles = policy.get("roles", {})
    return any(
        _grants(policy, roles[role], request.action, component)
        for role in _with_included(roles, set(person.roles))
        if role in roles
    )


def _with_included(roles: dict[str, Grant], held: set[str]) -> set[str]:
    while True:
        more = {each for role in held for each in roles.get(role, {}).get("includes", [])}
        if more <= held:
            return held
        held = held | more


def _grants(policy: Policy, grant: Grant, action: str, component: Component) -> bool:
    """A grant is an allow: in a list what may be meant counts, in a use what is certain."""
    if action not in grant.get("actions", [action]) and "*" not in grant.get("actions", []):
        return False
    certain, possible = _tags(policy, component)
    by_tag = (possible if action == "list" else certain) & set(grant.get("tags", []))
    selected = _selected(grant, component)
    return bool(by_tag) or selected is True or (selected is None and action == "list")


def _tags(policy: Policy, component: Component) -> tuple[set[str], set[str]]:
    """Return the tags that it certainly has, and those that it may have."""
    if component.tags:
        return set(component.tags), set(component.tags)
    given = {tag: _selected(each, component) for tag, each in policy.get("tags", {}).items()}
    certain = {tag for tag, truth in given.items() if truth is True}
    return certain, {tag for tag, truth in given.items() if truth is not False}


def _selected(selection: Grant | Selection, component: Component) -> bool | None:
    texts = {
        "tool": selection.get("tools", []),
        "resource": selection.get("resources", []),
        "prompt": selection.get("prompts", []),
    }[component.kind]
    return _named(texts, component)


def _named(texts: list[str], component: Component) -> bool | None:
    if not component.template:
        return _fits(component.name, texts)
    if component.name in texts:
        return True
    if component.uri:
        return _read(component.uri, texts)
    pieces = _pieces(component.name)
    if any(_meet(_signs(text), pieces, whole=True) for text in texts):
        return True
    return None if any(_meet(_signs(text), pieces, whole=False) for text in texts) else False


def _read(uri: str, texts: list[str]) -> bool | None:
    """Servers drop what they don't know of a query: without a `?` of its own a text fits both."""
    bare = uri.split("?", maxsplit=1)[0]
    both = [{_fits(uri, [text]), _fits(uri if "?" in text else bare, [text])} for text in texts]
    if {True} in both:
        return True
    return None if {True, False} in both else False


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
