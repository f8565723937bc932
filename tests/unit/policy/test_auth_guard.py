"""Policies of mcp-auth-guard 1.0: read as they are, with every difference named."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from mcp_local.policy.auth_guard.remarks import Difference
from mcp_local.policy.deciding.compile import compile_policy
from mcp_local.policy.model import Action, ClientInfo, Component, Decision, Effect, Kind, Request
from mcp_local.policy.problems import InvalidPolicy
from mcp_local.policy.reading.parse import parse_policy
from mcp_local.policy.views.check import warnings
from mcp_local.policy.views.export import plain, to_yaml
from mcp_local.policy.views.people import imagined
from tests.support.auth_guard import AuthGuard

if TYPE_CHECKING:
    from mcp_local.identity.model import Identity

VECTORS = Path(__file__).parents[2] / "vectors" / "auth_guard"
DOCUMENTATION = Path(__file__).parents[3] / "docs" / "mcp-auth-guard.md"
USES = {Kind.TOOL: Action.CALL, Kind.RESOURCE: Action.READ, Kind.PROMPT: Action.GET}
HEAD = 'name: p\nversion: "1.0"\nrules:\n'


def tool(name: str, *tags: str) -> Component:
    """Return a tool."""
    return Component(Kind.TOOL, name, frozenset(tags))


def resource(uri: str) -> Component:
    """Return a resource."""
    return Component(Kind.RESOURCE, uri)


def prompt(name: str) -> Component:
    """Return a prompt."""
    return Component(Kind.PROMPT, name)


def people(*roles: str) -> list[Identity]:
    """Return somebody for each role, somebody with none, and somebody with all."""
    return [imagined(), imagined(frozenset(roles)), *(imagined(frozenset({r})) for r in roles)]


def differing(
    name: str, persons: list[Identity], components: list[Component], arguments: list[Any]
) -> set[tuple[str, str, str]]:
    """Ask both programs everything; return where they differ, which may only be by refusing."""
    text = (VECTORS / name).read_text(encoding="utf-8")
    ours = compile_policy([parse_policy(text, name)])
    theirs = AuthGuard(yaml.safe_load(text))
    found: set[tuple[str, str, str]] = set()
    for person, component in product(persons, components):
        wishes = [Request(Action.LIST), *(Request(USES[component.kind], a) for a in arguments)]
        for wish in wishes:
            allowed = ours.decide(person, wish, component).allowed
            if allowed != theirs.allowed(person, wish, component):
                assert not allowed
                found.add((component.name, wish.action, str(wish.arguments)))
    return found


def test_the_weather_example_decides_as_published() -> None:
    """Every role, tool and time of day."""
    planets = ("mars", "venus", "jupiter", "saturn", "pluto")
    components = [tool(f"get_{planet}_weather") for planet in planets]
    times = [{"time": "night"}, {"time": "day"}]
    found = differing("weather.yaml", people("admin", "user", "intern"), components, times)
    assert found == set()


def test_the_deployment_example_decides_as_published() -> None:
    """By person, role, and claim."""
    components = [tool(name) for name in ("add_policy", "audit_all", "log_x", "other")]
    persons = [
        *people("policy_admin", "security_team"),
        *(imagined(user_id=f"{name}@company.com") for name in ("cto", "security", "emergency")),
        imagined(user_id="emergency@company.com", claims={"emergency_code": "INCIDENT_2024"}),
        imagined(user_id="emergency@company.com", claims={"emergency_code": "wrong"}),
    ]
    assert differing("deployment.yaml", persons, components, [{}, {"a": 1}]) == set()


def test_the_comprehensive_example_decides_as_published_but_for_its_hole() -> None:
    """Its deny of dangerous SQL looks at the start of the text only; ours looks anywhere."""
    components = [
        *(tool(n) for n in ("query_database", "get_user_info", "public_info", "delete_user")),
        *map(resource, ("user://profile", "public://docs", "admin://system", "api://logs")),
        *map(prompt, ("user_query", "admin_report", "sql_analysis")),
    ]
    queries = ["SELECT 1", "DROP TABLE x", "SELECT 1; DROP TABLE x", "PRAGMA x"]
    arguments: list[Any] = [{"sql": query} for query in queries]
    persons = people("admin", "analyst", "user", "public")
    found = differing("comprehensive.yaml", persons, components, arguments)
    hole = {"sql": "SELECT 1; DROP TABLE x"}
    assert found == {("query_database", Action.CALL, str(hole))}


def read(rules: str, *more: str) -> list[Difference]:
    """Return which differences a policy of these rules meets, without those of every platform."""
    text = HEAD + "\n".join(f"  - {rule}" for rule in (rules, *more))
    document = parse_policy(text, "policy.yaml")
    met = [each for remark in document.remarks for each in Difference if each in remark.message]
    return [each for each in met if each is not Difference.CASE]


DENY = "{name: d, effect: deny, tools: {names: [t]}, actions: [call], conditions: [%s]}"
ALLOW = "{name: a, effect: allow, tools: {names: [t]}, actions: [call], conditions: [%s]}"
ON_Q = "{field: tool.args.q, operator: %s, value: %s}"


@pytest.mark.parametrize(
    ("rule", "met"),
    [
        (ALLOW % (ON_Q % ("equals", "x")), []),
        (ALLOW % (ON_Q % ("in", "[x, y]")), []),
        (ALLOW % (ON_Q % ("equals", "1")), [Difference.MISSING]),
        (ALLOW % (ON_Q % ("not_equals", "x")), [Difference.MISSING]),
        (DENY % (ON_Q % ("equals", "x")), [Difference.MISSING]),
        (DENY % (ON_Q % ("regex", "x")), [Difference.MISSING, Difference.SEARCH]),
        (DENY % (ON_Q % ("regex", "^x")), [Difference.MISSING]),
        (DENY % (ON_Q % ("regex", "^x|y")), [Difference.MISSING, Difference.SEARCH]),
        (ALLOW % (ON_Q % ("regex", r"^\s")), [Difference.MISSING, Difference.CLASSES]),
        (
            ALLOW % "{field: context.time.hour, operator: gte, value: 9}",
            [Difference.NEVER, Difference.NEVER_APPLIES],
        ),
        (DENY % "{field: context.time.hour, operator: gte, value: 9}", [Difference.NEVER]),
        (
            ALLOW % "{field: request.timestamp, operator: gt, value: '09:00'}",
            [Difference.NEVER, Difference.NEVER_APPLIES],
        ),
        (
            ALLOW % "{field: user.roles, operator: in, value: [x]}",
            [Difference.NEVER, Difference.NEVER_APPLIES],
        ),
        (ALLOW % "{field: user.roles, operator: contains, value: x}", [Difference.MEMBERS]),
        (
            ALLOW % "{field: auth.roles, operator: contains, value: x}",
            [Difference.AUTH, Difference.MEMBERS],
        ),
        (ALLOW % "{field: auth.user_id, operator: equals, value: x}", [Difference.AUTH]),
        (ALLOW % "{field: auth.claims.x, operator: equals, value: x}", [Difference.AUTH]),
        (ALLOW % "{field: user.authenticated, operator: equals, value: true}", []),
        (
            ALLOW % "{field: user.authenticated, operator: equals, value: false}",
            [Difference.NEVER_APPLIES],
        ),
        ("{name: a, effect: allow, tools: {names: [t]}}", [Difference.KINDS]),
        ("{name: a, effect: allow, tools: {names: [t]}, actions: [call]}", []),
        (
            "{name: a, effect: allow, tools: {}, prompts: {names: [p]}, actions: [read, get]}",
            [Difference.KINDS],
        ),
        ("{name: a, effect: deny, tools: {names: [t]}}", []),
        ("{name: a, effect: allow, resources: {uris: ['x://a']}}", [Difference.URIS]),
        ("{name: a, effect: allow, actions: [fly]}", [Difference.NEVER_APPLIES]),
        ("{name: a, effect: allow, actions: []}", [Difference.NEVER_APPLIES]),
        (
            "{name: a, effect: allow, tools: {names: [t]}, actions: [read]}",
            [Difference.NEVER_APPLIES],
        ),
        (
            "{name: a, effect: allow, tools: {names: [t], patterns: ['x*']}, actions: [call]}",
            [Difference.NEVER_APPLIES],
        ),
        ("{name: a, effect: allow, agents: {agent_id: claude}}", [Difference.LISTS]),
    ],
)
def test_each_difference_is_named_where_it_is_met(rule: str, met: list[Difference]) -> None:
    """And nowhere else."""
    assert read(rule) == met


def test_a_deny_behind_an_allow_of_its_priority_is_named() -> None:
    """There the first in the file decides, here the deny."""
    allow, deny = "{name: a, effect: allow, actions: [call]}", "{name: d, effect: deny}"
    assert read(allow, deny) == [Difference.ORDER]
    assert read(deny, allow) == []
    assert read(allow, "{name: d, effect: deny, priority: 1}") == []


def test_a_remark_has_its_place_and_the_other_lines() -> None:
    """One for each difference; `policy check` tells it among its warnings."""
    rules = "".join(
        f"  - {{name: r{number}, effect: allow, tools: {{names: [t]}}}}\n" for number in range(12)
    )
    document = parse_policy(HEAD + rules, "policy.yaml")
    (remark,) = document.remarks
    assert (remark.file, remark.line, remark.column) == ("policy.yaml", 4, 38)
    assert remark.path == "rules[0].tools"
    assert remark.message.endswith(" (also lines 5, 6, 7, 8, 9, 10, 11, 12, …)")
    assert remark in warnings([document], compile_policy([document]))


def test_every_difference_is_in_the_documentation() -> None:
    """In the very words that `policy check` uses."""
    text = " ".join(DOCUMENTATION.read_text(encoding="utf-8").split())
    for difference in Difference:
        assert difference in text, difference.name


def decide(rules: str, person: Identity, wish: Request, component: Component) -> Decision:
    """Ask a policy of these rules."""
    return compile_policy([parse_policy(HEAD + rules, "p.yaml")]).decide(person, wish, component)


CALL = Request(Action.CALL)


def test_names_are_exact_and_patterns_must_match_as_well() -> None:
    """A glob's sign in a name is a letter like others."""
    rules = "  - {name: a, effect: allow, tools: {names: ['a*', ab], patterns: ['a*', '[']}}"
    assert decide(rules, imagined(), CALL, tool("a*")).allowed
    assert decide(rules, imagined(), CALL, tool("ab")).allowed
    assert not decide(rules, imagined(), CALL, tool("ac")).allowed


