"""What rules of the long form decide, and how they explain it (POLICY.md 1, 2, 3, 5, 6)."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mcp_local.errors import PolicyError
from mcp_local.identity.model import Identity
from mcp_local.policy.deciding import engine, predicates
from mcp_local.policy.deciding.compile import compile_policy
from mcp_local.policy.deciding.predicates import condition
from mcp_local.policy.document import Condition, Document, Operator, Rule
from mcp_local.policy.load import load_policy
from mcp_local.policy.model import (
    SESSION,
    Action,
    ClientInfo,
    Component,
    Decision,
    Effect,
    Kind,
    Request,
)
from mcp_local.policy.problems import InvalidPolicy
from mcp_local.policy.reading.parse import parse_policy
from mcp_local.policy.vocabulary import sql

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.policy.deciding.engine import CompiledPolicy

MONDAY_NOON = datetime(2026, 1, 5, 12, tzinfo=UTC).timestamp()
PAY = Component(Kind.TOOL, "pay")


def policy(text: str, folder: Path | None = None) -> CompiledPolicy:
    """Return a policy whose hours are those of Greenwich."""
    return compile_policy([parse_policy(text, "policy.yaml")], folder=folder, zone=UTC)


def person(*roles: str, claims: Mapping[str, object] | None = None) -> Identity:
    """Return a verified person."""
    return Identity(
        "t",
        "ann",
        frozenset(roles),
        frozenset({"s"}),
        frozenset({"g"}),
        "c",
        0,
        0,
        claims=claims or {},
    )


def call(
    compiled: CompiledPolicy,
    arguments: Mapping[str, object] | None = None,
    *roles: str,
    tool: Component = PAY,
    client: str = "",
    now: float | None = MONDAY_NOON,
) -> Decision:
    """Call a tool."""
    request = Request(Action.CALL, arguments or {}, ClientInfo(client), now)
    return compiled.decide(person(*roles), request, tool)


def one_allow(when: str) -> CompiledPolicy:
    """Return a policy that allows everything under one condition."""
    return policy(f"rules: [{{name: r, effect: allow, when: [{when}]}}]")


def holds(when: str, arguments: Mapping[str, object]) -> bool | None:
    """Return what a condition comes to: an allow applies if true, a deny unless false."""
    allowed = call(one_allow(when), arguments).allowed
    deny = policy(f"default: allow\nrules: [{{name: r, effect: deny, when: [{when}]}}]")
    denied = not call(deny, arguments).allowed
    assert denied or not allowed
    return True if allowed else None if denied else False


@pytest.mark.parametrize(
    ("operator", "value", "truths"),
    [
        ("equals", "'1'", [("1", True), ("2", False), (1, None), (True, None)]),
        ("equals", "1", [(1, True), (1.0, True), (2, False), ("1", None)]),
        ("equals", "true", [(True, True), (False, False), (1, None)]),
        ("not_equals", "a", [("a", False), ("b", True), (1, None)]),
        ("in", "[a, b]", [("a", True), ("c", False), (1, None)]),
        ("in", "[a, 1]", [("a", True), ("b", None), (1, True), (2, None), (True, None)]),
        ("not_in", "[a, 1]", [("a", False), ("1", None), (1, False), (2, None)]),
        ("not_in", "[a]", [("a", False), ("b", True), (1, None)]),
        ("contains", "ab", [("xaby", True), ("AB", False), (1, None)]),
        ("not_contains", "ab", [("xaby", False), ("AB", True), (1, None)]),
        ("starts_with", "ab", [("abc", True), ("cab", False), (1, None)]),
        ("ends_with", "ab", [("cab", True), ("abc", False), (1, None)]),
        ("regex", "^a+$", [("aaa", True), ("aab", False), ("\ud800", None), (1, None)]),
        ("not_regex", "b", [("aaa", True), ("aab", False), (1, None)]),
        ("gt", "1", [(2, True), (1, False), (float("nan"), None), ("2", None), (True, None)]),
        ("gte", "1", [(1, True), (0.5, False), (float("inf"), True)]),
        ("lt", "1", [(0, True), (1, False), (False, None)]),
        ("lte", "1.5", [(1.5, True), (2, False)]),
    ],
)
def test_operators_compare_exactly(
    operator: str, value: str, truths: list[tuple[object, bool | None]]
) -> None:
    """Nothing is converted: another type is unknown, neither equal nor unequal."""
    for seen, truth in truths:
        when = f"{{field: args.x, operator: {operator}, value: {value}}}"
        assert holds(when, {"x": seen}) is truth, seen


@pytest.mark.parametrize(
    "operator", [each for each in Operator if each not in {"exists", "condition"}]
)
def test_what_is_not_there_is_unknown(operator: Operator) -> None:
    """Missing, null, or not an object on the way: no operator but `exists` can tell anything."""
    values = {"in": "[a]", "not_in": "[a]", "under": "a", "sql_only": "[select]",
              "sql_not_only": "[select]", "gt": "1", "gte": "1", "lt": "1", "lte": "1"}  # fmt: skip
    when = f"{{field: args.x.y, operator: {operator}, value: {values.get(operator, 'a')}}}"
    for arguments in ({}, {"x": "a"}, {"x": None}, {"x": {"y": None}}, {"x": [{"y": "a"}]}):
        assert holds(when, arguments) is None


def test_exists_is_never_unknown_once_arguments_are_known() -> None:
    """A null is there; where the arguments themselves aren't known, it can't be told."""
    when = "{field: args.x.y, operator: exists, value: true}"
    assert holds(when, {"x": {"y": None}}) is True
    assert holds(when, {"x": "y"}) is False
    none_known = Request(Action.CALL, None)
    for value in ("true", "false"):
        compiled = one_allow(f"{{field: args.x, operator: exists, value: {value}}}")
        assert not compiled.decide(person(), none_known, PAY).allowed


@pytest.mark.parametrize("there", ['{"y": "a"}', '\ufeff\n{"y": 1}', "[]", [{"y": "a"}], [], "{"])
def test_what_a_server_may_look_into_leaves_unknown_what_is_inside(there: object) -> None:
    """Servers of the Python SDK read an object that stands in a text: it isn't missing there."""
    for operator, value in (("exists", "false"), ("exists", "true"), ("equals", "a")):
        when = f"{{field: args.x.y, operator: {operator}, value: {value}}}"
        assert holds(when, {"x": there}) is None
        assert holds(when, {"x": {"y": "a"}}) is (value != "false")


