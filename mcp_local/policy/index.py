"""Finds the few rules that could speak of a component, so that thousands of others cost nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mcp_local.policy.rules import Matcher, Rule, Subject


class RuleIndex:
    """Rules by the plain names and tags they ask for; those with globs are always tried."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._by_name: dict[str, list[int]] = {}
        self._by_tag: dict[str, list[int]] = {}
        self._others: set[int] = set()
        for position, rule in enumerate(rules):
            for matcher in rule.matchers:
                self._add(position, matcher)

    def _add(self, position: int, matcher: Matcher) -> None:
        if matcher.names is not None and matcher.names.plain:
            for name in matcher.names.texts:
                self._by_name.setdefault(name, []).append(position)
        elif matcher.tags is not None:  # whatever else it wants, it wants one of these
            for tag in matcher.tags:
                self._by_tag.setdefault(tag, []).append(position)
        else:
            self._others.add(position)

    def candidates(self, subject: Subject) -> Iterator[Rule]:
        """Yield, in order, every rule that could match, and few that don't."""
        if subject.open_template:  # any concrete name may be meant
            return iter(self._rules)
        found = self._others.union(
            self._by_name.get(subject.name, ()),
            self._by_name.get(subject.uri, ()),
            *(self._by_tag.get(tag, ()) for tag in subject.tags),
        )
        return (self._rules[position] for position in sorted(found))
