"""What looks like a mistake: each warning where it is due, and no other."""

from __future__ import annotations

import pytest

from mcp_local.policy.deciding.compile import compile_policy
from mcp_local.policy.model import Component, Kind
from mcp_local.policy.reading.parse import parse_policy
from mcp_local.policy.views.check import warnings

GET = Component(Kind.TOOL, "get_it", frozenset({"read"}))
PUT = Component(Kind.TOOL, "put_it", namespace="n")
DOC = Component(Kind.RESOURCE, "docs://{name}", template=True)


def told(text: str, *inventory: Component) -> list[tuple[int, str, str]]:
    """Return line, path and message of each warning."""
    document = parse_policy(text, "policy.yaml")
    found = warnings([document], compile_policy([document]), inventory)
    assert all(each.file == "policy.yaml" for each in found)
    return [(each.line, each.path, each.message) for each in found]


def messages(text: str, *inventory: Component) -> list[str]:
    """Return the messages alone."""
    return [message for _, _, message in told(text, *inventory)]


def test_a_sound_policy_has_no_warning() -> None:
    """Neither alone nor beside the server that it is for."""
    text = """
    version: 1
    default: deny
    roles: {Reader: {tags: [read], resources: ["docs://*"]}, Writer: {includes: [Reader]}}
    rules:
      - {name: a, effect: ask, agents: {roles: [Writer]}, tools: {names: ["put_*"]}}
    """
    assert told(text) == []
    assert told(text, GET, PUT, DOC) == []


def test_observing_and_allowing_by_default_are_told() -> None:
    """Both are easily forgotten."""
    assert told("version: 1\nmode: observe\ndefault: allow") == [
        (2, "mode", "lets through, and logs, what only the default refuses"),
        (3, "default", "lets everybody signed in use what no rule speaks of"),
    ]


def test_a_role_that_grants_nothing_is_told() -> None:
    """A role that includes others does grant something."""
    found = told("version: 1\nroles:\n  A: {tags: [x]}\n  B: {includes: [A]}\n  C: {}")
    assert found == [(5, "roles.C", "grants nothing")]


def test_a_role_of_a_rule_that_the_grants_do_not_know_is_told_once() -> None:
    """It is likely misspelt; without grants nothing is known of the app's roles."""
    rules = (
        "rules:\n"
        "  - {name: a, effect: deny, agents: {roles: [task.read, Other]}}\n"
        "  - {name: b, effect: ask, agents: {roles: [Other]}, priority: 200}\n"
        "  - {name: c, effect: allow, agents: {roles: ['*']}}"
    )
    document = parse_policy("roles: {Task.Read: {tags: [x]}}\n" + rules, "policy.yaml")
    first, second = warnings([document], compile_policy([document]))
    assert first.message == "is for the role `task.read`, of which `roles` doesn't speak"
    assert first.hint == "Did you mean 'Task.Read'?"
    assert second.hint == "If the app has it, add `Other: {}` to `roles`."
    assert (second.line, second.path) == (3, "rules.a.agents.roles")
    assert told(rules) == []


RULE = "rules: [{name: a, effect: %s, tools: {names: [x]}, %s}]"


@pytest.mark.parametrize(
    "part",
    [
        "agents: {agent_id: [Claude]}",
        "agents: {patterns: ['cl*']}",
        "when: [{field: user.agent_id, operator: equals, value: Claude}]",
    ],
)
def test_an_allow_that_rests_on_the_client_is_told(part: str) -> None:
    """Any program can call itself so; a deny or an ask may rest on it."""
    found = messages(RULE % ("allow", part))
    assert found == ["allows by what a client calls itself, and any program can call itself so"]
    assert messages(RULE % ("ask", part)) == []