def test_a_star_is_whoever_has_a_role() -> None:
    """Whatever stands beside it."""
    rules = "  - {name: a, effect: allow, agents: {roles: [x, '*']}}"
    assert decide(rules, imagined(frozenset({"y"})), CALL, tool("t")).allowed
    assert not decide(rules, imagined(), CALL, tool("t")).allowed


def test_empty_parts_ask_for_nothing() -> None:
    """As there: an empty list or null is no restriction."""
    rules = (
        "  - {name: a, effect: allow, description: '', agents: {roles: [], user_id: null},"
        " tools: {names: []}, conditions: []}\n"
        "  - {name: b, effect: allow, agents: {}, prompts: {}, conditions: null}"
    )
    assert decide(rules, imagined(), CALL, tool("t")).rule == "a"
    assert decide(rules, imagined(), Request(Action.GET), prompt("p")).rule == "b"
    assert not decide(rules, imagined(), Request(Action.READ), resource("x://a")).allowed


def test_a_deny_of_tools_holds_for_resources_and_prompts_too() -> None:
    """Nothing that was denied there is allowed here."""
    rules = (
        "  - {name: d, effect: deny, tools: {patterns: ['admin*'], names: ['admin://a', admin]}}\n"
        "  - {name: a, effect: allow, priority: 1}"
    )
    for component in (tool("admin"), resource("admin://a"), prompt("admin")):
        wish = Request(USES[component.kind])
        assert decide(rules, imagined(), wish, component).effect is Effect.DENY
    assert decide(rules, imagined(), CALL, tool("other")).allowed


