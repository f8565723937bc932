"""Policies made in Python: the same model, the same mistakes, told at their line."""

from __future__ import annotations

import inspect
import os
from typing import TYPE_CHECKING, Any

import pytest

from mcp_local.policy import Policy, allow, ask, condition, deny
from mcp_local.policy.model import Action, Component, Effect, Kind, Request
from mcp_local.policy.problems import InvalidPolicy
from mcp_local.policy.reading.parse import parse_policy
from mcp_local.policy.views.export import plain, to_json, to_yaml
from mcp_local.policy.views.export_python import to_python
from mcp_local.policy.views.people import imagined
from mcp_local.settings import load
from mcp_local.wiring import choose_policy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mcp_local.identity.model import Identity

QUERY = Component(Kind.TOOL, "query")
DOCUMENTED = (
    Policy.deny_by_default()
    .grant("Task.Read", tags=["read"])
    .add(
        deny("selects-only")
        .for_roles("Analyst")
        .tools(names=["query"])
        .on("call")
        .when_arg("sql", sql_not_only=["select"])
        .because("Analysts may only read.")
    )
)


def call(policy: Policy, sql: object, *roles: str) -> Effect:
    """Return what becomes of a query."""
    wish = Request(Action.CALL, {"sql": sql})
    return policy.decide(imagined(frozenset(roles)), wish, QUERY).effect


def test_the_documented_policy_means_what_it_says() -> None:
    """A regular expression would let the second statement through."""
    policy = DOCUMENTED.add(allow("analysts").for_roles("Analyst").tools(names=["query"]))
    assert call(policy, "SELECT 1", "Analyst") is Effect.ALLOW
    assert call(policy, "SELECT 1; DROP TABLE x", "Analyst") is Effect.DENY
    assert call(policy, "SELECT 1", "Other") is Effect.DENY


EVERYTHING = (
    Policy.allow_by_default(name="n", description="d", created_by="me", labels=["l"])
    .observing()
    .grant("A", tags=["t"], tools=["x_*"], resources=["x://*"], prompts=["p"], actions=["list"])
    .grant("B", includes=["A"])
    .tag("t", tools=["a"], resources=["b://*"], prompts=["c"])
    .add(
        ask("one")
        .for_roles("A", "B")
        .for_users("u*")
        .for_tenants("t")
        .for_groups("g")
        .for_scopes("s")
        .for_clients("c")
        .for_patterns("p*")
        .tools(names=["x"], patterns=["y*"], namespaces=["n"], tags=["t"], read_only=False)
        .resources(uris=["a://b"], patterns=["c://*"], namespaces=["n"], schemes=["a"], tags=["t"])
        .prompts(names=["x"], patterns=["y*"], namespaces=["n"], tags=["t"])
        .on("list", "call")
        .when("user.claims.dept", in_=["it", 7, True, 1e-7, 2.5e20])
        .when_arg("q", regex="^a", not_equals="ab")
        .priority(7)
        .remember("15m")
        .redact("args.password")
        .redact("args.pin")
        .described("More.")
        .because("So.")
    )
    .add(deny("two").when_condition("later"), allow("three").tools(destructive=True))
)