def test_a_name_with_dots_is_found_and_never_hides_another() -> None:
    """`args.x.y` is the `y` of `x`, and the argument `x.y`; where both are, nothing is known."""
    when = "{field: args.x.y.z, operator: equals, value: a}"
    for given in ({"x.y.z": "a"}, {"x.y": {"z": "a"}}, {"x": {"y.z": "a"}}):
        assert holds(when, given) is True
        assert holds("{field: args.x.y.z, operator: exists, value: false}", given) is False
    for given in ({"x.y.z": "a", "x": {"y": {"z": "a"}}}, {"X.y.z": "a"}, {"x": {"Y.z": "a"}}):
        assert holds(when, given) is None


def test_membership_of_a_list_that_stands_in_a_text() -> None:
    """Servers of the Python SDK read it as a list: text and list must agree."""
    when = "{field: args.x, operator: contains, value: admin}"
    assert holds(when, {"x": '["admin"]'}) is True
    assert holds(when, {"x": '["user"]'}) is False
    assert holds(when, {"x": '["\\u0061dmin"]'}) is None
    assert holds(when, {"x": '[["admin"]]'}) is None
    assert holds(when, {"x": '["administrator"]'}) is None
    assert holds(when, {"x": "[admin"}) is True
    assert holds(when, {"x": "[" * 100_000}) is False


