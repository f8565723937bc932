"""What a compiled policy decides, and how it says so."""

from __future__ import annotations

import pytest

from mcp_local.identity.model import Identity
from mcp_local.policy.deciding.compile import compile_policy
from mcp_local.policy.deciding.engine import CompiledPolicy
from mcp_local.policy.deciding.matching import Matcher, Names
from mcp_local.policy.deciding.rules import Rule
from mcp_local.policy.model import (
    Action,
    ClientInfo,
    Component,
    Decision,
    Effect,
    Kind,
    Request,
)
from mcp_local.policy.problems import Origin
from mcp_local.policy.reading.parse import parse_policy
from mcp_local.policy.refuse import REFUSE_ALL, refuse_broken

SAMPLE = """
version: 1
roles:
  Task.Read:   {tags: [read]}
  Task.Write:  {includes: [Task.Read],  tags: [write]}
  Task.All:    {includes: [Task.Write], tags: [admin]}
  Admin:       {includes: [Task.All],   tags: [delete]}
  Reader:      {resources: ["docs://public/*", "docs://{path}/plain"], prompts: [greet]}
  Caller:      {tools: [query], actions: [call, read]}
  One:         {resources: ["docs://exact/one"]}
  Idle:        {}
tags:
  read:   {tools: ["get_*", "list_*"], resources: ["open://*"], prompts: ["help_*"]}
  delete: {tools: ["*_delete"]}
"""
READ = frozenset({"read"})


@pytest.fixture(scope="module")
def policy() -> CompiledPolicy:
    """The policy of POLICY.md's beginning, and a little more."""
    return compile_policy([parse_policy(SAMPLE, "policy.yaml")])


def person(*roles: str) -> Identity:
    """Return a verified person with roles."""
    return Identity("tid", "oid", frozenset(roles), frozenset(), frozenset(), "client", 0, 0)


def tool(name: str, *tags: str) -> Component:
    """Return a tool."""
    return Component(Kind.TOOL, name, frozenset(tags))


def ask(
    policy: CompiledPolicy, component: Component, *roles: str, action: Action = Action.LIST
) -> Decision:
    """Ask the policy for somebody with roles."""
    return policy.decide(person(*roles), Request(action), component)


@pytest.mark.parametrize("action", Action)
def test_a_tag_grants_every_action_to_the_role_and_those_that_include_it(
    policy: CompiledPolicy, action: Action
) -> None:
    """What one role may, the roles above it may."""
    weather = tool("weather", "read")
    allowed = {role: ask(policy, weather, role, action=action).allowed for role in policy.roles}
    granted = {"Task.Read", "Task.Write", "Task.All", "Admin"}
    assert {role for role, may in allowed.items() if may} == granted


def test_an_allowing_decision_names_rule_and_role(policy: CompiledPolicy) -> None:
    """The rule is the grant that matched, though the role only includes it."""
    decision = ask(policy, tool("weather", "read"), "Admin")
    assert decision.effect is Effect.ALLOW
    assert decision.rule == "roles.Task.Read"
    assert decision.reason == "Allowed by roles.Task.Read, through the role Admin."
    assert decision.needs_roles == ()
    assert decision.evaluation_us > 0


def test_a_denial_names_every_role_that_would_allow_it(policy: CompiledPolicy) -> None:
    """The role that reaches least comes first."""
    decision = ask(policy, tool("alert", "write"), "Task.Read")
    assert decision.effect is Effect.DENY
    assert decision.rule == "default"
    assert decision.needs_roles == ("Task.Write", "Task.All", "Admin")
    assert decision.reason == (
        "None of your roles allows it; it needs Task.Write, Task.All or Admin."
    )


def test_somebody_without_roles_is_told_so(policy: CompiledPolicy) -> None:
    """The reason is about the person."""
    decision = ask(policy, tool("x_delete"))
    assert decision.reason == "You have no role; it needs Admin."


def test_what_no_role_reaches_is_told_so(policy: CompiledPolicy) -> None:
    """No role is promised that wouldn't help."""
    decision = ask(policy, tool("unknown"), "Admin")
    assert (decision.rule, decision.needs_roles) == ("default", ())
    assert decision.reason == "No role allows it."


