"""A policy seen from outside: matrix, difference, explanation, cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mcp_local.policy.deciding.compile import compile_policy
from mcp_local.policy.model import Action, Component, Effect, Kind, Request
from mcp_local.policy.problems import InvalidPolicy
from mcp_local.policy.reading.parse import parse_policy
from mcp_local.policy.views.case_file import parse_cases
from mcp_local.policy.views.cases import run_cases
from mcp_local.policy.views.diff import diff
from mcp_local.policy.views.explain import Explanation, explain
from mcp_local.policy.views.matrix import CellEffect, matrix
from mcp_local.policy.views.people import imagined

if TYPE_CHECKING:
    from mcp_local.policy.deciding.engine import CompiledPolicy

POLICY = """
version: 1
roles:
  Reader: {tags: [read]}
  Writer: {includes: [Reader], tools: ["put_*"]}
rules:
  - {name: careful, effect: ask, tools: {names: [put_it]}, agents: {roles: [Writer]}}
  - name: selects
    effect: allow
    agents: {roles: [Analyst]}
    tools: {names: [query]}
    when: [{field: args.sql, operator: sql_only, value: [select]}]
    redact: [args.secret]
  - name: no-secrets
    effect: deny
    tools: {names: [query]}
    when: [{field: args.secret, operator: exists, value: true}]
    redact: [args.secret]