AS_FILE: dict[str, Any] = {
    "version": 1,
    "name": "n",
    "description": "d",
    "created_by": "me",
    "labels": ["l"],
    "mode": "observe",
    "default": "allow",
    "roles": {
        "A": {
            "tags": ["t"],
            "tools": ["x_*"],
            "resources": ["x://*"],
            "prompts": ["p"],
            "actions": ["list"],
        },
        "B": {"includes": ["A"]},
    },
    "tags": {"t": {"tools": ["a"], "resources": ["b://*"], "prompts": ["c"]}},
    "rules": [
        {"name": "two", "effect": "deny", "when": [{"condition": "later"}]},
        {"name": "three", "effect": "allow", "tools": {"annotations": {"destructive": True}}},
        {
            "name": "one",
            "description": "More.",
            "effect": "ask",
            "priority": 7,
            "agents": {
                "roles": ["A", "B"],
                "user_id": ["u*"],
                "tenant": ["t"],
                "groups": ["g"],
                "scopes": ["s"],
                "agent_id": ["c"],
                "patterns": ["p*"],
            },
            "tools": {
                "names": ["x"],
                "patterns": ["y*"],
                "namespaces": ["n"],
                "tags": ["t"],
                "annotations": {"read_only": False},
            },
            "resources": {
                "uris": ["a://b"],
                "patterns": ["c://*"],
                "namespaces": ["n"],
                "schemes": ["a"],
                "tags": ["t"],
            },
            "prompts": {"names": ["x"], "patterns": ["y*"], "namespaces": ["n"], "tags": ["t"]},
            "actions": ["list", "call"],
            "when": [
                {
                    "field": "user.claims.dept",
                    "operator": "in",
                    "value": ["it", 7, True, 1e-7, 2.5e20],
                },
                {"field": "args.q", "operator": "regex", "value": "^a"},
                {"field": "args.q", "operator": "not_equals", "value": "ab"},
            ],
            "reason": "So.",
            "remember": "15m",
            "redact": ["args.password", "args.pin"],
        },
    ],
}


def test_all_that_a_file_can_say_can_be_said_in_python() -> None:
    """And is written out again, in the order in which rules are tried."""
    document = EVERYTHING.document
    assert plain(document) == AS_FILE
    names: dict[str, Any] = {}
    exec(to_python(document), names)  # noqa: S102 - what was exported is to be run
    views = [
        parse_policy(to_yaml(document), "p.yaml"),
        parse_policy(to_json(document), "p.json"),
        names["policy"].document,
    ]
    assert [plain(view) for view in views] == [AS_FILE] * 3


def test_texts_that_hide_are_written_so_that_they_show() -> None:
    """Control characters and turns of direction stand as escapes, and are read as what they are."""
    policy = Policy.deny_by_default().add(allow("a").when_arg("q", equals="a\n\u202eb\x7f\u2028"))
    for text in (to_yaml(policy.document), to_json(policy.document), to_python(policy.document)):
        assert text.isprintable() or set(text) - {"\n"} == {c for c in text if c.isprintable()}
    again = parse_policy(to_json(policy.document), "p.json")
    assert plain(again) == plain(policy.document)


def test_nothing_changes_what_was_made() -> None:
    """A policy and a rule can be shared, and taken further in two directions."""
    start = Policy.deny_by_default()
    rule = allow("a").for_roles("R")
    assert start.add(rule) != start
    assert start.document.rules == ()
    assert start.add(rule.on("list")).document.rules[0].actions == (Action.LIST,)
    assert start.add(rule).document.rules[0].actions == ()


def test_rules_know_the_line_that_made_them() -> None:
    """Explanations and warnings name it, as they name a line of a file."""
    policy = Policy.deny_by_default().add(allow("here"))
    line = inspect.currentframe().f_lineno - 1  # type: ignore[union-attr]
    decision = policy.decide(imagined(), Request(Action.CALL), QUERY)
    assert decision.origin == f"{__file__}:{line}"


Start = Policy.deny_by_default


