"""Laws of the policy, over generated policies, people and components.

The long run, at least 200,000 decisions against the reference, takes some minutes:
`pytest -m heavy tests/properties/test_policy_laws.py`.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, cast

import pytest
import yaml
from hypothesis import HealthCheck, given, settings, strategies as st

from mcp_local.identity.model import Identity
from mcp_local.policy.compile import compile_policy
from mcp_local.policy.model import Action, Component, Decision, Effect, Kind, Request
from mcp_local.policy.parse import parse_policy
from mcp_local.policy.problems import InvalidPolicy
from tests.support.reference_policy import Grant, Policy, Selection, allowed, needed

if TYPE_CHECKING:
    import random

    from mcp_local.policy.engine import CompiledPolicy

ROLES = ["R0", "R1", "R2", "R3", "R4"]
TAGS = ["t0", "t1", "t2"]
USES = {
    Kind.TOOL: [Action.CALL],
    Kind.RESOURCE: [Action.READ, Action.SUBSCRIBE],
    Kind.PROMPT: [Action.GET],
}

names = st.text("ab/", min_size=1, max_size=4)
globs = st.lists(
    st.sampled_from(["a", "b", "/", "*", "?", "[ab]", "[!a]", "[a-b]"]), min_size=1, max_size=4
).map("".join)
uris = names.map("x://".__add__).filter(lambda uri: "//" not in uri[4:])
uri_globs = globs.map("x://".__add__)
templates = st.lists(st.sampled_from(["a", "b", "/", "{p}", "{q}"]), min_size=1, max_size=4).map(
    lambda parts: "x://" + "".join(parts)
)


def some(strategy: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    """Return lists that a policy may hold."""
    return st.lists(strategy, min_size=1, max_size=3)


SELECTED = {"tools": some(globs), "resources": some(uri_globs), "prompts": some(globs)}


@st.composite
def policies(draw: st.DrawFn, *, actions: bool = True) -> Policy:
    """Return a valid policy; roles include only later ones, so that nothing runs in a circle."""
    roles: dict[str, Grant] = {}
    for position, role in enumerate(ROLES):
        later = ROLES[position + 1 :]
        optional = {"tags": some(st.sampled_from(TAGS)), **SELECTED}
        if later:
            optional["includes"] = some(st.sampled_from(later))
        grant = draw(st.fixed_dictionaries({}, optional=optional))
        if actions and "tags" in grant and draw(st.booleans()):
            grant["actions"] = draw(some(st.sampled_from([*map(str, Action), "*"])))
        roles[role] = cast("Grant", grant)
    selection = st.fixed_dictionaries({}, optional=SELECTED).filter(bool)
    tags = draw(st.dictionaries(st.sampled_from(TAGS), selection, max_size=3))
    policy: Policy = {"roles": roles, "tags": cast("dict[str, Selection]", tags)}
    if draw(st.integers(0, 9)) == 0:
        policy["default"] = "allow"
    return policy


@st.composite
def components(draw: st.DrawFn) -> Component:
    """Return a component of any kind; templates with and without a URI read through them."""
    kind = draw(st.sampled_from(Kind))
    tags = draw(st.frozensets(st.sampled_from(TAGS), max_size=2))
    if kind is not Kind.RESOURCE:
        return Component(kind, draw(names), tags)
    if draw(st.booleans()):
        return Component(kind, draw(uris), tags)
    template = draw(templates)
    uri = draw(st.one_of(st.just(""), expansions(template)))
    return Component(kind, template, tags, template=True, uri=uri)


def expansions(template: str) -> st.SearchStrategy[str]:
    """Return URIs that a template leads to."""
    return st.tuples(names, names).map(
        lambda values: template.replace("{p}", values[0]).replace("{q}", values[1])
    )


held = st.frozensets(st.sampled_from([*ROLES, "Unknown"]), max_size=3)


def compiled(policy: Policy) -> CompiledPolicy:
    """Return the policy as the program reads it from a file."""
    return compile_policy([parse_policy(yaml.safe_dump(policy), "policy.yaml")])


def person(roles: frozenset[str], object_id: str = "oid") -> Identity:
    """Return a verified person."""
    return Identity("tid", object_id, roles, frozenset(), frozenset(), "client", 0, 0)


def decide(
    policy: CompiledPolicy, roles: frozenset[str], action: Action, component: Component
) -> Decision:
    """Ask the engine."""
    return policy.decide(person(roles), Request(action), component)


asked = st.tuples(
    st.lists(held, min_size=3, max_size=3), st.lists(components(), min_size=4, max_size=4)
).map(lambda drawn: list(product(drawn[0], Action, drawn[1])))
"""72 questions: some people, all actions, some components."""
Asked = list[tuple[frozenset[str], Action, Component]]


def check_agreement(policy: Policy, questions: Asked) -> None:
    """Compare the engine with the reference, cold and warm."""
    engine = compiled(policy)
    for _ in range(2):
        for roles, action, component in questions:
            decision = decide(engine, roles, action, component)
            assert decision.allowed == allowed(policy, roles, action, component)
            if decision.allowed:
                assert decision.needs_roles == ()
            else:
                assert set(decision.needs_roles) == needed(policy, action, component)


@given(policies(), asked)
@settings(max_examples=60, deadline=None)
def test_the_engine_agrees_with_the_reference(policy: Policy, questions: Asked) -> None:
    """Effect and needed roles are those of the slow, obvious interpreter."""
    check_agreement(policy, questions)


@pytest.mark.heavy
@pytest.mark.timeout(3600)
@given(policies(), asked)
@settings(max_examples=3_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_engine_agrees_with_the_reference_at_length(policy: Policy, questions: Asked) -> None:
    """The same, for at least 200,000 questions."""
    check_agreement(policy, questions)


@given(policies(), components(), st.sampled_from(Action))
@settings(max_examples=50, deadline=None)
def test_nobody_may_anything(policy: Policy, component: Component, action: Action) -> None:
    """Without an identity the answer is no, always."""
    decision = compiled(policy).decide(None, Request(action), component)
    assert decision.effect is Effect.DENY


@given(held, components(), st.sampled_from(Action))
@settings(max_examples=50, deadline=None)
def test_what_no_grant_names_is_denied(
    roles: frozenset[str], component: Component, action: Action
) -> None:
    """Deny is the default; roles alone grant nothing."""
    empty: Policy = {"roles": {role: Grant() for role in ROLES}}
    assert not decide(compiled(empty), roles, action, component).allowed


@given(policies(), held, st.sampled_from(ROLES), components(), st.sampled_from(Action))
@settings(max_examples=60, deadline=None)
def test_one_more_role_never_narrows(
    policy: Policy, roles: frozenset[str], more: str, component: Component, action: Action
) -> None:
    """Whoever gets a role loses nothing."""
    engine = compiled(policy)
    if decide(engine, roles, action, component).allowed:
        assert decide(engine, roles | {more}, action, component).allowed


@given(policies(), asked, st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_order_in_and_of_files_never_matters(
    policy: Policy, questions: Asked, luck: random.Random
) -> None:
    """Shuffled, and dealt out to three files, it decides the same, for the same reasons."""
    files: list[Policy] = [{"roles": {}, "tags": {}} for _ in range(3)]
    for role, grant in shuffled(policy.get("roles", {}), luck):
        luck.choice(files).setdefault("roles", {})[role] = cast(
            "Grant", {key: luck.sample(value, len(value)) for key, value in shuffled(grant, luck)}
        )
    for tag, selection in shuffled(policy.get("tags", {}), luck):
        luck.choice(files).setdefault("tags", {})[tag] = cast("Selection", selection)
    files[0] |= cast("Policy", {key: policy[key] for key in ("default",) if key in policy})
    documents = [
        parse_policy(yaml.safe_dump(file, sort_keys=False), f"{number}.yaml")
        for number, file in enumerate(files)
    ]
    dealt, whole = compile_policy(luck.sample(documents, 3)), compiled(policy)
    for roles, action, component in questions:
        one, other = (decide(each, roles, action, component) for each in (dealt, whole))
        assert (one.effect, one.rule, one.reason) == (other.effect, other.rule, other.reason)
        assert one.needs_roles == other.needs_roles


def shuffled(mapping: object, luck: random.Random) -> list[tuple[str, list[str]]]:
    """Return a mapping's items in any order."""
    items = list(cast("dict[str, list[str]]", mapping).items())
    return luck.sample(items, len(items))


