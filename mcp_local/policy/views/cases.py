"""Cases of ``policy test``: a table of expectations, so that a policy is tested like a program."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mcp_local.identity.model import Identity
from mcp_local.policy.model import Component, Effect, Request
from mcp_local.policy.problems import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mcp_local.policy.model import Decides


class Case(msgspec.Struct, frozen=True):
    """One line of the table: who wants what, and what must come out."""

    expect: Effect
    identity: Identity
    request: Request
    component: Component
    origin: Origin
    note: str = ""
    """What the case is there for; shown where it fails."""


class Failure(msgspec.Struct, frozen=True):
    """A case that doesn't hold."""

    case: int
    """Its place in the list, counted from 0."""
    expected: Effect
    got: Effect
    rule: str
    """The rule that decided; ``default`` where none did."""
    reason: str
    line: int
    note: str = ""


class Results(msgspec.Struct, frozen=True):
    """The shape that ``policy test --json`` prints."""

    passed: int
    failed: tuple[Failure, ...]


def run_cases(policy: Decides, cases: Sequence[Case]) -> Results:
    """Ask the policy every case; :func:`~.case_file.parse_cases` reads them."""
    failed = tuple(_failures(policy, cases))
    return Results(len(cases) - len(failed), failed)


def _failures(policy: Decides, cases: Sequence[Case]) -> Iterator[Failure]:
    for index, case in enumerate(cases):
        got = policy.decide(case.identity, case.request, case.component)
        if got.effect is not case.expect:
            yield Failure(
                case=index,
                expected=case.expect,
                got=got.effect,
                rule=got.rule,
                reason=got.reason,
                line=case.origin.line,
                note=case.note,
            )