"""
TOOLS = [
    Component(Kind.TOOL, "get_it", frozenset({"read"})),
    Component(Kind.TOOL, "put_it"),
    Component(Kind.TOOL, "query", namespace="db"),
]


def compiled(text: str) -> CompiledPolicy:
    """Return a policy from its text."""
    return compile_policy([parse_policy(text, "policy.yaml")])


def table(policy: CompiledPolicy) -> dict[str, list[CellEffect]]:
    """Return the effects of a matrix by tool."""
    return {row.name: [cell.effect for cell in row.cells] for row in matrix(policy, TOOLS).rows}


def test_the_matrix_shows_every_role_and_what_depends() -> None:
    """Those without a role have no column, as they may nothing."""
    policy = compiled(POLICY)
    found = matrix(policy, TOOLS)
    deny, ask, allow = CellEffect.DENY, CellEffect.ASK, CellEffect.ALLOW
    assert found.roles == ("Analyst", "Reader", "Writer")
    assert table(policy) == {
        "get_it": [deny, allow, allow],
        "put_it": [deny, deny, ask],
        "query": [CellEffect.CONDITIONAL, deny, deny],
    }
    query = found.rows[2]
    assert (query.kind, query.namespace, query.cells[0].listed) == (Kind.TOOL, "db", True)
    put = found.rows[1].cells[2]
    assert (put.rule, put.origin, put.listed) == ("careful", "policy.yaml:7", True)


def test_the_matrix_shows_what_everybody_may() -> None:
    """In a column of its own, before all roles; asked for by name, roles are shown as asked."""
    policy = compiled("rules: [{name: a, effect: allow, tools: {names: [get_it]}}]")
    found = matrix(policy, TOOLS)
    assert found.roles == ("",)
    assert [row.cells[0].effect for row in found.rows] == ["allow", "deny", "deny"]
    assert matrix(policy, TOOLS, ["Nobody"]).roles == ("Nobody",)


@pytest.mark.parametrize(
    ("agents", "expected"),
    [
        ("user_id: [ABCDEF01-2345-6789-ABCD-EF0123456789]", ["conditional"] * 3),
        ("groups: [g], scopes: [s]", ["conditional"] * 3),
        ("roles: [Reader], tenant: [t1]", ["conditional", "deny"]),
        ("roles: ['*'], patterns: [bob]", ["conditional"] * 2),
    ],
)
def test_what_some_with_a_role_may_depends(agents: str, expected: list[str]) -> None:
    """Where a rule asks for more than a role, its tool is not denied to all who have the role."""
    policy = compiled(
        "roles: {Reader: {tools: [get_it]}, Writer: {tools: [put_it]}}\n"
        f"rules: [{{name: r, effect: allow, tools: {{names: [query]}}, agents: {{{agents}}}}}]"
    )
    found = matrix(policy, TOOLS)
    assert [cell.effect for cell in found.rows[2].cells] == expected
    depending = [cell for cell in found.rows[2].cells if cell.effect is CellEffect.CONDITIONAL]
    assert {(cell.rule, cell.listed) for cell in depending} == {("r", True)}
    assert all(cell.effect is not CellEffect.CONDITIONAL for cell in found.rows[0].cells)


def test_a_difference_tells_who_gains_and_who_loses() -> None:
    """What everybody gains is told once."""
    old = compiled(POLICY)
    new = compiled(
        POLICY.replace("sql_only", "sql_not_only").replace("effect: ask", "effect: deny")
        + "  - {name: open, effect: allow, tools: {names: [get_it]}}\n"
    )
    found = diff(old, new, TOOLS)
    gains = {(each.who, each.name, each.action, each.after_rule) for each in found.gains}
    assert gains == {("", "get_it", action, "open") for action in (Action.LIST, Action.CALL)}
    loses = {(each.who, each.name, each.before, each.after) for each in found.loses}
    assert loses == {("Writer", "put_it", CellEffect.ASK, CellEffect.DENY)}
    assert {(each.who, each.name) for each in found.changed} == {("Analyst", "query")}
    assert not found.same
    assert diff(old, old, TOOLS).same


def test_what_is_listed_is_listed_for_certain() -> None:
    """Only its use depends on arguments."""
    new = compiled(
        "rules: [{name: r, effect: ask, tools: {names: [query]},"
        " when: [{field: args.sum, operator: gt, value: 5}]}]"
    )
    gains = diff(compiled("version: 1"), new, TOOLS).gains
    found = [(each.action, each.after) for each in gains]
    assert found == [(Action.LIST, CellEffect.ASK), (Action.CALL, CellEffect.CONDITIONAL)]


def test_a_difference_is_silent_about_reasons_for_the_same_certain_answer() -> None:
    """Who may nothing before and after gains nothing by another limit in a deny."""
    rule = (
        "roles: {Payer: {tools: [query]}}\nrules: [{name: r, effect: deny, tools: {names: [query]},"
        " when: [{field: args.sum, operator: gt, value: %s}]}]"
    )
    found = diff(compiled(rule % 500), compiled(rule % 800), TOOLS)
    assert [(each.who, each.action) for each in found.changed] == [("Payer", Action.CALL)]
    assert not found.gains
    assert not found.loses


def test_a_difference_knows_people_whom_only_a_rule_speaks_of() -> None:
    """By group, tenant, person or client, alone or with a role."""
    rule = "{name: %s, effect: allow, tools: {names: [query]}, agents: {%s}}"
    sorts = ["groups: [g1]", "roles: [A], tenant: [t1]", "user_id: [ann]", "agent_id: [Zed]"]
    rules = [rule % (f"r{number}", who) for number, who in enumerate(sorts)]
    rules.append(rule % ("r9", "scopes: [s1], patterns: [bob]"))
    new = compiled(f"rules: [{', '.join(rules)}]")
    found = diff(compiled("version: 1"), new, TOOLS)
    called = [each.who for each in found.gains if each.action is Action.CALL]
    assert called == ["groups g1", "A, tenant t1", "user_id ann", "agent_id Zed", "scopes s1, bob"]


def ask(
    policy: CompiledPolicy, name: str, arguments: dict[str, object], *roles: str
) -> Explanation:
    """Return how a call is explained."""
    wish = Request(Action.CALL, arguments)
    component = next(each for each in TOOLS if each.name == name)
    return explain(policy.decide(imagined(frozenset(roles)), wish, component))


def test_an_explanation_says_what_would_change_it() -> None:
    """A role, another value, or a yes; never what is marked as not to be shown."""
    policy = compiled(POLICY)
    found = ask(policy, "get_it", {})
    assert (found.effect, found.allowed, found.rule) == (Effect.DENY, False, "default")
    assert found.needs_roles == ("Reader", "Writer")
    assert found.would_change == ("The role Reader or Writer would allow it.",)
    found = ask(policy, "put_it", {}, "Writer")
    assert (found.rule, found.origin) == ("careful", "policy.yaml:7")
    assert "Your yes to this very call would let it run." in found.would_change
    found = ask(policy, "query", {"sql": "DROP TABLE x"}, "Analyst")
    (condition,) = [each for each in found.conditions if each.field == "args.sql"]
    assert (condition.seen, condition.holds) == ("DROP TABLE x", False)
    assert any("`args.sql` sql_only" in each for each in found.would_change)
    found = ask(policy, "query", {"sql": "SELECT 1", "secret": "hunter2"}, "Analyst")
    assert found.rule == "no-secrets"
    assert any(each.startswith("no-secrets doesn't apply where") for each in found.would_change)
    assert "hunter2" not in str(found)


def test_an_explanation_tells_of_observing() -> None:
    """What passes only for that reason is no allow to rely on."""
    found = ask(compiled("mode: observe"), "query", {})
    assert found.observed
    assert found.would_change == (
        "It is let through only because the policy observes; its default would refuse it.",
    )


CASES = """
cases:
  - {expect: allow, tool: query, roles: [Analyst], args: {sql: "SELECT 1", n: 1, deep: [{a: null}]}}
  - {expect: deny, tool: query, action: call, roles: [Analyst], args: {sql: DROP TABLE x}}
  - {expect: ask, tool: put_it, roles: [Writer], tenant: t, groups: [g], scopes: [s], agent_id: c}
  - {expect: allow, tool: any, roles: [Reader], tags: [read], time: 2026-05-04T09:30, note: fine}
  - {expect: deny, prompt: p, roles: []}
  - {expect: allow, resource: "x://{a}", uri: "x://1", action: read, user_id: u, note: wrong}