@pytest.mark.parametrize(
    ("make", "path", "message"),
    [
        (lambda: Start().grant("A", tags="read"), "roles.A.tags", "must be a list"),
        (lambda: Start().grant("A", tags=[]), "roles.A.tags", "is an empty list"),
        (lambda: Start().grant("A", tags=[1]), "roles.A.tags[0]", "must be a text"),  # type: ignore[list-item]
        (lambda: Start().grant("A", tags=[None]), "roles.A.tags[0]", "takes it for nothing"),  # type: ignore[list-item]
        (lambda: Start().grant("A b"), "roles.A b", "is no app role's value"),
        (lambda: Start().grant("A").grant("A"), "roles.A", "repeats the key `A` of line"),
        (lambda: Start().tag("t"), "tags.t", "tags nothing"),
        (
            lambda: Start().tag("t", tools=["a"]).tag("t", tools=["b"]),
            "tags.t",
            "repeats the key `t` of line",
        ),
        (lambda: Start(name="a\tb"), "name", "must be a text without control characters"),
        (lambda: Start().add(allow("a"), deny("a")), "rules[1].name", "repeats the name `a`"),
        (
            lambda: Start().add(allow("a"), deny("b").tools(names=["["])),
            "rules[1].tools.names[0]",
            "has a `[` without its `]`",
        ),
        (lambda: Start().add(allow("a").tools()), "rules[0].tools", "names nothing"),
        (lambda: allow("a").on("list").on("call"), "actions", "repeats the key `actions`"),
        (
            lambda: Start().add(allow("a").when("user.nick", equals="x")),
            "rules[0].when[0].field",
            "is no field",
        ),
        (
            lambda: Start().add(allow("a").when_arg("q", like="x")),  # type: ignore[call-arg]
            "rules[0].when[0].operator",
            "must be one of the known words",
        ),
        (
            lambda: Start().add(allow("a").when_arg("q", equals=object())),  # type: ignore[arg-type]
            "rules[0].when[0].value",
            "can be read in two ways",
        ),
        (
            lambda: Start().add(allow("a").remember("15m")),
            "rules[0].remember",
            "means nothing where the effect is allow",
        ),
    ],
)
def test_mistakes_are_those_of_a_file_at_a_line_of_python(
    make: Callable[[], object], path: str, message: str
) -> None:
    """The place is the call that said it."""
    with pytest.raises(InvalidPolicy) as raised:
        make()
    (found,) = raised.value.problems
    assert found.path == path
    assert message in found.message
    assert found.file == __file__
    assert message in str(raised.value)


def test_what_only_the_whole_shows_is_told_when_it_is_compiled() -> None:
    """An included role may still be granted later."""
    with pytest.raises(InvalidPolicy, match="includes `B`, which is no role of this policy"):
        Policy.deny_by_default().grant("A", includes=["B"]).compile()


def test_conditions_of_ones_own_are_registered_by_name() -> None:
    """A policy asks for them by that name."""

    @condition("test_builder.lucky")
    def lucky(identity: Identity, request: Request, component: Component) -> bool | None:
        del request, component
        return identity.object_id == "ann"

    policy = Policy.deny_by_default().add(allow("a").when_condition("test_builder.lucky"))
    wish = Request(Action.CALL, {})
    assert policy.decide(imagined(user_id="ann"), wish, QUERY).allowed
    assert not policy.decide(imagined(user_id="bob"), wish, QUERY).allowed


def test_a_policy_serves_where_a_path_does(tmp_path: Path) -> None:
    """That of the command line or the environment comes first, as with a path."""
    environ = {**os.environ, "MCP_LOCAL_HOME": str(tmp_path), "MCP_LOCAL_SIGN_IN": "none"}
    environ.pop("MCP_LOCAL_POLICY", None)
    policy = Policy.deny_by_default().add(allow("everybody"))
    own = choose_policy(load({}, environ), policy)
    wish = Request(Action.CALL, {})
    assert own.decide(imagined(), wish, QUERY).rule == "everybody"
    file = tmp_path / "policy.yaml"
    file.write_text("version: 1\n", encoding="utf-8")
    other = choose_policy(load({"policy": str(file)}, environ), policy)
    assert other.decide(imagined(), wish, QUERY).effect is Effect.DENY


def test_only_what_is_public_is_there() -> None:
    """Names are found when they are first used."""
    import mcp_local.policy as room  # noqa: PLC0415 - the package itself is looked at

    for name in room.__all__:
        assert callable(getattr(room, name))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = room.nothing  # type: ignore[attr-defined]