def test_considered_rules_are_those_about_the_component(policy: CompiledPolicy) -> None:
    """Each says whether it applies, and to whom it would."""
    (trace,) = ask(policy, tool("alert", "write"), "Task.Read").considered
    assert (trace.rule, trace.effect, trace.applies) == ("roles.Task.Write", Effect.ALLOW, False)
    assert trace.why_not == "needs Admin, Task.All or Task.Write"
    (trace,) = ask(policy, tool("alert", "write"), "Admin").considered
    assert (trace.applies, trace.why_not) == (True, "")


def test_nobody_may_anything(policy: CompiledPolicy) -> None:
    """Without a verified identity the answer is no, whatever `default` says (POLICY.md 0)."""
    open_policy = compile_policy([parse_policy("default: allow", "policy.yaml")])
    for each in (policy, open_policy):
        decision = each.decide(None, Request(Action.CALL), tool("weather", "read"))
        assert (decision.effect, decision.rule) == (Effect.DENY, "identity")


def test_default_allow_allows_what_no_rule_speaks_of() -> None:
    """With an identity, and said as it is."""
    open_policy = compile_policy([parse_policy("default: allow", "policy.yaml")])
    decision = ask(open_policy, tool("anything"))
    assert (decision.effect, decision.rule) == (Effect.ALLOW, "default")
    assert "by default" in decision.reason


@pytest.mark.parametrize(
    "role", ["task.read", "Task.Read ", "Task.Re\u0430d", "TASK.READ", "*", ""]
)
def test_roles_match_exactly(policy: CompiledPolicy, role: str) -> None:
    """No folding, no trimming, no look-alikes (J16)."""
    assert not ask(policy, tool("weather", "read"), role).allowed


def test_patterns_give_tags_to_what_carries_none(policy: CompiledPolicy) -> None:
    """Of every kind; a component's own tags are left as they are."""
    assert ask(policy, tool("get_weather"), "Task.Read").allowed
    assert ask(policy, Component(Kind.RESOURCE, "open://a"), "Task.Read").allowed
    assert ask(policy, Component(Kind.PROMPT, "help_me"), "Task.Read").allowed
    assert not ask(policy, tool("get_weather", "other"), "Task.Read").allowed
    assert not ask(policy, Component(Kind.PROMPT, "get_weather"), "Task.Read").allowed


def test_names_of_one_kind_are_not_names_of_another(policy: CompiledPolicy) -> None:
    """A prompt's grant is no tool's."""
    assert ask(policy, Component(Kind.PROMPT, "greet"), "Reader").allowed
    assert not ask(policy, tool("greet"), "Reader").allowed


def test_actions_limit_a_grant(policy: CompiledPolicy) -> None:
    """A grant of calls doesn't list."""
    assert ask(policy, tool("query"), "Caller", action=Action.CALL).allowed
    assert not ask(policy, tool("query"), "Caller", action=Action.LIST).allowed


def test_a_star_stands_for_all_actions() -> None:
    """As when actions are left out."""
    text = 'roles: {A: {tools: [x], actions: ["*"]}}'
    policy = compile_policy([parse_policy(text, "policy.yaml")])
    assert all(ask(policy, tool("x"), "A", action=action).allowed for action in Action)


def test_a_template_is_matched_by_its_text_or_by_the_uri_read_through_it(
    policy: CompiledPolicy,
) -> None:
    """A pattern for part of it allows that part only."""

    def read(uri: str, template: str = "docs://{path}") -> bool:
        component = Component(Kind.RESOURCE, template, template=True, uri=uri)
        return ask(policy, component, "Reader", action=Action.READ).allowed

    assert read("docs://public/a")
    assert not read("docs://private/a")
    assert not read("")
    assert read("docs://private/plain", "docs://{path}/plain")


def test_a_pattern_that_fits_a_templates_text_does_not_open_all_of_it() -> None:
    """A brace is a sign that isn't `s`; the address read through the template is what counts."""
    text = 'roles: {A: {resources: ["docs://[!s]*", "docs://?????"]}}'
    policy = compile_policy([parse_policy(text, "policy.yaml")])

    def read(uri: str) -> bool:
        component = Component(Kind.RESOURCE, "docs://{abc}", template=True, uri=uri)
        return ask(policy, component, "A", action=Action.READ).allowed

    assert read("docs://public")
    assert not read("docs://secret")
    assert read("docs://sixty")
    assert not read("")