@given(policies(actions=False), held, components())
@settings(max_examples=80, deadline=None)
def test_what_is_not_listed_is_not_usable_and_what_is_listed_is(
    policy: Policy, roles: frozenset[str], component: Component
) -> None:
    """Wherever a policy doesn't tell actions apart (POLICY.md 3)."""
    engine = compiled(policy)
    entry = Component(component.kind, component.name, component.tags, template=component.template)
    listed = decide(engine, roles, Action.LIST, entry).allowed
    for action in USES[component.kind]:
        usable = decide(engine, roles, action, component).allowed
        assert listed or not usable
        if not component.template:
            assert usable == listed


@given(policies(actions=False), held, templates, names, names)
@settings(max_examples=80, deadline=None)
def test_what_may_be_completed_may_be_read_whatever_the_value(
    policy: Policy, roles: frozenset[str], template: str, one: str, other: str
) -> None:
    """Completion tells values of a template: only those may see them who may read them all."""
    engine = compiled(policy)
    entry = Component(Kind.RESOURCE, template, template=True)
    uri = template.replace("{p}", one).replace("{q}", other)
    part = Component(Kind.RESOURCE, template, template=True, uri=uri)
    if decide(engine, roles, Action.COMPLETE, entry).allowed:
        decision = decide(engine, roles, Action.READ, part)
        assert decision.allowed or decision.rule == "uri"