def test_sql_in_an_expression_is_told() -> None:
    """Only a parser knows what a statement does."""
    condition = "when: [{field: args.sql, operator: %s, value: %s}]"
    (found,) = messages(RULE % ("allow", condition % ("regex", "(?i)^select")))
    assert found.startswith("looks for words of SQL")
    assert messages(RULE % ("allow", condition % ("sql_only", "[select]"))) == []
    assert messages(RULE % ("allow", condition % ("regex", "^selection$"))) == []


def test_a_list_of_several_types_is_told() -> None:
    """Nothing is converted, so whatever isn't in it is neither in nor out."""
    condition = "when: [{field: args.x, operator: in, value: %s}]"
    (found,) = messages(RULE % ("deny", condition % '[1, "1"]'))
    assert found.startswith("compares with values of several types")
    assert messages(RULE % ("deny", condition % "[1, 1.5]")) == []


def pair(first: str, second: str) -> list[str]:
    """Return which rules of two never decide; the first is tried before the second."""
    text = (
        f"rules: [{{name: a, effect: deny, priority: 200, {first}}},"
        f" {{name: b, effect: allow, {second}}}]"
    )
    return [path for _, path, message in told(text) if message.startswith("never decides: a of")]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("actions: ['*']", "actions: [list]"),
        ("tools: {names: [x]}", "tools: {names: [x]}"),
        ("tools: {names: ['x*']}", "tools: {names: [x, 'xy*', 'x?'], tags: [t]}"),
        ("tools: {patterns: ['*']}", "tools: {namespaces: [n]}"),
        ("tools: {tags: [t, u]}", "tools: {tags: [t]}"),
        ("tools: {names: [x, y]}", "tools: {names: [y]}, agents: {roles: [R]}"),
        ("agents: {roles: ['*']}", "agents: {roles: [R]}"),
        ("agents: {roles: [R, S]}", "agents: {roles: [R], tenant: [t]}"),
        ("agents: {user_id: ['a*']}", "agents: {user_id: [ann]}"),
        ("tools: {annotations: {read_only: true}}", "tools: {annotations: {read_only: true}}"),
        ("actions: [list, call]", "actions: [call], tools: {names: [x]}"),
        (
            "tools: {names: [x]}, prompts: {names: [p]}",
            "prompts: {names: [p]}, when: [{field: args.q, operator: exists, value: true}]",
        ),
    ],
)
def test_a_rule_that_never_decides_is_told(first: str, second: str) -> None:
    """Where an earlier one applies to all that it could."""
    assert pair(first, second) == ["rules.b"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("actions: [call]", "tools: {names: [x]}"),
        ("actions: [call]", "actions: [list, call]"),
        ("tools: {names: [x]}", "tools: {names: [x, y]}"),
        ("tools: {names: [x]}", "resources: {uris: ['x://a']}"),
        ("tools: {names: [x]}", "agents: {roles: [R]}"),
        ("tools: {names: ['x?']}", "tools: {names: ['x*']}"),
        ("tools: {names: ['*b]']}", "tools: {names: ['[ab]']}"),
        ("tools: {names: [x], tags: [t]}", "tools: {names: [x]}"),
        ("tools: {annotations: {read_only: true}}", "tools: {names: [x]}"),
        ("agents: {roles: [R]}", "agents: {roles: [R, S]}"),
        ("agents: {roles: [R]}", "tools: {names: [x]}"),
        ("agents: {tenant: [t]}", "agents: {roles: [R]}"),
        ("when: [{field: args.q, operator: exists, value: true}]", "tools: {names: [x]}"),
    ],
)
def test_a_rule_that_may_decide_is_not_told(first: str, second: str) -> None:
    """In doubt nothing is said."""
    assert pair(first, second) == []


GRANTS = "roles: {Reader: {tools: ['get_*'], tags: [read]}, Writer: {includes: [Reader]}}\n"