def test_membership_of_a_list_is_exact() -> None:
    """A member of another type could hide the one that is looked for."""
    when = "{field: args.x, operator: contains, value: a}"
    assert holds(when, {"x": ["b", "a"]}) is True
    assert holds(when, {"x": ["b", "ab"]}) is False
    assert holds(when, {"x": ["b", ["a"]]}) is None


def test_both_spellings_of_an_argument_are_one() -> None:
    """`tool.args.x` is `args.x`; of a prompt there is no `tool.…`."""
    compiled = one_allow("{field: tool.args.x, operator: equals, value: a}")
    assert call(compiled, {"x": "a"}).allowed
    prompt = Component(Kind.PROMPT, "pay")
    assert not call(compiled, {"x": "a"}, tool=prompt).allowed


def test_claims_are_found_by_path_or_by_their_whole_name() -> None:
    """Some claims have dots in their names."""
    compiled = one_allow("{field: user.claims.a.b, operator: equals, value: x}")
    request = Request(Action.CALL, {})
    for claims in ({"a": {"b": "x"}}, {"a.b": "x"}):
        assert compiled.decide(person(claims=claims), request, PAY).allowed
    for claims in ({}, {"a": "x"}, {"a.b": ["x"]}):
        assert not compiled.decide(person(claims=claims), request, PAY).allowed


@pytest.mark.parametrize(
    ("when", "allowed"),
    [
        ("{field: request.hour, operator: gte, value: 9}", True),
        ("{field: request.hour, operator: lt, value: 12}", False),
        ("{field: request.weekday, operator: in, value: [mon, tue]}", True),
        ("{field: request.weekday, operator: equals, value: sun}", False),
        ("{field: request.time, operator: lt, value: '2026-01-05T13:00:00+00:00'}", True),
        ("{field: request.time, operator: lt, value: '2026-01-05T13:00:00+02:00'}", False),
        ("{field: request.time, operator: equals, value: '2026-01-05T14:00:00+02:00'}", True),
        ("{field: request.time, operator: in, value: ['2026-01-05T12:00:00Z', 0]}", True),
        ("{field: request.time, operator: not_in, value: ['2026-01-05T12:00:00Z']}", False),
        ("{field: request.action, operator: regex, value: '^(call|read)$'}", True),
        ("{field: request.action, operator: equals, value: call}", True),
        ("{field: user.agent_id, operator: equals, value: claude}", True),
        ("{field: user.roles, operator: contains, value: R}", True),
        ("{field: user.id, operator: equals, value: ann}", True),
        ("{field: user.name, operator: exists, value: true}", False),
        ("{field: tool.name, operator: starts_with, value: pa}", True),
        ("{field: tool.version, operator: equals, value: '2'}", True),
        ("{field: tool.tags, operator: contains, value: money}", True),
        ("{field: tool.namespace, operator: equals, value: bank}", True),
    ],
)
def test_every_field_can_be_looked_at(when: str, *, allowed: bool) -> None:
    """Of the request, the person, the client and the component."""
    tool = Component(Kind.TOOL, "pay", frozenset({"money"}), "bank", "2")
    assert call(one_allow(when), {}, "R", tool=tool, client="claude").allowed is allowed


@pytest.mark.parametrize("field", ["request.hour", "request.weekday", "request.time"])
def test_a_moment_that_is_unknown_or_beyond_calendars_is_unknown(field: str) -> None:
    """No clock, no guess."""
    compiled = one_allow(f"{{field: {field}, operator: exists, value: true}}")
    assert call(compiled, now=MONDAY_NOON).allowed
    assert not call(compiled, now=None).allowed
    assert call(compiled, now=1e300).allowed is (field == "request.time")


def test_a_deny_applies_unless_a_condition_is_false() -> None:
    """What can't be known never widens (POLICY.md 5)."""
    compiled = policy(
        "default: allow\nrules: [{name: r, effect: deny, when:"
        " [{field: args.x, operator: gt, value: 1}, {field: args.y, operator: equals, value: a}]}]"
    )
    assert call(compiled, {"x": 2}).effect is Effect.DENY
    assert call(compiled, {"x": 0}).effect is Effect.ALLOW
    assert call(compiled, {"y": "b"}).effect is Effect.ALLOW


