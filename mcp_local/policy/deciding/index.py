"""Finds the few rules that could speak of a component, so that thousands of others cost nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_local.policy.vocabulary.uris import decoded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mcp_local.policy.deciding.matching import Matcher, Names, Subject
    from mcp_local.policy.deciding.rules import Rule


class RuleIndex:
    """Rules by the names, beginnings of names, tags and namespaces that they ask for."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._by_name: dict[str, list[int]] = {}
        self._by_prefix: dict[str, list[int]] = {}
        self._by_tag: dict[str, list[int]] = {}
        self._by_namespace: dict[str, list[int]] = {}
        self._others: list[int] = []
        for position, rule in enumerate(rules):
            if not rule.matchers:
                self._others.append(position)
            for matcher in rule.matchers:
                self._add(position, matcher)
        self._prefix_lengths = sorted({len(prefix) for prefix in self._by_prefix})

    def _add(self, position: int, matcher: Matcher) -> None:
        """Enter a rule under one of the things that it can't do without."""
        if matcher.names:
            self._add_names(position, matcher.names[0])
        elif matcher.tags:
            for tag in matcher.tags:
                self._by_tag.setdefault(tag, []).append(position)
        elif matcher.namespaces:
            for namespace in matcher.namespaces:
                self._by_namespace.setdefault(namespace, []).append(position)
        else:
            self._others.append(position)

    def _add_names(self, position: int, names: Names) -> None:
        for glob in (*names.globs, *names.encoded.values()):
            table = self._by_prefix if glob.wild else self._by_name
            table.setdefault(glob.prefix, []).append(position)

    def candidates(self, subject: Subject) -> Iterator[Rule]:
        """Yield, in order, every rule that could match, and few that don't."""
        if subject.open:  # any concrete name may be meant
            return iter(self._rules)
        found = set(self._others)
        found.update(self._by_namespace.get(subject.namespace, ()))
        read = {subject.uri, subject.uri.partition("?")[0]}
        for name in {subject.name, *read, *map(decoded, read)}:
            found.update(self._by_name.get(name, ()))
            for length in self._prefix_lengths:
                found.update(self._by_prefix.get(name[:length], ()))
        for tag in subject.tags:
            found.update(self._by_tag.get(tag, ()))
        return (self._rules[position] for position in sorted(found))