@pytest.mark.parametrize(
    ("rule", "reached"),
    [
        ("tools: {names: [get_it]}, agents: {roles: [Writer]}, priority: 50", False),
        ("tools: {tags: [read]}, agents: {roles: [Reader]}, priority: 99", False),
        ("tools: {names: [get_it]}, agents: {roles: [Reader, Writer]}, priority: -1", False),
        ("tools: {names: [get_it]}, agents: {roles: [Reader]}", True),
        ("tools: {names: [get_it]}, agents: {roles: [Reader, Other]}, priority: 50", True),
        ("tools: {names: [get_it]}, priority: 50", True),
        ("tools: {names: [put_it]}, agents: {roles: [Reader]}, priority: 50", True),
        ("resources: {uris: [get_it]}, agents: {roles: [Reader]}, priority: 50", True),
    ],
)
def test_a_deny_behind_a_grant_never_decides(rule: str, *, reached: bool) -> None:
    """Grants are tried with priority 100: what is to limit them mustn't come later."""
    text = f"{GRANTS}rules: [{{name: stop, effect: deny, {rule}}}]"
    found = [each for each in messages(text) if each.startswith("never decides")]
    expected = "never decides: roles.Reader of line 1 always does before it"
    assert found == ([] if reached else [expected])


def test_what_matches_nothing_of_the_server_is_told() -> None:
    """Names, globs and tags; a template counts for what it may lead to."""
    text = """\
roles: {A: {tags: [read, gone], tools: ["nope_*"], resources: ["docs://a", "web://*"]}}
tags: {given: {prompts: [hello]}}
rules: [{name: r, effect: ask, tools: {names: [put_it, lost], tags: [given, odd]}}]
"""
    spoken = [each for each in told(text, GET, PUT, DOC) if "speaks of" in each[2]]
    assert sorted(spoken) == [
        (1, "roles.A.resources", "speaks of `web://*`, which is no resource of the server"),
        (1, "roles.A.tags", "speaks of the tag `gone`, which nothing carries"),
        (1, "roles.A.tools", "speaks of `nope_*`, which is no tool of the server"),
        (2, "tags.given.prompts", "speaks of `hello`, which is no prompt of the server"),
        (3, "rules.r.tools", "speaks of `lost`, which is no tool of the server"),
        (3, "rules.r.tools.tags", "speaks of the tag `odd`, which nothing carries"),
    ]


def test_a_slip_of_a_name_is_told_with_the_name() -> None:
    """Where there is one like it; a list of all names would help nobody."""
    text = "roles: {A: {tags: [raed], tools: [put_if, other], prompts: [x]}}"
    document = parse_policy(text, "policy.yaml")
    found = warnings([document], compile_policy([document]), (GET, PUT, DOC))
    hints = {each.message.split("`")[1]: each.hint for each in found if "speaks of" in each.message}
    assert hints == {
        "raed": "Did you mean 'read'?",
        "put_if": "Did you mean 'put_it'?",
        "other": "",
        "x": "",
    }


def test_what_no_role_reaches_is_told() -> None:
    """With its namespace."""
    assert messages("roles: {A: {tags: [read]}}", GET, PUT) == [
        "lets no role use the tool n/put_it"
    ]
    [once] = [each for each in messages("roles: {A: {tools: [x]}}", GET, PUT) if "lets" in each]
    assert once.endswith(", the tool n/put_it")


def test_where_lists_and_uses_part_is_told() -> None:
    """The policy breaks on purpose what holds otherwise: listed is usable, and the reverse."""
    rule = "rules: [{name: r, effect: allow, agents: {roles: [A]}, actions: [%s]}]"
    assert messages(rule % "call", PUT) == ["doesn't list the tool n/put_it to A, who may use it"]
    assert messages(rule % "list", PUT) == [
        "lets no role use the tool n/put_it",
        "lists the tool n/put_it to A, who may not use it",
    ]
    everybody = "rules: [{name: r, effect: allow, actions: [call]}]"
    assert messages(everybody, PUT) == [
        "doesn't list the tool n/put_it to everybody signed in, who may use it"
    ]