def test_conditions_on_the_component_hold_for_every_kind() -> None:
    """That program calls everything a tool; ours has a rule for each kind."""
    rules = (
        "  - name: d\n    effect: allow\n    conditions:\n"
        "      - {field: tool.name, operator: starts_with, value: x}"
    )
    for component in (tool("x1"), resource("x://a"), prompt("x2")):
        assert decide(rules, imagined(), Request(USES[component.kind]), component).allowed
    assert not decide(rules, imagined(), CALL, tool("y")).allowed


def test_a_rule_may_have_any_name() -> None:
    """Two may have one name there; some names are those of our own decisions."""
    rules = "\n".join(
        f"  - {{name: {name}, effect: allow}}" for name in ("a", "a", "a", "default", "roles.x")
    )
    document = parse_policy(HEAD + rules, "p.yaml")
    names = [rule.name for rule in document.rules]
    assert names == ["a", "a (2)", "a (3)", "rule default", "rule roles.x"]


def test_clients_and_people_match_globs() -> None:
    """By object id, or by what the client calls itself."""
    rules = "  - {name: a, effect: allow, agents: {user_id: 'an*', agent_id: [zed]}}"
    zed = Request(Action.CALL, client=ClientInfo("zed"))
    assert decide(rules, imagined(user_id="ann"), zed, tool("t")).allowed
    assert not decide(rules, imagined(user_id="bob"), zed, tool("t")).allowed
    assert not decide(rules, imagined(user_id="ann"), CALL, tool("t")).allowed


