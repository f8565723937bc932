"""How a decision is explained, and what is kept of it (POLICY.md 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_local.policy.deciding import engine
from mcp_local.policy.model import (
    Action,
    Request,
)
from tests.support.judged import PAY, call, one_allow, person, policy

if TYPE_CHECKING:
    import pytest


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


def test_a_great_many_rules_leave_a_decision_small() -> None:
    """It carries the first hundred, and the one that decided."""
    rules = "".join(
        f"  - {{name: r{n}, effect: deny, agents: {{roles: [R{n}]}}}}\n" for n in range(300)
    )
    decision = call(policy(f"rules:\n{rules}"), {}, "R299")
    assert len(decision.considered) == 101
    assert [each.rule for each in decision.considered if each.applies] == [decision.rule]
