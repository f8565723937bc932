"""Whom and what a rule is for: agents and matchers (POLICY.md 2)."""

from __future__ import annotations

import pytest

from mcp_local.identity.model import Identity
from mcp_local.policy.model import (
    Action,
    ClientInfo,
    Component,
    Kind,
    Request,
)
from tests.support.judged import PAY, call, person, policy

AGENTS = {
    "roles: [R]": {"roles": frozenset({"R"})},
    'roles: ["*"]': {"roles": frozenset({"X"})},
    "user_id: [ann]": {},
    "user_id: ['an*']": {},
    "tenant: [t]": {},
    "groups: [g, h]": {},
    "scopes: [s]": {},
    "agent_id: ['claude*']": {"client": "claude-desktop"},
    "patterns: ['ann']": {},
    "patterns: ['claude*']": {"client": "claude-desktop"},
}


@pytest.mark.parametrize("agents", AGENTS)
def test_agents_are_matched_by_every_kind(agents: str) -> None:
    """One that fits applies; everybody else isn't meant."""
    compiled = policy(f"rules: [{{name: r, effect: allow, agents: {{{agents}}}}}]")
    fitting = AGENTS[agents]
    roles = frozenset(fitting.get("roles", frozenset[str]()))
    client = str(fitting.get("client", ""))
    assert call(compiled, {}, *roles, client=client).allowed
    other = Identity("u", "bob", frozenset(), frozenset(), frozenset(), "c", 0, 0)
    request = Request(Action.CALL, {}, ClientInfo("cursor"), 0.0)
    decision = compiled.decide(other, request, PAY)
    assert not decision.allowed
    assert decision.considered[0].why_not


def test_every_given_kind_of_agents_must_fit() -> None:
    """Role and tenant: both, not either."""
    compiled = policy("rules: [{name: r, effect: allow, agents: {roles: [R], tenant: [u]}}]")
    assert call(compiled, {}, "R").considered[0].why_not == "is for another tenant"


GUID = "ABCDEF01-2345-6789-ABCD-EF0123456789"


@pytest.mark.parametrize(
    "who",
    [
        f"agents: {{user_id: [{GUID}]}}",
        f"agents: {{patterns: [{GUID}]}}",
        f"when: [{{field: user.id, operator: equals, value: {GUID}}}]",
        f"when: [{{field: user.tenant, operator: in, value: [{GUID}]}}]",
        f"when: [{{field: user.groups, operator: contains, value: {GUID}}}]",
    ],
)
def test_an_id_in_capitals_is_the_same_id(who: str) -> None:
    """A deny must not miss a person because a GUID was copied from elsewhere."""
    compiled = policy(f"default: allow\nrules: [{{name: r, effect: deny, {who}}}]")
    request = Request(Action.CALL, client=ClientInfo("claude"))
    for spelt, allowed in ((GUID.lower(), False), (GUID.lower().replace("0", "1"), True)):
        somebody = Identity(spelt, spelt, frozenset(), frozenset(), frozenset({spelt}), "c", 0, 0)
        assert compiled.decide(somebody, request, PAY).allowed is allowed


def test_a_client_that_is_named_like_an_id_is_found_as_it_is_spelt() -> None:
    """`patterns` fit clients, too, and those call themselves as they like."""
    compiled = policy(f"rules: [{{name: r, effect: allow, agents: {{patterns: [{GUID}]}}}}]")
    assert call(compiled, client=GUID).allowed


def test_a_deny_for_a_client_applies_where_no_client_is_known() -> None:
    """What a client doesn't say of itself never widens."""
    compiled = policy(
        "default: allow\nrules: [{name: r, effect: deny, agents: {agent_id: [cursor]}}]"
    )
    assert not call(compiled, client="cursor").allowed
    assert not call(compiled).allowed
    assert call(compiled, client="claude").allowed


@pytest.mark.parametrize(
    ("tools", "allowed"),
    [
        ("{names: [pay], tags: [money]}", True),
        ("{names: [pay], tags: [other]}", False),
        ("{names: [x], patterns: ['p*']}", True),
        ("{namespaces: [bank]}", True),
        ("{namespaces: [bank2], names: [pay]}", False),
        ("{annotations: {read_only: true}}", True),
        ("{annotations: {read_only: false}}", False),
        ("{annotations: {destructive: false}}", False),
        ("{annotations: {read_only: true, idempotent: true}}", False),
    ],
)
def test_a_matcher_wants_every_given_kind(tools: str, *, allowed: bool) -> None:
    """Names and patterns are one kind; a hint that isn't given is not matched."""
    compiled = policy(f"rules: [{{name: r, effect: allow, tools: {tools}}}]")
    hints: dict[str, object] = {"readOnlyHint": True, "idempotentHint": "yes"}
    tool = Component(Kind.TOOL, "pay", frozenset({"money"}), "bank", annotations=hints)
    assert call(compiled, tool=tool).allowed is allowed
    assert not call(compiled, tool=Component(Kind.PROMPT, "pay", tool.tags, "bank")).allowed


def test_schemes_are_those_of_addresses() -> None:
    """Whatever their case; of a template that begins with a variable it isn't known."""
    compiled = policy("rules: [{name: r, effect: allow, resources: {schemes: [docs]}}]")
    for name, allowed in {
        "docs://a": True,
        "DOCS://a": True,
        "doc://a": False,
        "docs": False,
    }.items():
        assert call(compiled, tool=Component(Kind.RESOURCE, name)).allowed is allowed
    opened = Component(Kind.RESOURCE, "{scheme}://a", template=True)
    assert compiled.decide(person(), Request(Action.LIST), opened).allowed
    assert not compiled.decide(person(), Request(Action.COMPLETE), opened).allowed
