"""Generated policies of the whole language, as YAML would give them, and questions to ask them."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml
from hypothesis import assume, strategies as st

from mcp_local.identity.model import Identity
from mcp_local.policy.model import Action, ClientInfo, Component, Kind, Request
from mcp_local.policy.problems import InvalidPolicy
from mcp_local.policy.reading.parse import parse_policy

if TYPE_CHECKING:
    from mcp_local.policy.document import Document

Plain: TypeAlias = dict[str, Any]
Question: TypeAlias = tuple[Identity, Request, Component]

ROLES = ["R0", "R1", "R2"]
TAGS = ["t0", "t1"]
NAMES = ["a", "ab", "b[c", "get_x"]
GLOBS = ["a", "ab", "a*", "*", "?b", "[!a]*", "b[[]c", "get_*"]
URIS = ["x://a", "x://a/b", "y://c"]
URI_GLOBS = ["x://a", "x://*", "*/b", "[xy]://?"]
TEXTS = ["select", "on", "1", "x: y", "#", "é", '"', "\\d", "a\nb"]


def some(values: list[str], most: int = 2) -> st.SearchStrategy[list[str]]:
    """Return lists that a policy may hold."""
    return st.lists(st.sampled_from(values), min_size=1, max_size=most, unique=True)


SELECTION = {"tools": some(GLOBS), "resources": some(URI_GLOBS), "prompts": some(GLOBS)}

grants = st.fixed_dictionaries({}, optional={"tags": some(TAGS), **SELECTION})
taggings = st.fixed_dictionaries({}, optional=SELECTION).filter(bool)

agents = st.fixed_dictionaries(
    {},
    optional={
        "roles": st.one_of(some(ROLES), st.just(["*"])),
        "user_id": some(["ann", "b*"]),
        "tenant": some(["t1", "t2"]),
        "groups": some(["g1", "g2"]),
        "scopes": some(["s1"]),
        "agent_id": some(["Claude", "c*"]),
        "patterns": some(["ann", "C*"]),
    },
).filter(bool)
hints = st.dictionaries(
    st.sampled_from(["read_only", "destructive", "idempotent", "open_world"]),
    st.booleans(),
    min_size=1,
    max_size=2,
)
matchers = {
    "tools": st.fixed_dictionaries(
        {},
        optional={
            "names": some(GLOBS),
            "patterns": some(GLOBS),
            "namespaces": some(["n1", "n2"]),
            "tags": some(TAGS),
            "annotations": hints,
        },
    ).filter(bool),
    "resources": st.fixed_dictionaries(
        {}, optional={"uris": some(URI_GLOBS), "schemes": some(["x", "y"]), "tags": some(TAGS)}
    ).filter(bool),
    "prompts": st.fixed_dictionaries(
        {}, optional={"names": some(GLOBS), "tags": some(TAGS)}
    ).filter(bool),
}
scalars = st.one_of(
    st.sampled_from(TEXTS),
    st.booleans(),
    st.integers(-9, 9),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
)


def condition(
    field: str, operators: list[str], value: st.SearchStrategy[Any]
) -> st.SearchStrategy[Plain]:
    """Return conditions on one field."""
    return st.fixed_dictionaries(
        {"field": st.just(field), "operator": st.sampled_from(operators), "value": value}
    )


conditions = st.one_of(
    condition("args.q", ["equals", "not_equals"], scalars),
    condition("args.q", ["in", "not_in"], st.lists(scalars, min_size=1, max_size=3)),
    condition("args.q", ["contains", "starts_with", "ends_with"], st.sampled_from(TEXTS)),
    condition("args.q", ["regex", "not_regex"], st.sampled_from(["^sel", "o.", r"\d$"])),
    condition("args.n", ["gt", "lt", "gte", "lte"], st.integers(-5, 5)),
    condition("args.n", ["exists"], st.booleans()),
    condition("args.sql", ["sql_only", "sql_not_only"], st.just(["select"])),
    condition("user.claims.dept", ["equals", "not_equals"], st.sampled_from(["it", "hr"])),
    condition("user.roles", ["contains", "not_contains"], st.sampled_from(ROLES)),
    condition("request.hour", ["gte", "lt"], st.integers(1, 22)),
)


@st.composite
def rules(draw: st.DrawFn, number: int) -> Plain:
    """Return one rule of the long form."""
    effect = draw(st.sampled_from(["allow", "allow", "ask", "deny"]))
    optional: dict[str, st.SearchStrategy[Any]] = {
        "agents": agents,
        **matchers,
        "actions": some([*map(str, Action), "*"]),
        "when": st.lists(conditions, min_size=1, max_size=2),
        "priority": st.sampled_from([1, 100, 200]),
        "reason": st.just("Because."),
        "description": st.just("What for."),
        "redact": st.just(["args.q"]),
    }
    if effect == "ask":
        optional["remember"] = st.sampled_from(["call", "session", "15m", "90s", "2h"])
    keys = draw(st.sets(st.sampled_from(sorted(optional)), max_size=4))
    said = {key: draw(optional[key]) for key in sorted(keys)}
    return {"name": f"rule {number}", "effect": effect, **said}


@st.composite
def plain_policies(draw: st.DrawFn) -> Plain:
    """Return a policy as YAML would give it; not every one is valid."""
    policy: Plain = {"version": 1}
    if draw(st.booleans()):
        policy["roles"] = {role: draw(grants) for role in draw(some(ROLES, 3))}
        first, *others = policy["roles"]
        for other in others:
            if draw(st.booleans()):
                policy["roles"][other]["includes"] = [first]
    if draw(st.booleans()):
        policy["tags"] = {tag: draw(taggings) for tag in draw(some(TAGS))}
    count = draw(st.integers(0, 4))
    if count:
        policy["rules"] = [draw(rules(number)) for number in range(count)]
    for key, value in (("default", "allow"), ("default", "deny"), ("mode", "observe")):
        if draw(st.integers(0, 7)) == 0:
            policy[key] = value
    return policy


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Return a valid document, read from YAML."""
    policy = draw(plain_policies())
    try:
        return parse_policy(yaml.safe_dump(policy, allow_unicode=True), "policy.yaml")
    except InvalidPolicy:
        assume(condition=False)
        raise


