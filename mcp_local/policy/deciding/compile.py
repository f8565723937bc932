"""Documents → rules. Every role is known, no inclusion runs in a circle, the files agree."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_local.errors import did_you_mean
from mcp_local.policy.deciding.compile_rules import ALL_ACTIONS, ALL_KINDS, compile_rules
from mcp_local.policy.deciding.conditions import Surroundings
from mcp_local.policy.deciding.engine import CompiledPolicy
from mcp_local.policy.deciding.matching import Matcher, Names
from mcp_local.policy.deciding.predicates import registered
from mcp_local.policy.deciding.rules import Rule
from mcp_local.policy.document import ANY_ROLE, Mode
from mcp_local.policy.model import Effect, Kind
from mcp_local.policy.problems import MOST, InvalidPolicy, Origin, problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import tzinfo

    from mcp_local.policy.document import Document, Grant, Selection

MAX_REACH = 2_000_000
"""Pairs of (role, role it includes); more is a mistake, and would fill the memory."""


def compile_policy(
    documents: Sequence[Document], *, folder: Path | None = None, zone: tzinfo | None = None
) -> CompiledPolicy:
    """Return the policy that the documents make together.

    ``folder`` is where relative paths of the operator ``under`` begin, by default the current
    folder; ``zone`` is that of hours and weekdays, by default the machine's. Conditions of one's
    own are those that are registered now.

    Raises:
        InvalidPolicy: an included role isn't there or includes itself, two rules have one name,
            documents contradict each other, or a condition is not registered.
        PolicyError: a package that a condition needs isn't installed.
    """
    surroundings = Surroundings(folder or Path.cwd(), registered(), zone)
    default = _agreed(documents, "default") or Effect.DENY
    mode = _agreed(documents, "mode")
    grants = [grant for document in documents for grant in document.grants]
    reach = _reach(grants)
    long_form = list(compile_rules(documents, surroundings))
    return CompiledPolicy(
        rules=[*_short_form(grants, reach), *long_form],
        taggings=list(_taggings(documents)),
        default=Effect(default),
        observing=mode == Mode.OBSERVE,
        roles=_roles(reach, long_form),
        documents=documents,
        zone=zone,
    )


def _agreed(documents: Sequence[Document], key: str) -> str | None:
    """Return what the documents that speak of it all say."""
    said = [each for each in documents if getattr(each, key) is not None]
    for each in said:
        mine, first = getattr(each, key), getattr(said[0], key)
        if mine is not first:
            message = f"is `{mine}`, but `{first}` in {said[0].file}"
            origin = getattr(each, f"{key}_origin") or Origin(each.file)
            raise InvalidPolicy([problem(origin, key, message, "Say it in one file only.")])
    return getattr(said[0], key) if said else None


def _reach(grants: Sequence[Grant]) -> Mapping[str, frozenset[str]]:
    """Return each role with all roles whose grants it has: itself and what it includes."""
    _check_includes(grants)
    graph: dict[str, set[str]] = {grant.role: set() for grant in grants}
    for grant in grants:
        graph[grant.role].update(reference.name for reference in grant.includes)
    reach: dict[str, frozenset[str]] = {}
    total = 0
    for role in _included_first(graph, grants):
        reach[role] = frozenset({role}).union(*(reach[each] for each in graph[role]))
        total += len(reach[role])
        if total > MAX_REACH:
            origin = next(grant.origin for grant in grants if grant.role == role)
            raise InvalidPolicy([problem(origin, f"roles.{role}", "includes too many roles")])
    return reach


def _check_includes(grants: Sequence[Grant]) -> None:
    known = {grant.role for grant in grants}
    dangling = (
        reference for grant in grants for reference in grant.includes if reference.name not in known
    )
    problems = [
        problem(
            reference.origin,
            reference.path,
            f"includes `{reference.name}`, which is no role of this policy",
            did_you_mean(reference.name, known),
        )
        for reference in islice(dangling, MOST)
    ]
    if problems:
        raise InvalidPolicy(problems)


def _included_first(graph: Mapping[str, set[str]], grants: Sequence[Grant]) -> tuple[str, ...]:
    try:
        return tuple(
            TopologicalSorter({role: sorted(each) for role, each in graph.items()}).static_order()
        )
    except CycleError as error:
        circle: list[str] = error.args[1]
    closing = next(
        reference
        for grant in grants
        for reference in grant.includes
        if grant.role in circle and reference.name in circle
    )
    message = f"includes itself: {' → '.join(reversed(circle))}"
    hint = "A role that includes another is the larger one; leave one of them out."
    raise InvalidPolicy([problem(closing.origin, closing.path, message, hint)])


def _holders(reach: Mapping[str, frozenset[str]]) -> Mapping[str, frozenset[str]]:
    """Return each role with all roles that have its grants."""
    holders: dict[str, set[str]] = {role: set() for role in reach}
    for role, reached in reach.items():
        for each in reached:
            holders[each].add(role)
    return {role: frozenset(each) for role, each in holders.items()}


def _short_form(grants: Sequence[Grant], reach: Mapping[str, frozenset[str]]) -> Iterator[Rule]:
    holders = _holders(reach)
    return (rule for grant in grants for rule in _rules(grant, holders[grant.role]))


def _rules(grant: Grant, holders: frozenset[str]) -> Iterator[Rule]:
    matchers = tuple(_by_name(grant.selection))
    if grant.tags:
        matchers = (Matcher(ALL_KINDS, tags=frozenset(grant.tags)), *matchers)
    if matchers:
        yield Rule(
            name=f"roles.{grant.role}",
            effect=Effect.ALLOW,
            roles=holders,
            matchers=matchers,
            actions=frozenset(grant.actions) or ALL_ACTIONS,
            origin=grant.origin,
        )


def _taggings(documents: Sequence[Document]) -> Iterator[tuple[str, Matcher]]:
    for document in documents:
        for tagging in document.taggings:
            for matcher in _by_name(tagging.selection):
                yield tagging.tag, matcher


def _roles(reach: Mapping[str, frozenset[str]], long_form: Sequence[Rule]) -> list[str]:
    """Return all roles that are spoken of, the smallest first."""
    named = {role for rule in long_form for role in rule.roles} - {ANY_ROLE}
    return sorted({*reach, *named}, key=lambda role: (len(reach.get(role, "1")), role))


def _by_name(selection: Selection) -> Iterator[Matcher]:
    for kind, texts in (
        (Kind.TOOL, selection.tools),
        (Kind.RESOURCE, selection.resources),
        (Kind.PROMPT, selection.prompts),
    ):
        if texts:
            yield Matcher(frozenset({kind}), (Names(texts),))
