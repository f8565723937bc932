"""What the policy costs, beside mcp-auth-guard 1.0 and Cedar (cedarpy) with the same rules.

All three are asked the same questions, and first of all must give the same answers.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import sys
import time
import tracemalloc
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cedarpy
import yaml
from measure import table

from mcp_local.identity.model import Identity
from mcp_local.policy.compile import compile_policy
from mcp_local.policy.model import Action, Component, Kind, Request
from mcp_local.policy.parse import parse_policy

sys.path.insert(0, str(Path(__file__).parents[1]))
from support.auth_guard import AuthGuard, contexts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mcp_local.policy.document import Document
    from mcp_local.policy.engine import CompiledPolicy

ROLES = 50
CALL = Request(Action.CALL)
LIST = Request(Action.LIST)
PERSON = Identity(
    "t", "ann", frozenset({"R1", "R7", "R9"}), frozenset(), frozenset(), "c", 0, 1 << 40
)


class Contestants(NamedTuple):
    """The same rules in three programs."""

    document: Document
    ours: CompiledPolicy
    auth_guard: AuthGuard
    cedar: cedarpy.PolicySet


def rules_of(count: int) -> list[dict[str, object]]:
    """Return rules in the words of mcp-auth-guard: nine of ten name a tool, every tenth a family."""
    return [
        {
            "name": f"rule {number}",
            "effect": "deny" if number % 11 == 0 else "allow",
            "priority": 200 if number % 11 == 0 else 100,
            "agents": {"roles": [f"R{number % ROLES}"]},
            "tools": {"patterns": [f"area{number}_*"]}
            if number % 10 == 0
            else {"names": [f"tool_{number}"]},
            "actions": ["list", "call"],
        }
        for number in range(count)
    ]


def cedar_of(rules: list[dict[str, object]]) -> str:
    """Return the same rules in Cedar's words."""
    return "\n".join(islice(_cedar_rules(rules), None))


def _cedar_rules(rules: list[dict[str, object]]) -> Iterator[str]:
    for number, rule in enumerate(rules):
        effect = "permit" if rule["effect"] == "allow" else "forbid"
        who = f'principal in Role::"R{number % ROLES}"'
        action = 'action in [Action::"list", Action::"call"]'
        if number % 10:
            yield f'{effect}({who}, {action}, resource == Tool::"tool_{number}");'
        else:
            like = f'when {{ resource.name like "area{number}_*" }}'
            yield f"{effect}({who}, {action}, resource is Tool) {like};"


def contestants(count: int) -> Contestants:
    """Return the three, ready."""
    rules = rules_of(count)
    written = {"name": "bench", "version": "1.0", "default_effect": "deny", "rules": rules}
    document = parse_policy(yaml.dump(written, Dumper=yaml.CSafeDumper), "bench.yaml")
    return Contestants(
        document,
        compile_policy([document]),
        AuthGuard(written),
        cedarpy.PolicySet.from_str(cedar_of(rules)),
    )


def tools(count: int, rules: int) -> list[Component]:
    """Return tools: nine of ten that some rule names, every tenth of a family."""
    return [
        Component(
            Kind.TOOL,
            f"area{number % rules}_{number}" if number % 10 == 0 else f"tool_{number % rules}",
        )
        for number in range(count)
    ]


def cedar_entities(components: list[Component]) -> cedarpy.Entities:
    """Return the person with their roles, and the tools with their names."""
    roles = [{"type": "Role", "id": role} for role in sorted(PERSON.roles)]
    known = {component.name: None for component in components}
    entities: list[dict[str, object]] = [
        {"uid": {"type": "User", "id": "ann"}, "attrs": {}, "parents": roles},
        *({"uid": role, "attrs": {}, "parents": []} for role in roles),
        *(
            {"uid": {"type": "Tool", "id": name}, "attrs": {"name": name}, "parents": []}
            for name in known
        ),
    ]
    return cedarpy.Entities.from_json_str(__import__("json").dumps(entities))