ASKING = """
rules:
  - {name: big, effect: ask, when: [{field: args.x, operator: gt, value: 1}], remember: 15m}
  - {name: always, effect: ask, actions: [call], priority: 50, remember: session}
  - {name: may, effect: allow, agents: {roles: [R]}}
  - {name: never, effect: deny, agents: {roles: [Stop]}, priority: 90}
"""


def test_an_uncertain_ask_makes_an_allow_ask_and_nothing_else() -> None:
    """It decides nothing by itself and never comes before a deny (POLICY.md 5)."""
    compiled = policy(ASKING)
    certain, uncertain = call(compiled, {"x": 2}, "R"), call(compiled, {}, "R")
    assert (certain.effect, certain.rule, certain.remember) == (Effect.ASK, "big", 900)
    assert (uncertain.effect, uncertain.rule, uncertain.remember) == (Effect.ASK, "big", 900)
    assert uncertain.reason == "To be asked: whether big applies can't be known."
    assert call(compiled, {"x": 1}, "R").effect is Effect.ALLOW
    assert call(compiled, {}, "Stop").rule == "never"
    assert call(compiled, {"x": 2}, "Stop").rule == "big"


def test_an_uncertain_ask_never_lengthens_what_a_yes_holds_for() -> None:
    """The most cautious of the asks in play says how long."""
    compiled = policy(ASKING)
    later = call(compiled, {})
    assert (later.effect, later.rule, later.remember) == (Effect.ASK, "always", 900)
    assert call(compiled, {"x": 0}).remember == SESSION


def test_an_uncertain_ask_asks_where_the_default_allows() -> None:
    """A default that allows is an allow like any other."""
    compiled = policy(
        "default: allow\n"
        "rules: [{name: big, effect: ask, when: [{field: args.x, operator: gt, value: 1}]}]"
    )
    assert call(compiled, {}).effect is Effect.ASK
    assert call(compiled, {"x": 1}).effect is Effect.ALLOW


def test_lists_show_what_may_turn_out_usable() -> None:
    """Arguments, client and time aren't known there, even if they are given (POLICY.md 3)."""
    compiled = policy("""
rules:
  - {name: stop, effect: deny, tools: {names: [pay]},
     when: [{field: args.x, operator: gt, value: 1}]}
  - {name: cursor, effect: allow, agents: {agent_id: [cursor]}}
  - {name: day, effect: allow, tools: {names: [pay]},
     when: [{field: request.hour, operator: lt, value: 9}]}
""")
    entry = Request(Action.LIST, {"x": 2}, ClientInfo("claude"), MONDAY_NOON)
    listed = compiled.decide(person(), entry, PAY)
    assert (listed.effect, listed.rule) == (Effect.ALLOW, "cursor")
    assert compiled.decide(person(), entry, Component(Kind.TOOL, "other")).allowed
    assert not call(compiled, {"x": 2}, client="cursor").allowed
    assert call(compiled, {"x": 1}, client="cursor").allowed
    assert not call(compiled, {"x": 1}, client="claude").allowed


def test_a_deny_of_part_of_a_template_doesnt_hide_the_whole() -> None:
    """Nor does it let that part be read, or be completed."""
    compiled = policy("""
default: allow
rules: [{name: stop, effect: deny, resources: {patterns: ["docs://secret/*"]}}]
""")

    def may(action: Action, uri: str = "") -> bool:
        component = Component(Kind.RESOURCE, "docs://{path}", template=True, uri=uri)
        return compiled.decide(person(), Request(action), component).allowed

    assert may(Action.LIST)
    assert may(Action.READ, "docs://public/a")
    assert not may(Action.READ, "docs://secret/a")
    assert not may(Action.COMPLETE)


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


