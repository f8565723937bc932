"""Conditions, ready to be judged: a field, a test, and what became of it for ``explain``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec import structs

from mcp_local.policy.deciding.paths import under
from mcp_local.policy.deciding.predicates import ask
from mcp_local.policy.document import Operator
from mcp_local.policy.model import ConditionTrace
from mcp_local.policy.vocabulary.expressions import search
from mcp_local.policy.vocabulary.fields import Absent, find_field
from mcp_local.policy.vocabulary.operators import OPPOSITES, opposite, plain_test
from mcp_local.policy.vocabulary.shapes import comparable
from mcp_local.policy.vocabulary.sql import beyond_limits, require_parser, sql_only
from mcp_local.policy.vocabulary.uris import decoded

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo
    from pathlib import Path

    from mcp_local.policy.deciding.predicates import Predicate
    from mcp_local.policy.document import Condition, Plain, Value
    from mcp_local.policy.vocabulary.fields import Case, Field
    from mcp_local.policy.vocabulary.operators import Test, Truth

HIDDEN: Final = "(redacted)"
"""What stands in explanations for a value that is not to be shown."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What conditions need of the world; handed in, so that the engine itself is pure."""

    folder: Path
    """Where relative paths begin: the target's working folder."""
    predicates: Mapping[str, Predicate]
    """Conditions of one's own, by name."""
    zone: tzinfo | None = None
    """Of hours and weekdays; ``None``: this machine's."""


@dataclass(frozen=True, slots=True, eq=False)
class FieldCheck:
    """A condition on a field."""

    condition: Condition
    field: Field
    test: Test
    of_decoded: Test | None = None
    """Of a URI: the same for what it is without encoded characters, as servers read it."""

    @property
    def changing(self) -> bool:
        """Whether it may come out otherwise at the next use of the same component."""
        return self.field.changing

    def waits(self, case: Case) -> bool:
        """Tell whether it can't be known yet, because only the list is asked for."""
        return self.field.waits(case)

    def holds(self, case: Case) -> Truth:
        """Tell whether it holds; ``None``: unknown (POLICY.md 5)."""
        seen = self.field.read(case)
        if seen is Absent.UNKNOWN:
            return None
        if self.condition.operator is Operator.EXISTS:
            return (seen is not Absent.MISSING) is self.condition.value
        if seen is Absent.MISSING:
            return None
        truth = self.test(seen)
        if self.of_decoded is None or not isinstance(seen, str):
            return truth
        return truth if self.of_decoded(decoded(seen)) is truth else None

    def seen(self, case: Case) -> object:
        """Return the value that it looks at; ``None``: there is none."""
        seen = None if self.waits(case) else self.field.read(case)
        return None if isinstance(seen, Absent) else seen

    def beyond(self, case: Case) -> str:
        """Return, as a clause, which limit keeps the value from being judged; empty: none."""
        operator = self.condition.operator
        reads_sql = OPPOSITES.get(operator, operator) is Operator.SQL_ONLY
        seen = self.seen(case) if reads_sql else None
        return beyond_limits(seen) if isinstance(seen, str) else ""


@dataclass(frozen=True, slots=True, eq=False)
class PredicateCheck:
    """A condition that is registered in Python; it may look at anything."""

    condition: Condition
    predicate: Predicate
    changing: bool = True

    def waits(self, case: Case) -> bool:
        """Tell whether it can't be known yet, because only the list is asked for."""
        return case.listing

    def holds(self, case: Case) -> Truth:
        """Tell whether it holds; ``None``: unknown."""
        return ask(self.predicate, case.identity, case.request, case.component)

    def seen(self, case: Case) -> object:
        """Return nothing: what it looks at isn't known."""
        del case

    def beyond(self, case: Case) -> str:
        """Return nothing: its limits aren't known."""
        del case
        return ""


Check: TypeAlias = FieldCheck | PredicateCheck


def holds(check: Check, case: Case) -> Truth:
    """Tell whether a condition holds in a case; worked out once for each case."""
    known = case.known
    if check not in known:
        known[check] = check.holds(case)
    return known[check]


def make_check(condition: Condition, surroundings: Surroundings) -> Check:
    """Return a condition, ready to be judged; it was found valid before.

    Raises:
        PolicyError: it needs a package that isn't installed.
    """
    if condition.operator is Operator.CONDITION:
        return PredicateCheck(condition, surroundings.predicates[str(condition.value)])
    field = find_field(condition.field)
    test = _test(field, condition, surroundings)
    if field.path != "resource.name":
        return FieldCheck(condition, field, test)
    value = condition.value
    plain = tuple(map(_decoded, value)) if isinstance(value, tuple) else _decoded(value)
    other = structs.replace(condition, value=plain)
    return FieldCheck(condition, field, test, _test(field, other, surroundings))


def _decoded(value: Plain) -> Plain:
    return decoded(value) if isinstance(value, str) else value


def _test(field: Field, condition: Condition, surroundings: Surroundings) -> Test:
    value = comparable(field.path, condition.value)
    texts = tuple(map(str, value)) if isinstance(value, tuple) else (str(value),)
    positive = OPPOSITES.get(condition.operator, condition.operator)
    test = _special(positive, texts, surroundings)
    if test is None:
        return plain_test(condition.operator, value)
    if positive is condition.operator:
        return test
    return lambda seen: opposite(test(seen))


def _special(operator: Operator, texts: tuple[str, ...], surroundings: Surroundings) -> Test | None:
    if operator is Operator.REGEX:
        return search(texts[0])
    if operator is Operator.UNDER:
        return under(texts, surroundings.folder)
    if operator is Operator.SQL_ONLY:
        require_parser()
        return sql_only(texts)
    return None


def trace(check: Check, case: Case, redact: frozenset[str]) -> ConditionTrace:
    """Return what the condition saw and what came of it, with nothing that is to be hidden."""
    condition = check.condition
    waits = check.waits(case)
    seen = check.seen(case)
    if seen is not None and is_redacted(condition.field, redact):
        seen = HIDDEN
    operator, value = str(condition.operator), _listed(condition.value)
    truth = None if waits else holds(check, case)
    return ConditionTrace(condition.field, operator, value, seen, truth)


def _listed(value: Value) -> object:
    return list(value) if isinstance(value, tuple) else value


def is_redacted(path: str, redact: frozenset[str]) -> bool:
    """Tell whether showing a field would show something that is marked, or lies inside it."""
    mine = argument_path(path)
    marked = map(argument_path, redact)
    return any(
        f"{mine}.".startswith(f"{each}.") or f"{each}.".startswith(f"{mine}.") for each in marked
    )


def argument_path(path: str) -> str:
    """Return the one spelling of a field: ``tool.args.x`` and ``args.x`` are the same."""
    root, _, rest = path.partition(".")
    return rest if rest.startswith("args.") and root != "user" else path
