"""What the policy costs, beside mcp-auth-guard 1.0 and Cedar (cedarpy) with the same rules.

All three are asked the same questions, and first of all must give the same answers.
"""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import sys
import time
import tracemalloc
from itertools import count, cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cedarpy
import yaml
from measure import table

from mcp_local.identity.model import Identity
from mcp_local.policy.deciding.compile import compile_policy
from mcp_local.policy.model import Action, Component, Kind, Request
from mcp_local.policy.reading.parse import parse_policy

sys.path.insert(0, str(Path(__file__).parents[1]))
from support.auth_guard import AuthGuard, contexts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mcp_auth_guard.schemas.auth import AuthContext
    from mcp_auth_guard.schemas.resource import ResourceContext

    from mcp_local.policy.deciding.engine import CompiledPolicy
    from mcp_local.policy.document import Document

ROLES = 50
NEWS = 500
"""Tools that are asked for the first time, in one round."""
RATIOS = ("mcp-auth-guard / ours", "cedarpy / ours")
USER = {"type": "User", "id": "ann"}
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


def rules_of(number_of: int) -> list[dict[str, object]]:
    """Return rules of mcp-auth-guard: nine of ten name a tool, every tenth a family of them."""
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
        for number in range(number_of)
    ]


def cedar_of(rules: list[dict[str, object]]) -> Iterator[str]:
    """Yield the same rules in Cedar's words."""
    for number, rule in enumerate(rules):
        effect = "permit" if rule["effect"] == "allow" else "forbid"
        who = f'principal in Role::"R{number % ROLES}"'
        action = 'action in [Action::"list", Action::"call"]'
        if number % 10:
            yield f'{effect}({who}, {action}, resource == Tool::"tool_{number}");'
        else:
            like = f'when {{ resource.name like "area{number}_*" }}'
            yield f"{effect}({who}, {action}, resource is Tool) {like};"


def contestants(number_of: int) -> Contestants:
    """Return the three, ready."""
    rules = rules_of(number_of)
    written = {"name": "bench", "version": "1.0", "default_effect": "deny", "rules": rules}
    document = parse_policy(yaml.dump(written, Dumper=yaml.CSafeDumper), "bench.yaml")
    return Contestants(
        document,
        compile_policy([document]),
        AuthGuard(written),
        cedarpy.PolicySet.from_str("\n".join(cedar_of(rules))),
    )


def tools(number_of: int, rules: int) -> list[Component]:
    """Return tools: nine of ten that some rule names, every tenth of a family."""
    return [
        Component(
            Kind.TOOL,
            f"area{number % rules}_{number}" if number % 10 == 0 else f"tool_{number % rules}",
        )
        for number in range(number_of)
    ]


def cedar_entities(components: list[Component]) -> cedarpy.Entities:
    """Return the person with their roles, and the tools with their names."""
    roles = [{"type": "Role", "id": role} for role in sorted(PERSON.roles)]
    known = {component.name: None for component in components}
    entities: list[dict[str, object]] = [
        {"uid": USER, "attrs": {}, "parents": roles},
        *({"uid": role, "attrs": {}, "parents": []} for role in roles),
        *(
            {"uid": {"type": "Tool", "id": name}, "attrs": {"name": name}, "parents": []}
            for name in known
        ),
    ]
    return cedarpy.Entities.from_json_str(json.dumps(entities))


class Asked(NamedTuple):
    """Questions in the words of each program."""

    components: list[Component]
    theirs: list[tuple[AuthContext, ResourceContext]]
    cedar: list[dict[str, object]]
    entities: cedarpy.Entities


def questions(request: Request, components: list[Component]) -> Asked:
    """Return what one person asks of these components."""
    action = {"type": "Action", "id": str(request.action)}
    return Asked(
        components,
        [contexts(PERSON, request, component) for component in components],
        [
            {
                "principal": USER,
                "action": action,
                "resource": {"type": "Tool", "id": component.name},
                "context": {},
            }
            for component in components
        ],
        cedar_entities(components),
    )


def agree(three: Contestants, asked: Asked) -> None:
    """Stop unless all three answer alike, some questions with yes and some with no."""
    ours = [three.ours.decide(PERSON, CALL, each).allowed for each in asked.components]
    theirs = [asyncio.run(three.auth_guard.decide(*each)) for each in asked.theirs]
    cedar = cedarpy.is_authorized_batch(asked.cedar, three.cedar, asked.entities)
    assert ours == theirs == [each.allowed for each in cedar]
    assert {True, False} == set(ours)


def seconds(rounds: int, action: Callable[..., object], *arguments: object) -> float:
    """Return the median of how much of a processor's time the action takes.

    All three use one processor; what else the machine does counts for none of them.
    """
    taken: list[float] = []
    for _ in range(rounds):
        gc.collect()
        start = time.process_time()
        action(*arguments)
        taken.append(time.process_time() - start)
    return statistics.median(taken)