def test_only_what_the_default_refuses_is_let_through_when_observing() -> None:
    """Denies and asks hold; nobody stays nobody (POLICY.md 10)."""
    compiled = policy("""
mode: observe
rules:
  - {name: stop, effect: deny, tools: {names: [wipe]}}
  - {name: sure, effect: ask, tools: {names: [send]}}
  - {name: big, effect: ask, tools: {names: [pay]},
     when: [{field: args.x, operator: gt, value: 1}]}
""")
    assert compiled.observing
    seen = call(compiled, tool=Component(Kind.TOOL, "any"))
    assert (seen.effect, seen.observed, seen.rule) == (Effect.ALLOW, True, "default")
    assert call(compiled, tool=Component(Kind.TOOL, "wipe")).effect is Effect.DENY
    asked = call(compiled, tool=Component(Kind.TOOL, "send"))
    assert (asked.effect, asked.observed) == (Effect.ASK, False)
    uncertain = call(compiled, {})
    assert (uncertain.effect, uncertain.observed, uncertain.rule) == (Effect.ASK, True, "big")
    assert compiled.decide(None, Request(Action.CALL), PAY).effect is Effect.DENY
    ambiguous = Component(Kind.RESOURCE, "docs://a/../b")
    assert call(compiled, tool=ambiguous).rule == "uri"


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("args.sql", {"sql": "a", "SQL": "b"}),
        ("args.sql", {"SQL": "b"}),
        ("args.sql", {"\u017fql": "b", "sql": "a"}),
        ("tool.args.query.sql", {"query": {"sql": "a", "Sql": "b"}}),
        ("args.query.sql", {"query": {"sql": "a"}, "Query": {"sql": "b"}}),
    ],
)
def test_an_argument_in_another_case_leaves_it_unknown(
    field: str, arguments: dict[str, object]
) -> None:
    """Some servers take it for the one that was judged (M4); nothing is known of it, so."""
    for operator, value in (("equals", "a"), ("exists", "true"), ("exists", "false")):
        when = f"{{field: {field}, operator: {operator}, value: {value}}}"
        assert holds(when, arguments) is None


def test_arguments_that_no_condition_speaks_of_may_be_as_they_like() -> None:
    """Their names are none of the policy's business."""
    when = "{field: args.sql, operator: equals, value: a}"
    assert holds(when, {"sql": "a", "x": 1, "X": 2, "deep": {"sql": 1, "SQL": 2}}) is True


def test_modes_must_agree() -> None:
    """Which file comes first must not matter."""
    documents = [parse_policy("mode: observe", "a.yaml"), parse_policy("mode: enforce", "b.yaml")]
    with pytest.raises(InvalidPolicy, match=r"is `enforce`, but `observe` in a\.yaml"):
        compile_policy(documents)


def test_a_rule_of_another_files_name_is_refused() -> None:
    """Decisions name rules; a name must lead to one."""
    text = "rules: [{name: r, effect: deny}]"
    documents = [parse_policy(text, name) for name in ("a.yaml", "b.yaml")]
    with pytest.raises(InvalidPolicy, match=r"has the name of another rule, in a\.yaml:1"):
        compile_policy(documents)


def test_the_deciding_rule_shows_its_conditions_and_its_place() -> None:
    """With what they saw, so that `explain` can say what would change it."""
    decision = call(
        policy("rules:\n  - {name: r, effect: deny, reason: 'Too much.', when:"
               " [{field: args.x, operator: gt, value: 1}]}"),
        {"x": 2},
    )  # fmt: skip
    (trace,) = decision.conditions
    assert (trace.field, trace.operator, trace.value) == ("args.x", "gt", 1)
    assert (trace.seen, trace.holds) == (2, True)
    assert (decision.reason, decision.origin) == ("Too much.", "policy.yaml:2")