identities = st.builds(
    Identity,
    tenant_id=st.sampled_from(["t1", "t3"]),
    object_id=st.sampled_from(["ann", "bob"]),
    roles=st.frozensets(st.sampled_from([*ROLES, "Other"]), max_size=3),
    scopes=st.frozensets(st.sampled_from(["s1", "s2"])),
    groups=st.frozensets(st.sampled_from(["g1", "g3"])),
    client_id=st.just("client"),
    issued_at=st.just(0),
    expires_at=st.just(1 << 40),
    claims=st.sampled_from([{}, {"dept": "it"}, {"dept": 7}]),
)
arguments = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {},
        optional={
            "q": scalars,
            "n": st.integers(-6, 6),
            "sql": st.sampled_from(["SELECT 1", "DROP TABLE x", "SELECT 1; DROP TABLE x", "("]),
        },
    ),
)
requests = st.builds(
    Request,
    st.sampled_from(Action),
    arguments,
    st.sampled_from([None, ClientInfo("Claude"), ClientInfo("cursor")]),
    st.sampled_from([None, 1_790_000_000.0, 1_790_030_000.0]),
)
own_tags = st.frozensets(st.sampled_from(TAGS), max_size=1)
components = st.one_of(
    st.builds(
        Component,
        st.just(Kind.TOOL),
        st.sampled_from(NAMES),
        own_tags,
        namespace=st.sampled_from(["", "n1"]),
        annotations=st.sampled_from([{}, {"readOnlyHint": True}, {"destructiveHint": False}]),
    ),
    st.builds(Component, st.just(Kind.RESOURCE), st.sampled_from(URIS), own_tags),
    st.builds(Component, st.just(Kind.PROMPT), st.sampled_from(NAMES), own_tags),
)


def asked(each: int = 3) -> st.SearchStrategy[list[Question]]:
    """Return questions: so many people times requests times components."""
    return st.tuples(
        st.lists(identities, min_size=each, max_size=each),
        st.lists(requests, min_size=each, max_size=each),
        st.lists(components, min_size=each, max_size=each),
    ).map(lambda drawn: list(product(*drawn)))
