"""Policies of mcp-auth-guard beside that program: the same decisions, but for what check tells."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings, strategies as st

from mcp_local.identity.model import Identity
from mcp_local.policy.auth_guard.remarks import Difference
from mcp_local.policy.deciding.compile import compile_policy
from mcp_local.policy.model import Action, ClientInfo, Component, Kind, Request
from mcp_local.policy.problems import InvalidPolicy
from mcp_local.policy.reading.parse import parse_policy
from tests.support.auth_guard import AuthGuard
from tests.support.policies import some

QUICK = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
SILENT = {Difference.CASE, Difference.URIS}
"""Differences that can't show here: this is no Windows, and resources are named by their URIs."""
WIDER = {Difference.LISTS, Difference.MEMBERS, Difference.CLASSES, Difference.AUTH}
"""The only others by which something may be allowed that isn't there."""

NAMES = ["get_a", "get_b", "run", "x://a", "x://b"]
GLOBS = ["get_*", "*_a", "*", "r?n", "x://*", "[!g]*", "g[e"]
names = some(NAMES)
globs = some(GLOBS)

agents = st.fixed_dictionaries(
    {},
    optional={
        "roles": st.one_of(some(["r", "s"]), st.just(["*"]), st.just([])),
        "user_id": st.one_of(st.just("ann"), some(["ann", "b*"])),
        "patterns": some(["a*", "zed"]),
    },
)
kinds: dict[str, st.SearchStrategy[Any]] = {
    "tools": st.fixed_dictionaries(
        {},
        optional={
            "names": names,
            "patterns": globs,
            "namespaces": st.just(["n"]),
            "tags": some(["t", "u"]),
        },
    ),
    "resources": st.fixed_dictionaries(
        {}, optional={"uris": names, "patterns": globs, "schemes": st.just(["x"])}
    ),
    "prompts": st.fixed_dictionaries(
        {}, optional={"names": names, "patterns": globs, "tags": some(["t"])}
    ),
}
texts = st.sampled_from(["one", "two", "on", "None"])
conditions = st.one_of(
    *(
        st.fixed_dictionaries(
            {"field": st.just(field), "operator": st.sampled_from(operators), "value": value}
        )
        for field, operators, value in (
            ("tool.args.q", ["equals", "not_equals", "contains", "not_contains"], texts),
            ("tool.args.q", ["starts_with", "ends_with", "regex"], texts),
            ("tool.args.q", ["in", "not_in"], st.lists(texts, min_size=1, max_size=2)),
            ("tool.args.n", ["gt", "lt", "gte", "lte", "equals"], st.integers(-2, 2)),
            ("user.claims.c", ["equals", "not_equals"], texts),
            ("user.id", ["equals", "starts_with"], st.sampled_from(["ann", "a"])),
            ("tool.name", ["equals", "regex"], st.sampled_from(["run", "get", "x://a"])),
            ("context.time.hour", ["gte", "not_equals"], st.integers(0, 3)),
            ("user.authenticated", ["equals"], st.booleans()),
        )
    )
)
rule = st.fixed_dictionaries(
    {"name": st.sampled_from(["a", "b", "c"]), "effect": st.sampled_from(["allow", "deny"])},
    optional={
        "agents": agents,
        **kinds,
        "actions": some(["list", "call", "read", "get", "*", "l*", "no"]),
        "conditions": st.lists(conditions, max_size=2),
        "priority": st.sampled_from([1, 100, 200]),
    },
)
policies = st.fixed_dictionaries(
    {"name": st.just("p"), "version": st.just("1.0"), "rules": st.lists(rule, max_size=4)},
    optional={"default_effect": st.sampled_from(["deny", "Deny", "allow"])},
)

USES = {
    Kind.TOOL: [Action.LIST, Action.CALL],
    Kind.RESOURCE: [Action.LIST, Action.READ],
    Kind.PROMPT: [Action.LIST, Action.GET],
}
people = st.builds(
    Identity,
    tenant_id=st.just("t"),
    object_id=st.sampled_from(["ann", "bob"]),
    roles=st.frozensets(st.sampled_from(["r", "s"])),
    scopes=st.just(frozenset[str]()),
    groups=st.just(frozenset[str]()),
    client_id=st.just("c"),
    issued_at=st.just(0),
    expires_at=st.just(1 << 40),
    claims=st.sampled_from([{}, {"c": "one"}]),
)
components = st.one_of(
    st.builds(
        Component,
        st.sampled_from([Kind.TOOL, Kind.PROMPT]),
        st.sampled_from(["get_a", "get_b", "run"]),
        st.frozensets(st.just("t")),
        st.sampled_from(["", "n"]),
    ),
    st.builds(Component, st.just(Kind.RESOURCE), st.sampled_from(["x://a", "x://b", "y:c"])),
)
arguments = st.fixed_dictionaries(
    {}, optional={"q": st.one_of(texts, st.integers()), "n": st.one_of(st.integers(-3, 3), texts)}
)


@st.composite
def questions(draw: st.DrawFn) -> tuple[Identity, Request, Component]:
    """Return what that program can be asked; in lists it is told no arguments."""
    component = draw(components)
    action = draw(st.sampled_from(USES[component.kind]))
    said = None if action is Action.LIST else draw(arguments)
    client = draw(st.sampled_from([None, ClientInfo("zed"), ClientInfo("other")]))
    return draw(people), Request(action, said, client), component


def differences(remarks: tuple[Any, ...]) -> set[Difference]:
    """Return the differences that remarks tell of."""
    return {each for each in Difference for remark in remarks if each in remark.message}


def check_beside(policy: dict[str, Any], asked: list[tuple[Identity, Request, Component]]) -> None:
    """Compare both programs."""
    try:
        document = parse_policy(yaml.safe_dump(policy), "policy.yaml")
    except InvalidPolicy:
        assume(condition=False)
        raise
    ours, theirs = compile_policy([document]), AuthGuard(policy)
    met = differences(document.remarks) - SILENT
    for identity, request, component in asked:
        decision = ours.decide(identity, request, component)
        allowed = theirs.allowed(identity, request, component)
        if decision.allowed != allowed:
            assert met, (decision, allowed)
        if decision.allowed and not allowed:
            assert met & WIDER, (decision, document)
            assert request.action is Action.LIST or met & (WIDER - {Difference.LISTS})


@given(policies, st.lists(questions(), min_size=6, max_size=6))
@QUICK
def test_decisions_differ_only_where_check_says_so(
    policy: dict[str, Any], asked: list[tuple[Identity, Request, Component]]
) -> None:
    """What is decided otherwise meets a difference that is told; it is hardly ever allowed."""
    check_beside(policy, asked)


@pytest.mark.heavy
@pytest.mark.timeout(3600)
@given(policies, st.lists(questions(), min_size=20, max_size=20))
@settings(QUICK, max_examples=3_000)
def test_decisions_differ_only_where_check_says_so_at_length(
    policy: dict[str, Any], asked: list[tuple[Identity, Request, Component]]
) -> None:
    """The same, for 60,000 questions."""
    check_beside(policy, asked)