def test_where_nothing_decides_the_conditions_that_failed_are_shown() -> None:
    """Of rules that fit in everything else."""
    compiled = policy("""
rules:
  - {name: small, effect: allow, when: [{field: args.x, operator: lt, value: 10}]}
  - {name: other, effect: allow, agents: {roles: [R]},
     when: [{field: args.y, operator: equals, value: a}]}
""")
    decision = call(compiled, {"x": 20})
    assert [(each.field, each.seen, each.holds) for each in decision.conditions] == [
        ("args.x", 20, False)
    ]
    assert decision.reason == "No rule allows it like this: `args.x lt 10` doesn't hold."
    assert [each.why_not for each in decision.considered] == ["needs R", "`args.x lt 10` is false"]
    assert decision.needs_roles == ()
    assert call(compiled, {"x": 20, "y": "a"}).needs_roles == ("R",)


def test_what_is_marked_is_never_shown() -> None:
    """By any rule about the component, in either spelling, with all that lies inside."""
    compiled = policy("""
rules:
  - {name: marked, effect: allow, agents: {roles: [Nobody]}, redact: [tool.args.card]}
  - {name: r, effect: allow, when: [{field: args.card.number, operator: equals, value: a},
                                    {field: args.cards, operator: equals, value: b}]}
""")
    decision = call(compiled, {"card": {"number": "4111"}, "cards": "c"})
    assert decision.redact == ("tool.args.card",)
    assert [each.seen for each in decision.conditions] == ["(redacted)", "c"]
    assert "4111" not in repr(decision)


def test_a_decision_on_arguments_is_made_anew_each_time() -> None:
    """And nothing of the arguments is kept."""
    compiled = one_allow("{field: args.x, operator: equals, value: a}")
    assert call(compiled, {"x": "a"}).allowed
    assert not call(compiled, {"x": "b"}).allowed
    somebody, request = person(), Request(Action.CALL, {})
    first = compiled.decide(somebody, request, PAY)
    assert compiled.decide(somebody, request, PAY) is not first


def test_roles_that_conditions_speak_of_are_named_if_they_help() -> None:
    """Those that a deny would then stop are not."""
    compiled = policy("""
rules:
  - {name: boss, effect: allow, when: [{field: user.roles, operator: contains, value: Boss}]}
  - {name: stop, effect: deny, when: [{field: user.roles, operator: contains, value: Guest}]}
  - {name: guests, effect: allow, agents: {roles: [Guest, Member]}}
  - {name: some, effect: allow, agents: {roles: ["*"]}, priority: 50}
""")
    assert call(compiled).needs_roles == ("Boss", "Member")
    barred = policy("""
default: allow
rules: [{name: r, effect: deny, when: [{field: user.roles, operator: not_contains, value: In}]}]
""")
    assert call(barred).needs_roles == ("In",)
    assert call(barred, {}, "In").allowed


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many people, or too many answers: all is forgotten, and answered anew."""
    monkeypatch.setattr(engine, "_REMEMBERED", 4)
    monkeypatch.setattr(engine, "_PEOPLE", 2)
    compiled = policy("roles: {R: {tools: [pay]}}")
    for _ in range(2):
        for number in range(10):
            assert call(compiled, {}, "R", f"X{number}").allowed
            assert not call(compiled, {}, f"X{number}").allowed


def test_several_threads_get_the_same_answers() -> None:
    """The engine is asked by many at once."""
    compiled = policy(ASKING)
    expected = {x: call(compiled, {"x": x}, "R").effect for x in range(4)}

    def ask(number: int) -> bool:
        x = number % 4
        return call(compiled, {"x": x}, "R", f"X{number % 7}").effect is expected[x]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(400)))


def test_a_condition_made_by_hand_is_checked_like_one_in_a_file() -> None:
    """A document needn't come from a file; what means nothing is refused all the same."""
    for field, value, message in (
        ("args.x", "1", "must be a number"),
        ("arg.x", 1, "there is no `arg`"),
    ):
        when = (Condition(field, Operator.GT, value),)
        rule = Rule(name="r", effect=Effect.DENY, when=when)
        with pytest.raises(InvalidPolicy, match=message):
            compile_policy([Document(rules=(rule,))])


