"""Laws of the policy, over generated policies, people, components and requests.

The long run, at least 200,000 decisions against the reference, takes some minutes:
`pytest -m heavy tests/properties/test_policy_laws.py`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from msgspec import structs

from mcp_local.policy.deciding import predicates
from mcp_local.policy.deciding.compile import compile_policy
from mcp_local.policy.deciding.predicates import Predicate, condition
from mcp_local.policy.model import Action, Component, Decision, Effect, Kind, Request
from mcp_local.policy.reading.parse import parse_policy
from tests.support import reference_policy as reference
from tests.support.policy_worlds import (
    ROLES,
    components,
    grants,
    held,
    names,
    people,
    person,
    policies,
    requests,
    rules,
    templates,
    text,
)
from tests.support.reference_policy import FOLDER, PREDICATES, Grant, Policy

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from mcp_local.identity.model import Identity
    from mcp_local.policy.deciding.engine import CompiledPolicy
    from tests.support.reference_policy import Rule, Selection

USES = {
    Kind.TOOL: [Action.CALL],
    Kind.RESOURCE: [Action.READ, Action.SUBSCRIBE],
    Kind.PROMPT: [Action.GET],
}
WIDTH = {Effect.DENY: 0, Effect.ASK: 1, Effect.ALLOW: 2}

T = TypeVar("T")
Question = tuple["Identity", Request, Component]


def crossed(each: int) -> st.SearchStrategy[list[Question]]:
    """Return all questions of so many people, requests and components."""

    def exactly(strategy: st.SearchStrategy[T]) -> st.SearchStrategy[list[T]]:
        return st.lists(strategy, min_size=each, max_size=each)

    drawn = st.tuples(exactly(people), exactly(requests), exactly(components()))
    return drawn.map(lambda parts: list(product(*parts)))


questions = crossed(3)
quick = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
long = settings(max_examples=2_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module", autouse=True)
def registered() -> Iterator[None]:
    """Register the predicates that generated policies name, for as long as laws are tried."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predicates, "_registered", {})
        for name, answer in PREDICATES.items():
            condition(name)(always(answer))
        yield


def always(answer: bool | None) -> Predicate:  # noqa: FBT001 - a table's entry
    """Return a predicate of one answer."""

    def predicate(_identity: Identity, _request: Request, _component: Component, /) -> bool | None:
        return answer

    return predicate


def compiled(*files: Policy) -> CompiledPolicy:
    """Return the policy as the program reads it from files."""
    documents = [parse_policy(text(file), f"{number}.yaml") for number, file in enumerate(files)]
    return compile_policy(documents, folder=Path(FOLDER), zone=UTC)


def decide(
    policy: CompiledPolicy, roles: frozenset[str], action: Action, component: Component
) -> Decision:
    """Ask the engine for somebody of whom only the roles matter."""
    return policy.decide(person(roles), Request(action, {}, None, 0.0), component)


def check_agreement(policy: Policy, asked: list[Question]) -> None:
    """Compare the engine with the reference, cold and warm."""
    engine = compiled(policy)
    for _ in range(2):
        for identity, request, component in asked:
            decision = engine.decide(identity, request, component)
            expected = reference.decide(policy, identity, request, component)
            assert decision.effect == expected
            check_needs(policy, decision, (identity, request, component))


def check_needs(policy: Policy, decision: Decision, question: Question) -> None:
    """A role is named exactly if it would help; any role helps where a rule wants just one."""
    identity, request, component = question
    if decision.effect is not Effect.DENY:
        assert decision.needs_roles == ()
        return
    helping = {
        role
        for role in {*ROLES, *decision.needs_roles} - identity.roles
        if reference.decide(
            policy, replace(identity, roles=identity.roles | {role}), request, component
        )
        != "deny"
    }
    assert set(decision.needs_roles) <= helping
    long_form = policy.get("rules", [])
    if not any(_about_any_role(rule) for rule in long_form):
        assert set(decision.needs_roles) == helping


def _about_any_role(rule: Rule) -> bool:
    by_condition = any(each.get("field") == "user.roles" for each in rule.get("when", []))
    return rule.get("agents", {}).get("roles") == ["*"] or by_condition


@given(policies(), questions)
@quick
def test_the_engine_agrees_with_the_reference(policy: Policy, asked: list[Question]) -> None:
    """Effect and needed roles are those of the slow, obvious interpreter."""
    check_agreement(policy, asked)