def test_a_template_is_listed_when_part_of_it_may_be_read(policy: CompiledPolicy) -> None:
    """What is usable is listed; what can't be is not."""

    def listed(template: str, action: Action = Action.LIST) -> bool:
        component = Component(Kind.RESOURCE, template, template=True)
        return ask(policy, component, "Reader", action=action).allowed

    assert listed("docs://{path}")
    assert not listed("docs://private/{path}")
    assert not listed("docs://{path}", Action.COMPLETE)
    assert listed("docs://public/{path}", Action.COMPLETE)


def test_a_uri_named_in_full_is_read_through_its_template_and_lists_it(
    policy: CompiledPolicy,
) -> None:
    """A plain name does what a pattern does."""

    def may(action: Action, uri: str) -> bool:
        component = Component(Kind.RESOURCE, "docs://{path}", template=True, uri=uri)
        return ask(policy, component, "One", action=action).allowed

    assert may(Action.READ, "docs://exact/one")
    assert not may(Action.READ, "docs://exact/two")
    assert may(Action.LIST, "")
    assert not may(Action.LIST, "docs://exact/two")


def test_ambiguous_addresses_are_refused_before_any_matching(policy: CompiledPolicy) -> None:
    """Even where everything is allowed; tools may be called what they like."""
    open_policy = compile_policy([parse_policy("default: allow", "policy.yaml")])
    for component in (
        Component(Kind.RESOURCE, "docs://public/../private"),
        Component(Kind.RESOURCE, "docs://{path}", template=True, uri="docs://public/%2e%2e/a"),
        Component(Kind.RESOURCE, "docs://{user}@host", template=True, uri="docs://public/a"),
    ):
        for each in (policy, open_policy):
            decision = ask(each, component, "Reader", action=Action.READ)
            assert (decision.effect, decision.rule) == (Effect.DENY, "uri")
            assert decision.needs_roles == ()
    assert ask(open_policy, tool("a/../b")).allowed


def test_arguments_client_and_time_change_nothing_in_the_short_form(
    policy: CompiledPolicy,
) -> None:
    """No short grant looks at them."""
    component = tool("weather", "read")
    request = Request(Action.CALL, {"city": ["unhashable"]}, ClientInfo("x"), now=1.0)
    assert policy.decide(person("Admin"), request, component).allowed


@pytest.mark.parametrize(
    "name", ["", "x" * 1_000_000, "\ud800", "\x00", "\n", "İ", "ﬁle", "get_\udfff", "[", "{}"]
)
def test_no_name_raises(policy: CompiledPolicy, name: str) -> None:
    """The engine answers whatever it is asked (M3)."""
    for kind in Kind:
        for template in (False, True):
            component = Component(kind, name, template=template, uri=name)
            assert isinstance(ask(policy, component, "\ud800"), Decision)


def test_a_decision_given_before_is_looked_up(policy: CompiledPolicy) -> None:
    """The very same object; names beyond all measure aren't kept."""
    assert ask(policy, tool("weather", "read"), "Admin") is ask(
        policy, tool("weather", "read"), "Admin"
    )
    long = tool("get_" + "x" * 10_000)
    assert ask(policy, long, "Admin").allowed
    assert ask(policy, long, "Admin") is not ask(policy, long, "Admin")


def test_roles_are_known_by_how_far_they_reach(policy: CompiledPolicy) -> None:
    """Least first; this is the order in which they are named to people."""
    assert policy.roles == (
        "Caller",
        "Idle",
        "One",
        "Reader",
        "Task.Read",
        "Task.Write",
        "Task.All",
        "Admin",
    )


def test_many_roles_are_counted_in_the_sentence_and_listed_in_the_decision() -> None:
    """A sentence stays one."""
    roles = "\n".join(f"  R{i}: {{tools: [x]}}" for i in range(9))
    policy = compile_policy([parse_policy(f"roles:\n{roles}", "policy.yaml")])
    decision = ask(policy, tool("x"))
    assert decision.needs_roles == tuple(f"R{i}" for i in range(9))
    assert decision.reason == "You have no role; it needs R0, R1, R2, R3 or 5 others."


