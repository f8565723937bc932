"""The compiled policy: one ordered list of rules, asked millions of times."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final, TypeAlias

from mcp_local.policy.deciding.answer import answered
from mcp_local.policy.deciding.index import RuleIndex
from mcp_local.policy.deciding.matching import hints_of, subject_of
from mcp_local.policy.deciding.weigh import Scale, stand
from mcp_local.policy.model import Decision, Effect, Kind
from mcp_local.policy.vocabulary.fields import Case
from mcp_local.policy.vocabulary.uris import fault, fault_of_read

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence
    from datetime import tzinfo

    from mcp_local.identity.model import Identity
    from mcp_local.policy.deciding.matching import Matcher, Subject
    from mcp_local.policy.deciding.rules import Rule
    from mcp_local.policy.document import Document
    from mcp_local.policy.model import Component, Request

_REMEMBERED: Final = 1 << 16
"""Answers kept, of all people together; a person at a server of 5,000 tools uses 10,000."""
_PEOPLE: Final = 256
"""People, by their identity object, whose answers are kept."""
_LONGEST: Final = 512
"""Characters of a name; longer ones are judged anew, so that memory stays bounded."""

NO_IDENTITY = Decision(Effect.DENY, "identity", "Nobody is signed in.")


Answers: TypeAlias = "dict[Hashable, Decision | Scale]"
"""Decisions that are always the same; else the rules to be weighed at every use."""


class CompiledPolicy:
    """Answers requests; made by :func:`mcp_local.policy.deciding.compile.compile_policy`.

    Pure: the same question always has the same answer. Safe to use from several threads.
    """

    def __init__(  # noqa: PLR0913 - everything that a policy is made of, by name
        self,
        rules: Sequence[Rule],
        *,
        taggings: Sequence[tuple[str, Matcher]] = (),
        default: Effect = Effect.DENY,
        observing: bool = False,
        roles: Sequence[str] = (),
        documents: Sequence[Document] = (),
        zone: tzinfo | None = None,
    ) -> None:
        self.rules = tuple(sorted(rules, key=lambda rule: rule.order()))
        """In the order in which they are tried."""
        self.default = default
        self.observing = observing
        """Whether what only the default refuses is let through (``mode: observe``)."""
        self.roles = tuple(roles)
        """All roles that are spoken of, those that reach least first."""
        self.documents = tuple(documents)
        """What it was made of."""
        self.files = tuple(document.file for document in documents)
        self._zone = zone
        self._rank = {role: rank for rank, role in enumerate(self.roles)}
        self._taggings = tuple(taggings)
        self._index = RuleIndex(self.rules)
        self._people: dict[int, tuple[Identity, Answers]] = {}
        self._alike: dict[Hashable, Answers] = {}
        self._kept = 0
        self._profile = attrgetter(*_read_of_people(self.rules))
        self._reads_claims = any(
            field.startswith("user.claims.") for rule in self.rules for field in _fields(rule)
        )
        self._reads_hints = any(each.hints for rule in self.rules for each in rule.matchers)

    def decide(self, identity: Identity | None, request: Request, component: Component) -> Decision:
        """Answer one request; never raises. An answer that can't change is looked up.

        ``Decision.evaluation_us`` is what working it out took, the first time.
        """
        if identity is None:  # POLICY.md 0: whatever `default` says
            return NO_IDENTITY
        met = self._people.get(id(identity))
        answers = met[1] if met is not None and met[0] is identity else self._meet(identity)
        # Everything that a rule can look at, and that doesn't change from use to use.
        key = (
            request.action,
            component.kind,
            component.name,
            component.uri,
            component.tags,
            component.namespace,
            component.version,
            component.template,
            hints_of(component) if self._reads_hints else None,
        )
        answer = answers.get(key)
        if isinstance(answer, Decision):
            return answer
        started = perf_counter_ns()
        scale = answer or self._scale(identity, request, component)
        case = Case(identity, request, component, scale.subject, self._zone)
        outcome = scale.weigh(case)
        decision = answered(scale, case, outcome, self._rank, started)
        if answer is None and len(component.name) + len(component.uri) <= _LONGEST:
            settled = scale.settled(case, outcome)
            self._remember(answers, key, decision if settled else scale)
        return decision

    def tags_of(self, component: Component) -> frozenset[str]:
        """Return the component's tags, those that the policy gives it included."""
        return self._tagged(subject_of(component)).tags

    def _scale(self, identity: Identity, request: Request, component: Component) -> Scale:
        """Return the rules that speak of the component, for one person."""
        subject = self._tagged(subject_of(component))
        if what := _ambiguous(subject):
            return Scale(subject, (), Effect.DENY, fault=what)
        case = Case(identity, request, component, subject, self._zone)
        standings = tuple(
            stand(rule, meant, case)
            for rule in self._index.candidates(subject)
            if (meant := rule.match(request.action, subject)) is not False
        )
        return Scale(subject, standings, self.default, observing=self.observing)

    def _tagged(self, subject: Subject) -> Subject:
        """Give tags to what carries none (POLICY.md, `tags`)."""
        if subject.tags or not self._taggings:
            return subject
        given = [(tag, matcher.match(subject)) for tag, matcher in self._taggings]
        return replace(
            subject,
            tags=frozenset(tag for tag, truth in given if truth),
            perhaps=frozenset(tag for tag, truth in given if truth is not False),
        )

    def _meet(self, identity: Identity) -> Answers:
        """Return the answers kept for a person, shared with all whom no rule tells apart."""
        for table in (self._people, self._alike):
            if len(table) >= _PEOPLE:
                table.clear()
        answers: Answers = {}
        if not self._reads_claims:
            answers = self._alike.setdefault(self._profile(identity), answers)
        self._people[id(identity)] = (identity, answers)
        return answers

    def _remember(self, answers: Answers, key: Hashable, answer: Decision | Scale) -> None:
        """Keep an answer; when there are too many, all are forgotten."""
        self._kept += 1
        if self._kept > _REMEMBERED:
            self._kept = 0
            self._people.clear()
            self._alike.clear()
        answers[key] = answer


def _ambiguous(subject: Subject) -> str:
    """Return what makes an address ambiguous (POLICY.md 4), empty if nothing does."""
    if subject.kind is not Kind.RESOURCE:
        return ""
    return fault(subject.name) or fault_of_read(subject.uri, subject.name)


def _read_of_people(rules: Sequence[Rule]) -> list[str]:
    """Return the attributes of an identity by which rules tell people apart; claims excepted."""
    read = {"roles"}
    for rule in rules:
        others = rule.others
        read |= {"tenant_id"} if others.tenant else set[str]()
        read |= {"groups"} if others.groups else set[str]()
        read |= {"scopes"} if others.scopes else set[str]()
        read |= {"object_id"} if others.user_id or others.patterns else set[str]()
        read |= {_ATTRIBUTES[f] for f in _fields(rule) if f in _ATTRIBUTES}
    return sorted(read)


_ATTRIBUTES: Final = {
    "user.id": "object_id",
    "user.tenant": "tenant_id",
    "user.name": "name",
    "user.groups": "groups",
    "user.scopes": "scopes",
}


def _fields(rule: Rule) -> Iterator[str]:
    return (check.condition.field for check in rule.checks)