@given(grants(), questions)
@quick
def test_the_engine_agrees_with_the_reference_on_the_short_form(
    policy: Policy, asked: list[Question]
) -> None:
    """The same for grants alone."""
    check_agreement(policy, asked)


@pytest.mark.heavy
@pytest.mark.timeout(7200)
@given(policies(), crossed(5))
@long
def test_the_engine_agrees_with_the_reference_at_length(
    policy: Policy, asked: list[Question]
) -> None:
    """The same, for at least 200,000 questions."""
    check_agreement(policy, asked)


@given(policies(), components(), requests)
@quick
def test_nobody_may_anything(policy: Policy, component: Component, request: Request) -> None:
    """Without an identity the answer is no, always (POLICY.md 0)."""
    assert compiled(policy).decide(None, request, component).effect is Effect.DENY


@given(held, components(), st.sampled_from(Action))
@quick
def test_what_no_grant_names_is_denied(
    roles: frozenset[str], component: Component, action: Action
) -> None:
    """Deny is the default; roles alone grant nothing."""
    empty: Policy = {"roles": {role: Grant() for role in ROLES}}
    assert not decide(compiled(empty), roles, action, component).allowed


@given(policies(effects=("deny", "ask")), questions)
@quick
def test_denies_and_asks_alone_allow_nothing(policy: Policy, asked: list[Question]) -> None:
    """Where nothing is granted, nothing is allowed without a person's yes."""
    closed = cast("Policy", {key: each for key, each in policy.items() if key == "rules"})
    engine = compiled(closed)
    for question in asked:
        assert engine.decide(*question).effect is not Effect.ALLOW


@given(policies(), rules(effects=("deny",)), questions)
@quick
def test_one_more_deny_never_widens(policy: Policy, rule: Rule, asked: list[Question]) -> None:
    """Whatever its agents, conditions and priority."""
    wide = compiled(policy)
    narrow = compiled(policy, {"rules": [{**rule, "name": "one-more"}]})
    for question in asked:
        one, other = wide.decide(*question), narrow.decide(*question)
        assert WIDTH[other.effect] <= WIDTH[one.effect]


@given(policies(effects=("allow",)), people, st.sampled_from(ROLES), requests, components())
@quick
def test_one_more_role_never_narrows(
    policy: Policy, identity: Identity, more: str, request: Request, component: Component
) -> None:
    """Whoever gets a role loses nothing, where there are no denies, asks, conditions on people."""
    for rule in policy.get("rules", []):
        kept = [each for each in rule.get("when", []) if not is_about_people(each)]
        rule.pop("when", None)
        if kept:
            rule["when"] = kept
    engine = compiled(policy)
    richer = replace(identity, roles=identity.roles | {more})
    if engine.decide(identity, request, component).allowed:
        assert engine.decide(richer, request, component).allowed


def is_about_people(condition: reference.Condition) -> bool:
    """Tell whether a condition looks at the person."""
    return condition.get("field", "").startswith("user.")


@given(policies(), questions, st.randoms(use_true_random=False))
@quick
def test_order_in_and_of_files_never_matters(
    policy: Policy, asked: list[Question], luck: random.Random
) -> None:
    """Shuffled, and dealt out to three files, it decides the same, for the same reasons."""
    dealt, whole = compiled(*shuffled_files(policy, luck)), compiled(policy)
    for question in asked:
        one, other = (each.decide(*question) for each in (dealt, whole))
        assert (one.effect, one.rule, one.reason) == (other.effect, other.rule, other.reason)
        assert (one.needs_roles, one.remember) == (other.needs_roles, other.remember)


def shuffled_files(policy: Policy, luck: random.Random) -> list[Policy]:
    """Return three files that together say the same in another order."""
    files: list[Policy] = [{"roles": {}, "tags": {}, "rules": []} for _ in range(3)]
    for role, grant in shuffled(policy.get("roles", {}), luck):
        luck.choice(files).setdefault("roles", {})[role] = cast(
            "Grant", {key: luck.sample(value, len(value)) for key, value in shuffled(grant, luck)}
        )
    for tag, selection in shuffled(policy.get("tags", {}), luck):
        luck.choice(files).setdefault("tags", {})[tag] = cast("Selection", selection)
    for rule in luck.sample(policy.get("rules", []), len(policy.get("rules", []))):
        luck.choice(files).setdefault("rules", []).append(rule)
    for file in files:
        if not file.get("rules"):
            file.pop("rules", None)
    said = {key: policy.get(key) for key in ("default", "mode") if key in policy}
    files[0] |= cast("Policy", said)
    return luck.sample(files, 3)