def ask_ours(policy: CompiledPolicy, request: Request, components: list[Component]) -> None:
    """Ask ours all of them."""
    for component in components:
        policy.decide(PERSON, request, component)


def ask_news(policy: CompiledPolicy, fresh: Iterator[int]) -> None:
    """Ask ours for tools that it has never heard of."""
    for number in islice(fresh, NEWS):
        name = f"area{number % 5 * 10}_{number}" if number % 10 == 0 else f"new_{number}"
        policy.decide(PERSON, CALL, Component(Kind.TOOL, name))


def ask_theirs(guard: AuthGuard, asked: list[tuple[AuthContext, ResourceContext]]) -> None:
    """Ask mcp-auth-guard all of them in one event loop, as a server does."""

    async def all_of_them() -> None:
        for person, wish in asked:
            await guard.decide(person, wish)

    asyncio.run(all_of_them())


def ask_cedar(three: Contestants, asked: Asked, some: int) -> None:
    """Ask Cedar one after the other."""
    for each in asked.cedar[:some]:
        cedarpy.is_authorized(each, three.cedar, asked.entities)


def decisions(*, quick: bool) -> None:
    """One decision, by the number of rules."""
    rows: list[tuple[str, ...]] = []
    fresh = count()
    for number in (10, 100, 1_000, 10_000):
        three = contestants(number)
        asked = questions(CALL, tools(min(200, 20 * number), number))
        agree(three, questions(CALL, asked.components[:20]))
        many = list(islice(cycle(asked.components), 20_000))
        some = 10 if number == 10_000 or quick else 200
        ours = seconds(9, ask_ours, three.ours, CALL, many) / len(many)
        cold = seconds(9, ask_news, three.ours, fresh) / NEWS
        theirs = seconds(3, ask_theirs, three.auth_guard, asked.theirs[:some]) / some
        cedar = seconds(3, ask_cedar, three, asked, some) / some
        took = (f"{each * 1e6:,.2f} µs, {1 / each:,.0f}/s" for each in (ours, cold, theirs, cedar))
        ratios = (f"{each / ours:,.0f}, {each / cold:,.0f}" for each in (theirs, cedar))
        rows.append((f"{number:,}", *took, *ratios))
    head = ("rules", "ours again", "ours first time", "mcp-auth-guard", "cedarpy")
    table("one decision, and what the others take times ours", (*head, *RATIOS), rows)


def trimming(*, quick: bool) -> None:
    """A list trimmed for a person who was seen before, with 100 rules."""
    three = contestants(100)
    rows: list[tuple[str, ...]] = []
    for number in (10, 100, 1_000, 5_000):
        asked = questions(LIST, tools(number, 100))
        ask_ours(three.ours, LIST, asked.components)
        ours = seconds(9, ask_ours, three.ours, LIST, asked.components)
        theirs = seconds(1 if quick else 3, ask_theirs, three.auth_guard, asked.theirs)
        batch = (asked.cedar, three.cedar, asked.entities)
        cedar = seconds(3, cedarpy.is_authorized_batch, *batch)
        shown = (f"{took * 1e3:,.3f} ms" for took in (ours, theirs, cedar))
        rows.append((f"{number:,}", *shown, f"{theirs / ours:,.0f}", f"{cedar / ours:,.0f}"))
    head = ("tools", "ours", "mcp-auth-guard", "cedarpy, in a batch", *RATIOS)
    table("trimming a list, 100 rules; reach: 5,000 tools in 5 ms", head, rows)


def making(*, quick: bool) -> None:
    """From parsed rules to something that can be asked: time and memory."""
    rows: list[tuple[str, ...]] = []
    for number in (100, 1_000) if quick else (100, 1_000, 10_000):
        rules = rules_of(number)
        written: dict[str, object] = {"name": "bench", "version": "1.0", "rules": rules}
        text = yaml.dump(written, Dumper=yaml.CSafeDumper)
        documents = [parse_policy(text, "bench.yaml")]
        cedar = "\n".join(cedar_of(rules))
        took = (
            seconds(1, parse_policy, text, "bench.yaml"),
            seconds(3, compile_policy, documents),
            seconds(3, AuthGuard, written),
            seconds(3, cedarpy.PolicySet.from_str, cedar),
        )
        memory = (held(compile_policy, documents), held(AuthGuard, written))
        rows.append((f"{number:,}", *(f"{each * 1e3:,.1f} ms" for each in took), *memory))
    head = ("rules", "ours: YAML read", "ours: compiled", "mcp-auth-guard", "cedarpy")
    title = "making a policy; reach: 10,000 parsed rules compiled in 1 s"
    table(title, (*head, "memory of ours", "of mcp-auth-guard"), rows)


def held(make: Callable[..., object], argument: object) -> str:
    """Return how much memory of Python what is made holds."""
    gc.collect()
    tracemalloc.start()
    made = make(argument)
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del made
    return f"{size / 1e6:,.1f} MB"


def main(*, quick: bool) -> None:
    """Run all three."""
    decisions(quick=quick)
    trimming(quick=quick)
    making(quick=quick)
