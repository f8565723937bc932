"""The long form's rules, made ready to be tried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import structs

from mcp_local.errors import did_you_mean
from mcp_local.policy.deciding.conditions import make_check
from mcp_local.policy.deciding.matching import Matcher, Names, hints_wanted
from mcp_local.policy.deciding.rules import AnyGlob, Others, Rule
from mcp_local.policy.document import Agents, Operator
from mcp_local.policy.model import Action, Kind
from mcp_local.policy.problems import InvalidPolicy, problem
from mcp_local.policy.vocabulary.fields import UnknownField, find_field
from mcp_local.policy.vocabulary.ids import as_in_tokens
from mcp_local.policy.vocabulary.shapes import misfit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mcp_local.policy.deciding.conditions import Check, Surroundings
    from mcp_local.policy.document import Condition, Document, Rule as Written, Value

ALL_KINDS: Final = frozenset(Kind)
ALL_ACTIONS: Final = frozenset(Action)

_IDS: Final = frozenset({"user.id", "user.tenant", "user.groups"})


def compile_rules(documents: Sequence[Document], surroundings: Surroundings) -> Iterator[Rule]:
    """Yield the rules of all documents, ready to be tried.

    Raises:
        InvalidPolicy: two have one name, or a condition is not registered or means nothing.
        PolicyError: a package that a condition needs isn't installed.
    """
    first: dict[str, Written] = {}
    for document in documents:
        for written in document.rules:
            known = first.setdefault(written.name, written)
            if known is not written:
                place = f"{known.origin.file}:{known.origin.line}"
                message = f"has the name of another rule, in {place}"
                hint = "Each rule of a policy has its own name."
                raise InvalidPolicy([problem(written.origin, written.name, message, hint)])
            yield _rule(written, surroundings)


def _rule(written: Written, surroundings: Surroundings) -> Rule:
    agents = written.agents or Agents()
    return Rule(
        name=written.name,
        effect=written.effect,
        roles=frozenset(agents.roles),
        matchers=tuple(_matchers(written)),
        actions=frozenset(written.actions) or ALL_ACTIONS,
        origin=written.origin,
        priority=written.priority,
        others=_others(agents),
        checks=tuple(_check(each, written, surroundings) for each in written.when),
        reason=written.reason,
        remember=written.remember,
        redact=written.redact,
    )


def _others(agents: Agents) -> Others:
    return Others(
        tenant=frozenset(map(as_in_tokens, agents.tenant)),
        groups=frozenset(map(as_in_tokens, agents.groups)),
        scopes=frozenset(agents.scopes),
        user_id=_globs(tuple(map(as_in_tokens, agents.user_id))),
        agent_id=_globs(agents.agent_id),
        patterns=_globs((*agents.patterns, *map(as_in_tokens, agents.patterns))),
    )


def _globs(texts: tuple[str, ...]) -> AnyGlob | None:
    return AnyGlob(texts) if texts else None


def _matchers(written: Written) -> Iterator[Matcher]:
    for kind, components in (
        (Kind.TOOL, written.tools),
        (Kind.RESOURCE, written.resources),
        (Kind.PROMPT, written.prompts),
    ):
        if components is not None:
            names = (*components.names, *components.patterns)
            yield Matcher(
                frozenset({kind}),
                (Names(names),) if names else (),
                frozenset(components.tags),
                frozenset(components.namespaces),
                frozenset(scheme.lower() for scheme in components.schemes),
                hints_wanted(components.annotations),
            )


def _check(condition: Condition, written: Written, surroundings: Surroundings) -> Check:
    """Return a condition, ready to be judged; those not read from a file are checked here."""
    path = f"{written.name}.when"
    if condition.operator is Operator.CONDITION:
        if (name := str(condition.value)) not in surroundings.predicates:
            known = surroundings.predicates
            hint = did_you_mean(name, known) if known else ""
            message = f"names the condition `{name}`, which isn't registered"
            hint = hint or "A server in Python registers it with `@condition`, before it is run."
            raise InvalidPolicy([problem(condition.origin, path, message, hint)])
        return make_check(condition, surroundings)
    try:
        field = find_field(condition.field)
    except UnknownField as error:
        raise InvalidPolicy([problem(condition.origin, path, str(error))]) from None
    if wrong := misfit(field.path, field.shape, condition.operator, condition.value):
        message = f"`{condition.field}` {condition.operator}: the value {wrong.message}"
        raise InvalidPolicy([problem(condition.origin, path, message, wrong.hint)])
    if condition.field in _IDS:
        condition = structs.replace(condition, value=_ids(condition.value))
    return make_check(condition, surroundings)


def _ids(value: Value) -> Value:
    if isinstance(value, tuple):
        return tuple(as_in_tokens(each) if isinstance(each, str) else each for each in value)
    return as_in_tokens(value) if isinstance(value, str) else value
