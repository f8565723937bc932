"""What conditions come to: operators, fields, and what is not known (POLICY.md 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mcp_local.policy.deciding import predicates
from mcp_local.policy.deciding.compile import compile_policy
from mcp_local.policy.deciding.predicates import condition
from mcp_local.policy.document import Condition, Document, Operator, Rule
from mcp_local.policy.model import (
    Action,
    Component,
    Effect,
    Kind,
    Request,
)
from mcp_local.policy.problems import InvalidPolicy
from tests.support.judged import MONDAY_NOON, PAY, call, holds, one_allow, person

if TYPE_CHECKING:
    from mcp_local.identity.model import Identity


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
