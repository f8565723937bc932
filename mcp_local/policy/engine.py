"""The compiled policy: one ordered list of rules, asked millions of times."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from time import perf_counter_ns
from typing import TYPE_CHECKING

from mcp_local.policy.index import RuleIndex
from mcp_local.policy.model import Action, Decision, Effect, Kind, RuleTrace
from mcp_local.policy.reasons import by_default, by_rule, one_of
from mcp_local.policy.rules import Subject
from mcp_local.policy.uris import fault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mcp_local.identity.model import Identity
    from mcp_local.policy.model import Component, Request
    from mcp_local.policy.rules import Matcher, Rule

_REMEMBERED = 1 << 14
"""Decisions kept; a person at a server of 5,000 tools uses 10,000."""
_LONGEST = 512
"""Characters of a name; longer ones are judged anew, so that memory stays bounded."""

NO_IDENTITY = Decision(Effect.DENY, "identity", "Nobody is signed in.")


class CompiledPolicy:
    """Answers requests; made by :func:`mcp_local.policy.compile.compile_policy`.

    Pure: the same question always has the same answer. Safe to use from several threads.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        taggings: Sequence[tuple[str, Matcher]] = (),
        default: Effect = Effect.DENY,
        roles: Sequence[str] = (),
        files: Sequence[str] = (),
    ) -> None:
        self.rules = tuple(sorted(rules, key=lambda rule: rule.order()))
        self.default = default
        self.roles = tuple(roles)
        """All roles that are spoken of, those that reach least first."""
        self.files = tuple(files)
        self._rank = {role: rank for rank, role in enumerate(self.roles)}
        self._taggings = tuple(taggings)
        self._index = RuleIndex(self.rules)
        self._remembered = lru_cache(maxsize=_REMEMBERED)(self._judge)
        self._applying = lru_cache(maxsize=256)(self._pick)

    def decide(self, identity: Identity | None, request: Request, component: Component) -> Decision:
        """Answer one request; never raises. An answer given before is looked up.

        ``Decision.evaluation_us`` is what working it out took, the first time.
        """
        if identity is None:  # POLICY.md 0: whatever `default` says
            return NO_IDENTITY
        name, uri = component.name, component.uri
        judge = self._remembered if len(name) + len(uri) <= _LONGEST else self._judge
        # Everything that a rule can look at, and nothing else, is part of the question.
        return judge(
            identity.roles,
            request.action,
            component.kind,
            name,
            uri,
            component.tags,
            component.template,
        )

    def _judge(  # noqa: PLR0913, PLR0917 - one argument for each thing that rules look at
        self,
        roles: frozenset[str],
        action: Action,
        kind: Kind,
        name: str,
        uri: str,
        tags: frozenset[str],
        template: bool,  # noqa: FBT001 - a field of Component
    ) -> Decision:
        started = perf_counter_ns()
        subject = Subject(kind, name, uri, tags, template, listing=action is Action.LIST)
        decision = _refuse_ambiguous(subject) or self._weigh(roles, action, subject)
        return replace(decision, evaluation_us=(perf_counter_ns() - started) / 1000)

    def _weigh(self, roles: frozenset[str], action: Action, subject: Subject) -> Decision:
        subject = self._tagged(subject)
        about = [r for r in self._index.candidates(subject) if r.is_about(action, subject)]
        applying = self._applying(roles)
        considered = tuple(_trace(rule, applies=rule in applying) for rule in about)
        winner = next((rule for rule in about if rule in applying), None)
        effect = winner.effect if winner else self.default
        needs = self._needs(about, roles) if effect is Effect.DENY else ()
        if winner is None:
            reason = by_default(effect, roles, needs)
        else:
            reason = by_rule(winner, sorted(winner.roles & roles))
        name = winner.name if winner else "default"
        return Decision(effect, name, reason, needs, considered)

    def _tagged(self, subject: Subject) -> Subject:
        """Give tags to what carries none (POLICY.md, `tags`)."""
        if subject.tags:
            return subject
        given = frozenset(tag for tag, matcher in self._taggings if matcher.match(subject))
        return replace(subject, tags=given)

    def _needs(self, about: Sequence[Rule], roles: frozenset[str]) -> tuple[str, ...]:
        """Return each role that, added to what the person has, would allow it."""
        named = frozenset[str]().union(*(rule.roles for rule in about)) - roles
        helping = (role for role in named if _allows(about, {role, *roles}))
        return tuple(sorted(helping, key=lambda role: (self._rank.get(role, 0), role)))

    def _pick(self, roles: frozenset[str]) -> frozenset[Rule]:
        return frozenset(rule for rule in self.rules if not rule.roles.isdisjoint(roles))


def _allows(about: Sequence[Rule], roles: set[str]) -> bool:
    """Tell whether the first of the ordered rules that applies to these roles allows."""
    first = next((rule for rule in about if not rule.roles.isdisjoint(roles)), None)
    return first is not None and first.effect is Effect.ALLOW


def _refuse_ambiguous(subject: Subject) -> Decision | None:
    """POLICY.md 4: before any matching."""
    if subject.kind is not Kind.RESOURCE or not (what := fault(subject.name) or fault(subject.uri)):
        return None
    return Decision(Effect.DENY, "uri", f"The address holds {what}, which can be read in two ways.")


def _trace(rule: Rule, *, applies: bool) -> RuleTrace:
    why_not = "" if applies else f"needs {one_of(sorted(rule.roles))}"
    return RuleTrace(rule.name, rule.effect, applies, why_not)
