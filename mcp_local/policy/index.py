"""Finds the few rules that could speak of a component, so that thousands of others cost nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mcp_local.policy.rules import Matcher, Rule, Subject


class RuleIndex:
    """Rules by the names, beginnings of names, and tags that they ask for."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._by_name: dict[str, list[int]] = {}
        self._by_prefix: dict[str, list[int]] = {}
        self._by_tag: dict[str, list[int]] = {}
        self._others: list[int] = []
        for position, rule in enumerate(rules):
            for matcher in rule.matchers:
                self._add(position, matcher)
        self._prefix_lengths = sorted({len(prefix) for prefix in self._by_prefix})

    def _add(self, position: int, matcher: Matcher) -> None:
        """Enter a rule under one of the things that it can't do without."""
        if matcher.names is not None:
            for glob in matcher.names.globs:
                table = self._by_prefix if glob.wild else self._by_name
                table.setdefault(glob.prefix, []).append(position)
        elif matcher.tags is not None:
            for tag in matcher.tags:
                self._by_tag.setdefault(tag, []).append(position)
        else:
            self._others.append(position)

    def candidates(self, subject: Subject) -> Iterator[Rule]:
        """Yield, in order, every rule that could match, and few that don't."""
        if subject.template and not subject.uri:  # any concrete name may be meant
            return iter(self._rules)
        found = set(self._others)
        for name in {subject.name, subject.uri}:
            found.update(self._by_name.get(name, ()))
            for length in self._prefix_lengths:
                found.update(self._by_prefix.get(name[:length], ()))
        for tag in subject.tags:
            found.update(self._by_tag.get(tag, ()))
        return (self._rules[position] for position in sorted(found))