"""


def test_cases_are_asked_and_those_that_fail_are_told() -> None:
    """By their place in the list, with the rule that decided."""
    cases = parse_cases(CASES, "cases.yaml")
    assert cases[0].request.arguments == {"sql": "SELECT 1", "n": 1, "deep": [{"a": None}]}
    assert [case.request.action for case in cases[:5]] == ["call"] * 4 + ["get"]
    assert cases[3].request.now is not None
    results = run_cases(compiled(POLICY), cases)
    assert results.passed == 5
    (failure,) = results.failed
    assert (failure.case, failure.expected, failure.got) == (5, Effect.ALLOW, Effect.DENY)
    assert (failure.rule, failure.line, failure.note) == ("default", 8, "wrong")


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("case: []", "case", "is no key here"),
        ("{}", "", "has no `cases`"),
        ("cases: []", "cases", "must be a list of cases"),
        ("cases: {}", "cases", "must be a list of cases"),
        ("[]", "", "must be a mapping"),
        ("cases: [x]", "cases[0]", "must be a mapping"),
        ("cases: [{tool: a}]", "cases[0]", "has no `expect`"),
        ("cases: [{expect: maybe, tool: a}]", "cases[0].expect", "must be allow or ask or deny"),
        ("cases: [{expect: deny}]", "cases[0]", "must name one component"),
        ("cases: [{expect: deny, tool: a, prompt: b}]", "cases[0]", "must name one component"),
        ("cases: [{expect: deny, tool: 1}]", "cases[0].tool", "must be a text"),
        (
            "cases: [{expect: deny, tool: a, action: fly}]",
            "cases[0].action",
            "one of the known words",
        ),
        (
            "cases: [{expect: deny, tool: a, action: get}]",
            "cases[0].action",
            "can never be done with a tool",
        ),
        ("cases: [{expect: deny, tool: a, role: [x]}]", "cases[0].role", "is no key here"),
        ("cases: [{expect: deny, tool: a, roles: x}]", "cases[0].roles", "must be a list"),
        ("cases: [{expect: deny, tool: a, args: [x]}]", "cases[0].args", "must be a mapping"),
        (
            "cases: [{expect: deny, tool: a, args: {n: [{m: 0x_}]}}]",
            "cases[0].args",
            "holds `0x_`, which is no number of JSON",
        ),
        ("cases: [{expect: deny, tool: a, args: {n: 1:30}}]", "cases[0].args", "holds `1:30`"),
        ("cases: [{expect: deny, tool: a, args: {n: .nan}}]", "cases[0].args", "holds `.nan`"),
        (
            f"cases: [{{expect: deny, tool: a, claims: {{n: {'9' * 5000}}}}}]",
            "cases[0].claims",
            "9",
        ),
        ("cases: [{expect: deny, tool: a, time: noon}]", "cases[0].time", "is no date"),
        ("cases: [{expect: deny, tool: a, time: 9}]", "cases[0].time", "is no date"),
    ],
)
def test_mistakes_in_cases_have_their_place(text: str, path: str, message: str) -> None:
    """As in a policy."""
    with pytest.raises(InvalidPolicy) as raised:
        parse_cases(text, "cases.yaml")
    assert any(p.path == path and message in p.message for p in raised.value.problems)