def test_a_great_many_rules_leave_a_decision_small() -> None:
    """It carries the first hundred, and the one that decided."""
    rules = "".join(
        f"  - {{name: r{n}, effect: deny, agents: {{roles: [R{n}]}}}}\n" for n in range(300)
    )
    decision = call(policy(f"rules:\n{rules}"), {}, "R299")
    assert len(decision.considered) == 101
    assert [each.rule for each in decision.considered if each.applies] == [decision.rule]


def test_conditions_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three-valued; a fault in one, or an answer that is none, is unknown."""
    monkeypatch.setattr(predicates, "_registered", {})
    answers: dict[str, object] = {}

    @condition("mine")
    def mine(identity: Identity, request: Request, component: Component, /) -> bool | None:
        assert (identity.object_id, component.name) == ("ann", "pay")
        answer = answers[str((request.arguments or {})["x"])]
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[return-value] # pyright: ignore[reportReturnType]

    answers |= {"yes": True, "no": False, "none": None, "odd": "yes", "fault": ValueError("x")}
    truths = {x: holds("{condition: mine}", {"x": x}) for x in answers}
    assert truths == {"yes": True, "no": False, "none": None, "odd": None, "fault": None}
    compiled = one_allow("{condition: mine}")
    assert compiled.decide(person(), Request(Action.LIST), PAY).allowed
    assert mine.__name__ == "mine"


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_under_follows_links_and_dots(tmp_path: Path) -> None:
    """What counts is where a path leads, from the target's working folder."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "out").symlink_to(tmp_path)
    compiled = policy(
        "rules: [{name: r, effect: allow, when: [{field: args.p, operator: under, value: data}]}]",
        tmp_path,
    )

    def may(path: object) -> bool:
        return call(compiled, {"p": path}).allowed

    for inside in (
        "data",
        "data/x",
        "./data/../data/x",
        str(tmp_path / "data/x"),
        ["data/a", "data"],
    ):
        assert may(inside)
    outside = [
        "",
        ".",
        "x",
        "data/../x",
        "data/out/x",
        "datax",
        "/",
        "~/data",
        "file:///x",
        "a\0b",
        1,
    ]
    for path in [*outside, ["data/x", "x"], [], ["data", 1], "x" * 5000]:
        assert not may(path)
    assert may(["data/x"] * 1000)
    assert not may(["data/x"] * 1001)  # to look at more would hold up the server


@pytest.mark.skipif(os.name == "nt", reason="there is no such folder there")
def test_under_is_unknown_of_what_each_process_takes_for_another_place(tmp_path: Path) -> None:
    """A wrapped server has a working folder and descriptors of its own."""
    compiled = policy(
        "rules: [{name: r, effect: allow, when: [{field: args.p, operator: under, value: /}]}]",
        tmp_path,
    )
    assert call(compiled, {"p": "/procedures/self"}).allowed
    for path in ("/proc/self/cwd/x", "/proc/thread-self/root/x", "/x/../dev/fd/3", "/dev/stdin"):
        assert not call(compiled, {"p": path}).allowed


def test_under_is_unknown_of_what_lies_partly_inside(tmp_path: Path) -> None:
    """So a deny applies where one of several paths is inside."""
    compiled = policy(
        "default: allow\n"
        "rules: [{name: r, effect: deny,"
        " when: [{field: args.p, operator: under, value: [s, '~']}]}]",
        tmp_path,
    )
    for path in ("s/x", ["s/x", "y"], [], "", "~/x", str(Path.home() / "x")):
        assert not call(compiled, {"p": path}).allowed
    assert call(compiled, {"p": "y"}).allowed
    assert call(compiled, {"p": ["y", "z"]}).allowed