def shuffled(mapping: object, luck: random.Random) -> list[tuple[str, list[str]]]:
    """Return a mapping's items in any order."""
    items = list(cast("dict[str, list[str]]", mapping).items())
    return luck.sample(items, len(items))


def in_a_list(component: Component) -> Component:
    """Return a component as lists have it: of a template, no URI is known."""
    return replace(component, uri="")


@given(policies(actions=False), people, requests, components())
@quick
def test_what_is_not_listed_is_never_usable(
    policy: Policy, identity: Identity, request: Request, component: Component
) -> None:
    """Wherever a policy doesn't tell actions apart, whatever the arguments (POLICY.md 3)."""
    for rule in policy.get("rules", []):
        if any(each.get("field") == "request.action" for each in rule.get("when", [])):
            rule.pop("when", None)
    engine = compiled(policy)
    listed = engine.decide(identity, Request(Action.LIST), in_a_list(component))
    if listed.effect is Effect.DENY and listed.rule != "uri":
        for action in USES[component.kind]:
            use = structs.replace(request, action=action)
            assert engine.decide(identity, use, component).effect is Effect.DENY


@given(policies(actions=False), people, requests, components())
@quick
def test_what_rules_without_conditions_list_is_usable(
    policy: Policy, identity: Identity, request: Request, component: Component
) -> None:
    """Where neither arguments nor time nor client count, a list promises nothing that fails."""
    for rule in policy.get("rules", []):
        rule.pop("when", None)
        for kind in ("agent_id", "patterns"):
            rule.get("agents", {}).pop(kind, None)
        if not rule.get("agents", True):
            rule.pop("agents", None)
    engine = compiled(policy)
    listed = engine.decide(identity, Request(Action.LIST), in_a_list(component))
    if not component.template:
        for action in USES[component.kind]:
            use = engine.decide(identity, structs.replace(request, action=action), component)
            assert use.effect is listed.effect


@given(policies(exists=False), people, requests, components())
@quick
def test_a_missing_argument_never_widens(
    policy: Policy, identity: Identity, request: Request, component: Component
) -> None:
    """Leaving out what conditions look at gains nothing (POLICY.md 5)."""
    engine = compiled(policy)
    said = request.arguments or {}
    whole = engine.decide(identity, request, component)
    for left_out in {root(name) for name in said}:  # with what a server may take for it
        fewer = {name: value for name, value in said.items() if root(name) != left_out}
        part = engine.decide(identity, structs.replace(request, arguments=fewer), component)
        assert WIDTH[part.effect] <= WIDTH[whole.effect]


def root(name: str) -> str:
    """Return the first word of an argument's name, in whichever case."""
    return name.casefold().partition(".")[0]


@given(grants(actions=False), held, templates, names, names)
@quick
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


@given(grants(), held, components(), st.sampled_from(Action))
@quick
def test_grants_depend_on_roles_and_on_nothing_else_of_the_person(
    policy: Policy, roles: frozenset[str], component: Component, action: Action
) -> None:
    """Two people with the same roles may the same; asked again, the answer is the same."""
    engine = compiled(policy)
    request = Request(action)
    first = engine.decide(person(roles, "one"), request, component)
    second = engine.decide(person(frozenset(sorted(roles)), "two"), request, component)
    assert first == second


@given(policies(), st.text(), st.text(), st.frozensets(st.text(), max_size=3))
@quick
def test_the_engine_answers_whatever_it_is_asked(
    policy: Policy, name: str, uri: str, words: frozenset[str]
) -> None:
    """No name, address, tag, role or argument makes it raise."""
    engine = compiled(policy)
    odd: dict[str, object] = {
        "a": [[0]],
        "b": {"b": float("inf")},
        "sql": "\ud800",
        "path": "\0",
        "": None,
    }
    for kind in Kind:
        for template in (False, True):
            component = Component(kind, name, words, template=template, uri=uri)
            request = Request(Action.READ, odd, None, 1e300)
            assert isinstance(engine.decide(person(words), request, component), Decision)