def test_what_describes_a_policy_is_kept() -> None:
    """Written in our language, it is the same policy."""
    text = (
        "name: p\ndescription: d\ncreated_by: me\ntags: [a, b]\ndefault_effect: Allow\n"
        "rules:\n  - {name: r, effect: deny, tools: {tags: [x]}, priority: 7, description: why}"
    )
    document = parse_policy(text, "p.yaml")
    said = plain(document)
    assert (said["name"], said["description"], said["created_by"]) == ("p", "d", "me")
    assert (said["labels"], said["default"]) == (["a", "b"], "allow")
    assert plain(parse_policy(to_yaml(document), "again.yaml")) == said


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        (HEAD + "  - {effect: allow}", "rules[0]", "has no `name`"),
        (HEAD + "  - {name: a}", "rules[0]", "has no `effect`"),
        (HEAD + "  - {name: a, effect: ask}", "rules[0].effect", "must be allow or deny"),
        (HEAD + "  - {name: a, effect: allow, when: []}", "rules[0].when", "is no key here"),
        (HEAD + "  - {name: [a], effect: allow}", "rules[0].name", "must be a text"),
        (
            HEAD + "  - {name: a, effect: allow, conditions: {}}",
            "rules[0].conditions",
            "must be a list",
        ),
        (HEAD + "  - " + ALLOW % "{field: user.id}", "rules[0].conditions[0]", "has no `operator`"),
        (
            HEAD + "  - " + ALLOW % (ON_Q % ("like", "x")),
            "rules[0].conditions[0].operator",
            "must be one of the known words",
        ),
        (
            HEAD + "  - " + ALLOW % (ON_Q % ("regex", "'(?=x)'")),
            "rules[0].when[0].value",
            "is no expression",
        ),
        ('version: "1.0"\nrules: {}', "rules", "must be a list of rules"),
        ('version: "1.0"\ndefault_effect: ask', "default_effect", "must be allow or deny"),
        ("default_effect: deny\nroles: {}", "roles", "is no key here"),
        ("version: 1.1\ndefault_effect: deny", "default_effect", "is no key here"),
    ],
)
def test_mistakes_have_their_place(text: str, path: str, message: str) -> None:
    """A file of another program is checked as ours is."""
    with pytest.raises(InvalidPolicy) as raised:
        parse_policy(text, "p.yaml")
    assert any(p.path == path and message in p.message for p in raised.value.problems), [
        *map(str, raised.value.problems)
    ]


def test_a_file_is_known_by_a_key_of_its_own() -> None:
    """Version and default may be left out there."""
    rule = "rules: [{name: a, effect: allow, %s: [{field: user.id, operator: equals, value: x}]}]"
    assert parse_policy(rule % "conditions", "p.yaml").rules[0].when
    assert parse_policy(rule % "when", "p.yaml").remarks == ()


@pytest.mark.parametrize(
    ("condition", "called", "read"),
    [
        ("{field: request.action, operator: equals, value: execute}", True, True),
        ("{field: request.action, operator: not_equals, value: execute}", False, False),
        ("{field: request.action, operator: in, value: [execute, call]}", False, True),
        ("{field: request.action, operator: not_in, value: [execute, call]}", True, False),
        ("{field: request.action, operator: not_in, value: [execute]}", False, False),
        ("{field: user.id, operator: equals, value: 5}", False, False),
        ("{field: request.timestamp, operator: equals, value: noon}", False, False),
    ],
)
def test_values_that_can_never_stand_there_are_read_as_they_are(
    condition: str, *, called: bool, read: bool
) -> None:
    """An action that doesn't exist is never asked for; of another type nothing can be told."""
    text = (
        f"{HEAD}  - {{name: d, effect: deny, conditions: [{condition}]}}\n"
        "  - {name: a, effect: allow, priority: 50, tools: {patterns: ['*']},"
        " resources: {patterns: ['*']}}\n"
    )
    compiled = compile_policy([parse_policy(text, "policy.yaml")])
    asked = [(tool("t"), Action.CALL), (resource("x://a"), Action.READ)]
    found = [compiled.decide(imagined(), Request(a, {}), each).allowed for each, a in asked]
    assert found == [called, read]


def test_a_number_that_is_none_is_a_text() -> None:
    """Where it is compared as a text; reading it must not fail."""
    when = "{field: tool.args.q, operator: starts_with, value: %s}"
    (rule,) = parse_policy(HEAD + "  - " + DENY % (when % "0x_"), "policy.yaml").rules
    assert rule.when[0].value == "0x_"
    with pytest.raises(InvalidPolicy, match="is longer than 4096 characters"):
        parse_policy(HEAD + "  - " + DENY % (when % ("9" * 5000)), "policy.yaml")
