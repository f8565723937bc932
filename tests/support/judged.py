"""A policy in a few words, a person, and calls that it judges."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mcp_local.identity.model import Identity
from mcp_local.policy.deciding.compile import compile_policy
from mcp_local.policy.model import (
    Action,
    ClientInfo,
    Component,
    Decision,
    Kind,
    Request,
)
from mcp_local.policy.reading.parse import parse_policy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mcp_local.policy.deciding.engine import CompiledPolicy

MONDAY_NOON = datetime(2026, 1, 5, 12, tzinfo=UTC).timestamp()
PAY = Component(Kind.TOOL, "pay")


def policy(text: str, folder: Path | None = None) -> CompiledPolicy:
    """Return a policy whose hours are those of Greenwich."""
    return compile_policy([parse_policy(text, "policy.yaml")], folder=folder, zone=UTC)


def person(*roles: str, claims: Mapping[str, object] | None = None) -> Identity:
    """Return a verified person."""
    return Identity(
        "t",
        "ann",
        frozenset(roles),
        frozenset({"s"}),
        frozenset({"g"}),
        "c",
        0,
        0,
        claims=claims or {},
    )


def call(
    compiled: CompiledPolicy,
    arguments: Mapping[str, object] | None = None,
    *roles: str,
    tool: Component = PAY,
    client: str = "",
    now: float | None = MONDAY_NOON,
) -> Decision:
    """Call a tool."""
    request = Request(Action.CALL, arguments or {}, ClientInfo(client), now)
    return compiled.decide(person(*roles), request, tool)


def one_allow(when: str) -> CompiledPolicy:
    """Return a policy that allows everything under one condition."""
    return policy(f"rules: [{{name: r, effect: allow, when: [{when}]}}]")


def holds(when: str, arguments: Mapping[str, object]) -> bool | None:
    """Return what a condition comes to: an allow applies if true, a deny unless false."""
    allowed = call(one_allow(when), arguments).allowed
    deny = policy(f"default: allow\nrules: [{{name: r, effect: deny, when: [{when}]}}]")
    denied = not call(deny, arguments).allowed
    assert denied or not allowed
    return True if allowed else None if denied else False
