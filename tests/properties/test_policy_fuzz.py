"""Any text is a policy or a clear error: never a traceback, never a wider policy.

The long run: `pytest -m heavy tests/properties/test_policy_fuzz.py`.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from mcp_local.policy.deciding.compile import compile_policy
from mcp_local.policy.model import Action, Component, Kind, Request
from mcp_local.policy.problems import InvalidPolicy
from mcp_local.policy.reading.parse import parse_policy
from mcp_local.policy.views.case_file import parse_cases
from mcp_local.policy.views.cases import run_cases
from tests.support.policy_worlds import person

yaml_like = st.lists(
    st.sampled_from(
        [
            *"[]{}:,-*&!|>%@`\"'#?\n\t ",
            "roles", "tags", "tools", "includes", "actions", "default", "version", "A", "1", "yes",
            "rules", "name", "effect", "deny", "when", "field", "args.x", "operator", "equals",
            ": ", "\n  ", "\n- ", "---\n", "[x]", "{}", "\u2028", "\x00", "é",
        ]
    ),
    max_size=30,
).map("".join)  # fmt: skip

WHOLE = """
version: 1
default: deny
roles:
  Reader: {tags: [read], actions: [list, call]}
  Writer: {includes: [Reader], tools: ["put_*"]}
tags:
  read: {tools: ["get_*"], resources: ["docs://*"]}
rules:
  - name: selects-only
    effect: deny
    agents: {roles: [Analyst], tenant: [t], agent_id: ["cur*"]}
    tools: {names: [query], patterns: ["db_*"], namespaces: [n], annotations: {read_only: false}}
    actions: [call]
    when:
      - {field: args.sql, operator: not_regex, value: "^select"}
      - {field: request.hour, operator: gte, value: 9}
    priority: 200
    reason: Only reading.
  - name: asked
    effect: ask
    tools: {names: [pay]}
    when: [{field: args.much, operator: gt, value: 100}]
    remember: 15m
    redact: [args.card]
"""


CASES = """
cases:
  - {expect: allow, tool: pay, roles: [Reader], args: {n: 1, deep: [{a: null}], f: 0.5, t: yes}}
  - {expect: ask, tool: query, action: call, tenant: t, claims: {d: {e: 1}}, time: 2026-05-04T09:30}
  - {expect: deny, resource: "docs://{name}", uri: "docs://a", annotations: {readOnlyHint: true}}
"""
AUTH_GUARD = (
    Path(__file__).parents[1] / "vectors" / "auth_guard" / "comprehensive.yaml"
).read_text(encoding="utf-8")
odd_values = st.sampled_from(
    ["0x_", "0b", "1:30", "-.inf", ".nan", "9" * 5000, "1e999", "2026-13-45", "~", "!!int x", "<<"]
)


@st.composite
def mutants(draw: st.DrawFn, whole: str = WHOLE) -> str:
    """Return a whole text with a few pieces left out, doubled, moved or replaced."""
    text = whole
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        moved = draw(st.integers(0, len(text)))
        kept = st.just(text[moved : moved + 8])
        piece = draw(st.one_of(st.just(""), kept, yaml_like, st.text(), odd_values))
        text = text[:start] + piece + text[end:]
    return text


def check_reading(text: str) -> None:
    """Read a text as a policy: it allows nothing to people without roles, or is refused."""
    component = Component(Kind.TOOL, "x")
    try:
        policy = compile_policy([parse_policy(text, "policy.yaml")])
    except InvalidPolicy as error:
        for each in error.problems:
            assert each.line >= 1
            assert each.column >= 1
            assert each.message
            assert str(each).isprintable() or "\n" not in str(each)
    else:
        request = Request(Action.CALL, {}, None, 0.0)
        decision = policy.decide(person(frozenset()), request, component)
        assert not decision.allowed or "allow" in text or "observe" in text


@given(st.one_of(st.text(), yaml_like))
@settings(max_examples=150, deadline=None)
def test_any_text_is_a_policy_or_a_clear_error(text: str) -> None:
    """Reading never ends in a traceback."""
    check_reading(text)


@given(mutants())
@settings(max_examples=150, deadline=None)
def test_a_spoilt_policy_is_a_policy_or_a_clear_error(text: str) -> None:
    """A half-written or mistyped policy never widens (M24)."""
    check_reading(text)


@given(mutants(AUTH_GUARD))
@settings(max_examples=60, deadline=None)
def test_a_spoilt_policy_of_mcp_auth_guard_is_a_policy_or_a_clear_error(text: str) -> None:
    """The other language is read as carefully."""
    with suppress(InvalidPolicy):
        compile_policy([parse_policy(text, "policy.yaml")])


def check_cases(text: str) -> None:
    """Read a text as cases: they can be run, or there is an error with a place."""
    try:
        cases = parse_cases(text, "cases.yaml")
    except InvalidPolicy as error:
        for each in error.problems:
            assert each.line >= 1
            assert each.message
    else:
        results = run_cases(compile_policy([parse_policy(WHOLE, "policy.yaml")]), cases)
        assert results.passed + len(results.failed) == len(cases)


@given(st.one_of(yaml_like, mutants(CASES)))
@settings(max_examples=100, deadline=None)
def test_any_text_is_cases_or_a_clear_error(text: str) -> None:
    """A table of expectations is read like a policy."""
    check_cases(text)


@pytest.mark.heavy
@pytest.mark.timeout(3600)
@given(mutants(CASES), mutants(AUTH_GUARD))
@settings(max_examples=20_000, deadline=None)
def test_other_texts_are_read_or_a_clear_error_at_length(cases: str, policy: str) -> None:
    """The same, long, of cases and of the other language."""
    check_cases(cases)
    with suppress(InvalidPolicy):
        compile_policy([parse_policy(policy, "policy.yaml")])


@pytest.mark.heavy
@pytest.mark.timeout(3600)
@given(st.one_of(st.text(), yaml_like, mutants()))
@settings(max_examples=100_000, deadline=None)
def test_any_text_is_a_policy_or_a_clear_error_at_length(text: str) -> None:
    """The same, long."""
    check_reading(text)


@given(st.integers(0, len(WHOLE)))
@settings(max_examples=100, deadline=None)
def test_a_policy_cut_off_anywhere_grants_nothing_more(length: int) -> None:
    """What stands of a file that is being written grants nothing that the whole doesn't (M24)."""
    whole = compile_policy([parse_policy(WHOLE, "policy.yaml")])
    with suppress(InvalidPolicy):
        part = compile_policy([parse_policy(WHOLE[:length], "policy.yaml")])
        for roles in (frozenset[str](), frozenset({"Reader"}), frozenset({"Writer"})):
            for name in ("get_x", "put_x", "pay", "query", "db_x", "x"):
                component = Component(Kind.TOOL, name, namespace="n")
                request = Request(Action.CALL, {}, None, 0.0)
                if part.decide(person(roles), request, component).allowed:
                    assert whole.decide(person(roles), request, component).allowed
