"""What one token and one decision cost: verification cold and cached, decisions by policy size."""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from measure import table

from mcp_local.identity.verify import verify
from mcp_local.policy.deciding.compile import compile_policy
from mcp_local.policy.model import Action, Component, Kind, Request
from mcp_local.policy.reading.parse import parse_policy

sys.path.insert(0, str(Path(__file__).parents[1]))
from support.tokens import EXPECTED, NOW, claims_v2, good_key, jwks, parse_jwks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mcp_local.identity.model import Identity
    from mcp_local.policy.deciding.engine import CompiledPolicy


def each(action: Callable[[], object], times: int) -> float:
    """Return the median of nine batches, in microseconds per action."""
    batches: list[float] = []
    for _ in range(9):
        start = time.perf_counter_ns()
        for _ in range(times):
            action()
        batches.append((time.perf_counter_ns() - start) / times / 1000)
    return statistics.median(batches)


def identity() -> Identity:
    """Return a person whose token was verified."""
    key = good_key()
    return verify(key.token(claims_v2()), parse_jwks(jwks(key.jwk())), EXPECTED, NOW).identity


def verification(*, quick: bool) -> None:
    """Whole verification of a token against parsed keys, and what a call pays after that."""
    key = good_key()
    token, keys = key.token(claims_v2()), parse_jwks(jwks(key.jwk()))
    cold = each(lambda: verify(token, keys, EXPECTED, NOW), 50 if quick else 500)
    verified = verify(token, keys, EXPECTED, NOW)
    cached = each(lambda: verified if time.time() < verified.valid_until else None, 10_000)
    rows = [
        ("verification, cold", f"{cold:.1f} µs", "300 µs"),
        ("expiry of a verified token", f"{cached:.3f} µs", "2 µs"),
    ]
    table("one token", ("", "median", "reach"), rows)


def policy_of(rules: int) -> CompiledPolicy:
    """Return a policy of as many grants, of which the last one decides."""
    grants = [f"  Role.{number}: {{tools: [tool_{number}]}}" for number in range(rules - 1)]
    text = "\n".join(["version: 1", "roles:", *grants, "  Task.Read: {tags: [read]}"])
    return compile_policy([parse_policy(text, "bench.yaml")])


def decisions(*, quick: bool) -> None:
    """A decision asked for the first time, and asked again, by the number of rules."""
    person = identity()
    request = Request(Action.CALL)
    again = Component(Kind.TOOL, "echo", frozenset({"read"}))
    rows: list[tuple[str, str, str]] = []
    for count in (10, 100, 1000, 10_000):
        policy = policy_of(count)
        names = iter(range(1_000_000_000))

        def first(policy: CompiledPolicy = policy, names: Iterator[int] = names) -> None:
            component = Component(Kind.TOOL, f"echo{next(names)}", frozenset({"read"}))
            policy.decide(person, request, component)

        first()
        warm = each(lambda policy=policy: policy.decide(person, request, again), 5000)
        rows.append((str(count), f"{each(first, 100 if quick else 1000):.1f} µs", f"{warm:.2f} µs"))
    table("one decision", ("rules", "first time", "again"), rows)


def main(*, quick: bool) -> None:
    """Run both."""
    verification(quick=quick)
    decisions(quick=quick)
