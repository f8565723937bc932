"""What rules of the long form decide together: modes, what is uncertain, lists (POLICY.md 1, 5)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from mcp_local.policy.deciding.compile import compile_policy
from mcp_local.policy.model import (
    SESSION,
    Action,
    ClientInfo,
    Component,
    Effect,
    Kind,
    Request,
)
from mcp_local.policy.problems import InvalidPolicy
from mcp_local.policy.reading.parse import parse_policy
from tests.support.judged import MONDAY_NOON, PAY, call, person, policy


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


def test_an_uncertain_ask_never_softens_a_deny() -> None:
    """Not where it comes first, either: what is forbidden isn't asked about (POLICY.md 5)."""
    compiled = policy("""
rules:
  - {name: big, effect: ask, when: [{field: args.x, operator: gt, value: 1}], priority: 90}
  - {name: never, effect: deny, priority: 50}
""")
    for arguments in ({}, {"x": "odd"}, {"x": 1}):
        decision = call(compiled, arguments)
        assert (decision.effect, decision.rule) == (Effect.DENY, "never")
    assert call(compiled, {"x": 2}).effect is Effect.ASK


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


def test_several_threads_get_the_same_answers() -> None:
    """The engine is asked by many at once."""
    compiled = policy(ASKING)
    expected = {x: call(compiled, {"x": x}, "R").effect for x in range(4)}

    def ask(number: int) -> bool:
        x = number % 4
        return call(compiled, {"x": x}, "R", f"X{number % 7}").effect is expected[x]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(400)))