@given(policies(), held, components(), st.sampled_from(Action))
@settings(max_examples=50, deadline=None)
def test_decisions_depend_on_roles_and_on_nothing_else_of_the_person(
    policy: Policy, roles: frozenset[str], component: Component, action: Action
) -> None:
    """Two people with the same roles may the same; asked again, the answer is the same."""
    engine = compiled(policy)
    first = engine.decide(person(roles, "one"), Request(action), component)
    second = engine.decide(person(frozenset(sorted(roles)), "two"), Request(action), component)
    assert first == second


@given(policies(), st.text(), st.text(), st.frozensets(st.text(), max_size=3))
@settings(max_examples=60, deadline=None)
def test_the_engine_answers_whatever_it_is_asked(
    policy: Policy, name: str, uri: str, words: frozenset[str]
) -> None:
    """No name, address, tag or role makes it raise."""
    engine = compiled(policy)
    for kind in Kind:
        for template in (False, True):
            component = Component(kind, name, words, template=template, uri=uri)
            assert isinstance(decide(engine, words, Action.READ, component), Decision)


yaml_like = st.lists(
    st.sampled_from(
        [
            *"[]{}:,-*&!|>%@`\"'#?\n\t ",
            "roles", "tags", "tools", "includes", "actions", "default", "version", "A", "1", "yes",
            ": ", "\n  ", "\n- ", "---\n", "[x]", "{}", "\u2028", "\x00", "é",
        ]
    ),
    max_size=30,
).map("".join)  # fmt: skip


def check_reading(text: str) -> None:
    """Read a text as a policy: it allows nothing to people without roles, or is refused."""
    component = Component(Kind.TOOL, "x")
    try:
        policy = compile_policy([parse_policy(text, "policy.yaml")])
    except InvalidPolicy as error:
        places = [(problem.line, problem.column) for problem in error.problems]
    else:
        places = [(1, 1)]
        assert not decide(policy, frozenset(), Action.CALL, component).allowed or "allow" in text
    assert all(line >= 1 and column >= 1 for line, column in places)


@given(st.one_of(st.text(), yaml_like))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_policy_or_a_clear_error(text: str) -> None:
    """Reading never ends in a traceback."""
    check_reading(text)


@pytest.mark.heavy
@pytest.mark.timeout(3600)
@given(st.one_of(st.text(), yaml_like))
@settings(max_examples=100_000, deadline=None)
def test_any_text_is_a_policy_or_a_clear_error_at_length(text: str) -> None:
    """The same, long."""
    check_reading(text)