def rule(name: str, effect: Effect, *, priority: int = 100, role: str = "A") -> Rule:
    """Return a rule about the tool `x`."""
    matcher = Matcher(frozenset({Kind.TOOL}), (Names(["x"]),))
    actions, origin = frozenset(Action), Origin("policy.yaml")
    return Rule(name, effect, frozenset({role}), (matcher,), actions, origin, priority)


def test_at_equal_priority_caution_wins_whatever_the_order() -> None:
    """Deny before ask before allow; a higher priority before all (POLICY.md 2)."""
    allow, ask_first, deny = (
        rule(effect, effect) for effect in (Effect.ALLOW, Effect.ASK, Effect.DENY)
    )
    urgent = rule("urgent", Effect.ALLOW, priority=200)

    def decide(*rules: Rule) -> str:
        return ask(CompiledPolicy(rules), tool("x"), "A").rule

    assert decide(allow, ask_first, deny) == decide(deny, ask_first, allow) == "deny"
    assert decide(allow, ask_first) == decide(ask_first, allow) == "ask"
    assert decide(deny, urgent) == decide(urgent, deny) == "urgent"


def test_a_role_that_a_deny_would_stop_is_not_promised() -> None:
    """Only roles that would really allow it are named."""
    rules = [rule("a", Effect.ALLOW, role="A"), rule("b", Effect.ALLOW, role="B")]
    policy = CompiledPolicy([*rules, rule("no", Effect.DENY, role="B")], roles=["A", "B"])
    assert ask(policy, tool("x")).needs_roles == ("A",)
    assert ask(policy, tool("x"), "B").needs_roles == ()
    assert ask(policy, tool("x"), "B").reason == "Denied by no, through the role B."


def test_a_matcher_wants_everything_it_asks_for() -> None:
    """Names and tags in one matcher both count; two matchers are alternatives."""
    both = Matcher(frozenset({Kind.TOOL}), (Names(["x"]),), frozenset({"t"}))
    one = Rule(
        "both", Effect.ALLOW, frozenset({"A"}), (both,), frozenset(Action), Origin("policy.yaml")
    )
    policy = CompiledPolicy([one])
    assert ask(policy, tool("x", "t"), "A").allowed
    assert not ask(policy, tool("x", "u"), "A").allowed
    assert not ask(policy, tool("y", "t"), "A").allowed


def test_no_policy_and_a_broken_one_refuse_everybody() -> None:
    """And say which of the two it is."""
    broken = refuse_broken("policy.yaml:1:1: `rolse` is no key here.")
    for decides, name in ((REFUSE_ALL, "no-policy"), (broken, "broken-policy")):
        for identity in (None, person("Admin")):
            decision = decides.decide(identity, Request(Action.LIST), tool("x"))
            assert (decision.effect, decision.rule) == (Effect.DENY, name)
            assert decision.needs_roles == ()
    assert "rolse" in broken.decide(None, Request(Action.LIST), tool("x")).reason


@pytest.mark.parametrize(
    ("template", "uri", "effect"),
    [
        ("docs://{name}{?page}", "docs://a.txt", Effect.ALLOW),
        ("docs://{name}{?page}", "docs://a.key?.txt", Effect.DENY),
        ("docs://{name}{?page}", "docs://a.txt?page=2.txt", Effect.ALLOW),
        ("docs://{name}{?page}", "docs://secret.txt?a.txt", Effect.DENY),
        ("docs://{name}", "docs://a.key?.txt", Effect.DENY),
        ("docs://{name}", "docs://a.key#.txt", Effect.DENY),
        ("docs://{name}", "docs://s%65cret.txt", Effect.DENY),
        ("find://{?words}", "find://?words=x", Effect.ALLOW),
    ],
)
def test_what_a_server_drops_or_decodes_is_no_way_round_a_pattern(
    template: str, uri: str, effect: Effect
) -> None:
    """FastMCP reads `docs://a.key?.txt` as `docs://a.key`: an ending proves nothing there."""
    policy = compile_policy([parse_policy(ENDINGS, "policy.yaml")])
    read = Component(Kind.RESOURCE, template, template=True, uri=uri)
    assert ask(policy, read, "Reader", action=Action.READ).effect is effect


ENDINGS = """
rules:
  - {name: texts, effect: allow, resources: {patterns: ["docs://*.txt", "find://?words=*"]}}
  - {name: secret, effect: deny, resources: {uris: ["docs://secret.txt"]}}
"""