def test_under_is_unknown_where_a_variable_leads_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some servers put in what `$NAME` says; a sign that names no variable is part of a name."""
    monkeypatch.setenv("ELSEWHERE", str(tmp_path.parent))
    monkeypatch.setenv("INSIDE", str(tmp_path / "data"))
    compiled = policy(
        "rules: [{name: r, effect: allow, when: [{field: args.p, operator: under, value: .}]}]",
        tmp_path,
    )
    for path, allowed in {
        "$ELSEWHERE/x": False,
        "${ELSEWHERE}/x": False,
        "$INSIDE/x": True,
        "Outer$Inner.class": True,
    }.items():
        assert call(compiled, {"p": path}).allowed is allowed, path


def test_under_is_unknown_of_paths_in_a_text_that_lie_elsewhere_than_the_text(
    tmp_path: Path,
) -> None:
    """Servers of the Python SDK read the list; as a path, the text itself lies right here."""
    compiled = policy(
        "rules: [{name: r, effect: allow, when: [{field: args.p, operator: under, value: .}]}]",
        tmp_path,
    )
    assert call(compiled, {"p": "[draft] notes.txt"}).allowed
    assert call(compiled, {"p": '["a", "b/c"]'}).allowed
    for attack in ('["/etc/passwd"]', ' ["a", "/etc/passwd"]', '["a", [1]]', "[]"):
        assert not call(compiled, {"p": attack}).allowed


def test_the_sql_rule_of_the_documentation() -> None:
    """Analysts may only read, however it is wrapped."""
    compiled = policy("""
roles: {Analyst: {tools: [query]}}
rules:
  - name: selects-only
    effect: deny
    agents: {roles: [Analyst]}
    tools: {names: [query]}
    actions: [call]
    when: [{field: args.sql, operator: sql_not_only, value: [select]}]
    reason: Analysts may only read.
""")
    query = Component(Kind.TOOL, "query")
    assert call(compiled, {"sql": "SELECT 1"}, "Analyst", tool=query).allowed
    for attack in ("SELECT 1; DROP TABLE x", "DELETE FROM t", "SELECT (", "", None, ["SELECT 1"]):
        decision = call(compiled, {"sql": attack}, "Analyst", tool=query)
        assert (decision.effect, decision.reason) == (Effect.DENY, "Analysts may only read.")
    assert not call(compiled, {}, "Analyst", tool=query).allowed


def test_a_policy_that_judges_sql_needs_the_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the extra; a policy that doesn't judge SQL never looks for it."""
    monkeypatch.setattr(sql, "find_spec", lambda _name: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    one_allow("{field: args.x, operator: regex, value: a}")
    with pytest.raises(PolicyError, match="extra `sql`") as caught:
        one_allow("{field: args.x, operator: sql_only, value: [select]}")
    assert "mcp-local[sql]" in caught.value.hint


def test_the_read_only_preset_lets_everybody_read_and_nobody_write() -> None:
    """Whatever their roles; nothing that isn't marked read-only, by the server itself."""
    compiled = load_policy(Path("preset:read-only"))
    reading = Component(Kind.TOOL, "x", annotations={"readOnlyHint": True})
    document, prompt = Component(Kind.RESOURCE, "docs://a"), Component(Kind.PROMPT, "p")
    template = Component(Kind.RESOURCE, "docs://{a}", template=True)
    usable = {
        reading: {Action.LIST, Action.CALL},
        document: {Action.LIST, Action.READ, Action.SUBSCRIBE, Action.COMPLETE},
        template: {Action.LIST, Action.READ, Action.SUBSCRIBE, Action.COMPLETE},
        prompt: {Action.LIST, Action.GET, Action.COMPLETE},
        PAY: set[Action](),
        Component(Kind.TOOL, "y", annotations={"readOnlyHint": False}): set[Action](),
        Component(Kind.TOOL, "z", annotations={"readOnlyHint": "true"}): set[Action](),
    }
    for component, actions in usable.items():
        for action in Action:
            decision = compiled.decide(person(), Request(action), component)
            assert decision.allowed is (action in actions)
            assert not compiled.decide(None, Request(action), component).allowed


def test_an_unknown_preset_is_told() -> None:
    """With the nearest one."""
    with pytest.raises(PolicyError, match="no preset 'readonly'") as caught:
        load_policy(Path("preset:readonly"))
    assert caught.value.hint == "Did you mean 'read-only'?"
