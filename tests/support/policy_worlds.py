"""Policies, people, components and requests for laws: small worlds in which much happens."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from hypothesis import strategies as st

from mcp_local.identity.model import Identity
from mcp_local.policy.model import Action, ClientInfo, Component, Kind, Request
from mcp_local.policy.problems import InvalidPolicy
from mcp_local.policy.reading.parse import parse_policy
from tests.support.reference_policy import LISTS, SQL

if TYPE_CHECKING:
    from tests.support.reference_policy import Condition, Grant, Policy, Rule, Selection

ROLES = ["R0", "R1", "R2", "R3", "R4"]
TAGS = ["t0", "t1", "t2"]
NAMESPACES = ["n", "m"]
CLIENTS = ["claude", "cursor"]
MONDAY_NOON = 1_767_614_400.0
"""2026-01-05T12:00Z."""

names = st.text("ab/", min_size=1, max_size=4)
globs = st.lists(
    st.sampled_from(["a", "b", "/", "*", "?", "[ab]", "[!a]", "[a-b]"]), min_size=1, max_size=4
).map("".join)
uris = names.map("x://".__add__).filter(lambda uri: "//" not in uri[4:])
uri_globs = globs.map("x://".__add__)
templates = st.tuples(
    st.lists(st.sampled_from(["a", "b", "/", "{p}", "{q}"]), min_size=1, max_size=4).map("".join),
    st.sampled_from(["", "", "{?r}"]),
).map(lambda parts: "x://" + "".join(parts))


def some(strategy: st.SearchStrategy[str], most: int = 3) -> st.SearchStrategy[list[str]]:
    """Return lists that a policy may hold."""
    return st.lists(strategy, min_size=1, max_size=most)


SELECTED = {"tools": some(globs), "resources": some(uri_globs), "prompts": some(globs)}

_SHARED = {"namespaces": some(st.sampled_from(NAMESPACES)), "tags": some(st.sampled_from(TAGS))}
_HINTS = st.dictionaries(st.sampled_from(["read_only", "destructive"]), st.booleans(), min_size=1)
_TOOLS = st.fixed_dictionaries(
    {},
    optional={"names": some(globs), "patterns": some(globs), "annotations": _HINTS, **_SHARED},
).filter(bool)
_RESOURCES = st.fixed_dictionaries(
    {},
    optional={
        "uris": some(uri_globs),
        "patterns": some(uri_globs),
        "schemes": some(st.sampled_from(["x", "y"])),
        **_SHARED,
    },
).filter(bool)
_PROMPTS = st.fixed_dictionaries({}, optional={"names": some(globs), **_SHARED}).filter(bool)

_AGENTS = st.fixed_dictionaries(
    {},
    optional={
        "roles": st.one_of(some(st.sampled_from(ROLES)), st.just(["*"])),
        "user_id": some(st.sampled_from(["ann", "b*"])),
        "tenant": some(st.sampled_from(["t", "u"])),
        "groups": some(st.sampled_from(["g", "h"])),
        "scopes": some(st.just("s")),
        "agent_id": some(st.sampled_from(["claude", "cur*"])),
        "patterns": some(st.sampled_from(["ann", "c*"])),
    },
).filter(bool)

_TEXT = st.sampled_from(["x", "xy", "y", "1"])
_PLAIN = st.one_of(_TEXT, st.sampled_from([0, 1, 2.5]), st.booleans())
_ARGUMENT = st.sampled_from(["args.a", "args.b", "tool.args.a", "args.a.b"])
_ANYTHING = st.one_of(_ARGUMENT, st.sampled_from(["user.claims.a", "user.claims.d.e"]))


def _when(
    fields: st.SearchStrategy[str], operators: str, values: st.SearchStrategy[object]
) -> st.SearchStrategy[dict[str, object]]:
    return st.fixed_dictionaries(
        {"field": fields, "operator": st.sampled_from(operators.split()), "value": values}
    )


_SQL_KINDS = st.lists(st.sampled_from(["select", "drop", "delete"]), min_size=1, max_size=2)
_static = st.one_of(
    _when(
        st.sampled_from(["user.claims.a", "user.claims.d.e", "user.id", "tool.name"]),
        "equals not_equals contains starts_with regex not_regex",
        st.sampled_from(["x", "a", "ann", "xy"]),
    ),
    _when(
        st.sampled_from(["user.roles", "user.groups", "tool.tags", "resource.tags"]),
        "contains not_contains",
        st.sampled_from(["R0", "R1", "g", "t0"]),
    ),
    _when(st.just("user.claims.a"), "exists", st.booleans()),
    _when(st.just("request.action"), "equals not_equals", st.sampled_from(["call", "read"])),
    _when(
        st.sampled_from(["resource.name", "prompt.name", "tool.namespace", "tool.version"]),
        "in not_in",
        st.just(["a", "n", "x://a"]),
    ),
    _when(st.sampled_from(["resource.name", "prompt.name"]), "ends_with", st.just("a")),
)
_changing = st.one_of(
    _when(_ANYTHING, "equals not_equals contains not_contains", _PLAIN),
    _when(_ANYTHING, "in not_in", st.lists(_PLAIN, min_size=1, max_size=3)),
    _when(_ANYTHING, "starts_with ends_with regex not_regex", _TEXT),
    _when(_ANYTHING, "gt lt gte lte", st.sampled_from([0, 1, 2.5])),
    _when(st.just("args.sql"), "sql_only sql_not_only", _SQL_KINDS),
    _when(st.just("args.path"), "under", st.sampled_from(["data", "/nowhere/work/x"])),
    _when(st.just("user.agent_id"), "equals starts_with", st.sampled_from(CLIENTS)),
    _when(st.just("request.hour"), "gte lt", st.sampled_from([9, 12, 18])),
    _when(st.just("request.time"), "gt lte", st.just(MONDAY_NOON)),
    _when(st.just("request.weekday"), "in not_in", st.just(["mon", "sun"])),
    st.sampled_from(["yes", "no", "maybe"]).map(lambda name: {"condition": name}),
)
_exists = _when(_ARGUMENT, "exists", st.booleans())

EFFECTS = ("allow", "allow", "ask", "deny")


@st.composite
def grants(draw: st.DrawFn, *, actions: bool = True) -> Policy:
    """Return a policy of the short form; roles include only later ones, never in a circle."""
    roles: dict[str, Grant] = {}
    for position, role in enumerate(ROLES):
        later = ROLES[position + 1 :]
        optional = {"tags": some(st.sampled_from(TAGS)), **SELECTED}
        if later:
            optional["includes"] = some(st.sampled_from(later))
        grant = draw(st.fixed_dictionaries({}, optional=optional))
        if actions and "tags" in grant and draw(st.booleans()):
            grant["actions"] = draw(some(st.sampled_from([*map(str, Action), "*"])))
        roles[role] = cast("Grant", grant)
    selection = st.fixed_dictionaries({}, optional=SELECTED).filter(bool)
    tags = draw(st.dictionaries(st.sampled_from(TAGS), selection, max_size=3))
    policy: Policy = {"roles": roles, "tags": cast("dict[str, Selection]", tags)}
    if draw(st.integers(0, 9)) == 0:
        policy["default"] = "allow"
    return policy


@st.composite
def rules(
    draw: st.DrawFn,
    *,
    actions: bool = True,
    exists: bool = True,
    effects: tuple[str, ...] = EFFECTS,
) -> Rule:
    """Return a rule that means something."""
    about = {"tools": _TOOLS, "resources": _RESOURCES, "prompts": _PROMPTS}
    optional = {**about, "agents": _AGENTS, "priority": st.sampled_from([50, 100, 150])}
    rule = cast("Rule", draw(st.fixed_dictionaries({}, optional=optional)))
    rule["name"], rule["effect"] = "rule", draw(st.sampled_from(effects))
    if actions and draw(st.booleans()):
        rule["actions"] = draw(some(st.sampled_from([*map(str, Action), "*"]), 4))
    kinds = [_static, _changing, *([_exists] * exists)]
    when = draw(st.lists(st.one_of(*kinds), max_size=2))
    if when:
        rule["when"] = cast("list[Condition]", when)
    for part in ("when", "actions"):
        if not _means_something(rule):
            cast("dict[str, object]", rule).pop(part, None)
    return rule


def _means_something(rule: Rule) -> bool:
    try:
        parse_policy(text({"rules": [rule]}), "rule.yaml")
    except InvalidPolicy:
        return False
    return True


@st.composite
def policies(
    draw: st.DrawFn,
    *,
    actions: bool = True,
    exists: bool = True,
    effects: tuple[str, ...] = EFFECTS,
) -> Policy:
    """Return a valid policy of the whole language."""
    policy = draw(grants(actions=actions)) if draw(st.booleans()) else cast("Policy", {})
    one = rules(actions=actions, exists=exists, effects=effects)
    drawn = draw(st.lists(one, min_size=1, max_size=5))
    policy["rules"] = [{**rule, "name": f"rule-{number}"} for number, rule in enumerate(drawn)]
    if draw(st.integers(0, 9)) == 0:
        policy["default"] = "allow"
    if draw(st.integers(0, 9)) == 0:
        policy["mode"] = "observe"
    return policy


@st.composite
def components(draw: st.DrawFn) -> Component:
    """Return a component of any kind; templates with and without a URI read through them."""
    kind = draw(st.sampled_from(Kind))
    tags = draw(st.frozensets(st.sampled_from(TAGS), max_size=2))
    space = draw(st.sampled_from(["", *NAMESPACES]))
    if kind is Kind.RESOURCE:
        template = draw(templates)
        if draw(st.booleans()):
            return Component(kind, draw(uris), tags, space)
        uri = draw(st.one_of(st.just(""), expansions(template)))
        return Component(kind, template, tags, space, template=True, uri=uri)
    hints = st.dictionaries(st.sampled_from(["readOnlyHint", "destructiveHint"]), st.booleans())
    said = cast("dict[str, object]", draw(hints)) if kind is Kind.TOOL else {}
    version = draw(st.sampled_from(["", "a"]))
    return Component(kind, draw(names), tags, space, version, annotations=said)


def expansions(template: str) -> st.SearchStrategy[str]:
    """Return URIs that a template leads to."""
    queries = st.one_of(st.just(""), names.map("?".__add__))

    def expand(values: tuple[str, str, str]) -> str:
        p, q, r = values
        return template.replace("{p}", p).replace("{q}", q).replace("{?r}", r)

    return st.tuples(names, names, queries).map(expand)


held = st.frozensets(st.sampled_from([*ROLES, "Unknown"]), max_size=3)

_JSON = st.sampled_from(['{"b": "x"}', "[x", *LISTS])
"""Texts that a server may look into."""
_LEAF = st.one_of(_PLAIN, st.none(), st.just(float("nan")), _JSON)
_VALUE = st.one_of(
    _LEAF, st.lists(_LEAF, max_size=2), st.dictionaries(st.sampled_from(["b", "e"]), _LEAF)
)
_PATHS = ["data/x", "data/../y", "/nowhere/work/x/y", "", "/"]
arguments = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {},
        optional={
            "a": _VALUE,
            "A": _VALUE,  # some servers take it for the other
            "a.b": _LEAF,
            "b": _VALUE,
            "sql": st.one_of(st.sampled_from(sorted(SQL)), st.just(1)),
            "path": st.sampled_from(_PATHS),
        },
    ),
)

people = st.builds(
    Identity,
    tenant_id=st.sampled_from(["t", "u"]),
    object_id=st.sampled_from(["ann", "bob", "cleo"]),
    roles=held,
    scopes=st.frozensets(st.just("s")),
    groups=st.frozensets(st.sampled_from(["g", "h"]), max_size=2),
    client_id=st.just("client"),
    issued_at=st.just(0),
    expires_at=st.just(0),
    claims=st.fixed_dictionaries({}, optional={"a": _VALUE, "d": _VALUE}),
)
requests = st.builds(
    Request,
    action=st.sampled_from(Action),
    arguments=arguments,
    client=st.sampled_from([None, ClientInfo(""), *map(ClientInfo, CLIENTS)]),
    now=st.sampled_from([None, MONDAY_NOON, MONDAY_NOON + 7 * 3600, MONDAY_NOON + 86_400]),
)


def person(roles: frozenset[str], object_id: str = "oid") -> Identity:
    """Return a verified person of whom nothing but the roles matters."""
    return Identity("tid", object_id, roles, frozenset(), frozenset(), "client", 0, 0)


def text(policy: Policy) -> str:
    """Return a policy as it would stand in a file: JSON is YAML, without aliases."""
    return json.dumps(policy)
