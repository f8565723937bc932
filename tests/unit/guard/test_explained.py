"""What the relay would do, said offline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mcp_local.guard.explained import Relayed, explain_relayed, explain_relayed_use
from mcp_local.policy.load import load_policy
from mcp_local.policy.model import Action, Component, Effect, Kind, Request
from tests.support.people import person

if TYPE_CHECKING:
    from pathlib import Path

    from mcp_local.policy.model import Decides

READER = person("ada", "Reader")
POLICY = """
version: 1
roles:
  Reader: {tools: ["*"], resources: ["db://public/*", "db://users/*", "db://{table}/{row}"]}
rules:
  - {name: ask-first, effect: ask, resources: {uris: ["db://users/*"]}, actions: [read]}
  - {name: no-secrets, effect: deny, resources: {uris: ["db://{table}/secret-{row}"]}}
"""
SERVER = Relayed(
    (
        Component(Kind.TOOL, "query"),
        Component(Kind.TOOL, "young"),
        Component(Kind.TOOL, "mcp_local_whoami"),
        Component(Kind.TOOL, "zero\u202ewidth"),
        Component(Kind.TOOL, "x" * 5000),
        Component(Kind.RESOURCE, "db://public/readme"),
        Component(Kind.RESOURCE, "db://secret"),
        Component(Kind.RESOURCE, "db://{table}/{row}", template=True),
        Component(Kind.RESOURCE, "db://{table}/secret-{row}", template=True),
        Component(Kind.PROMPT, "query"),
    ),
    held=frozenset({(Kind.TOOL, "young")}),
)


@pytest.fixture(name="policy")
def _policy(tmp_path: Path) -> Decides:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY, encoding="utf-8")
    return load_policy(path)


def test_what_is_listed_and_what_is_not(policy: Decides) -> None:
    """The policy decides; names that can't be served and what is held back come before it."""
    told = {each.component: each for each in explain_relayed(SERVER, policy, READER)}
    listed = [component.name for component, each in told.items() if each.listed]
    assert listed == ["query", "db://public/readme", "db://{table}/{row}"]
    reasons = [each.decision.reason for each in told.values() if each.component.kind is Kind.TOOL]
    assert reasons[1:] == [
        "Its definition has not been approved. Look at it: mcp-local pin show.",
        "Nothing is served under its name: reserved.",
        "Nothing is served under its name: hidden characters.",
        "Nothing is served under its name: too long.",
    ]


def test_without_a_policy_nothing_is(policy: Decides) -> None:
    """A server of others carries no check of its own."""
    del policy
    assert not any(each.listed for each in explain_relayed(SERVER, None, READER))


@pytest.mark.parametrize(
    ("kind", "name", "effect"),
    [
        (Kind.TOOL, "query", Effect.ALLOW),
        (Kind.TOOL, "young", Effect.DENY),
        (Kind.PROMPT, "query", Effect.DENY),
        (Kind.RESOURCE, "db://public/readme", Effect.ALLOW),
        (Kind.RESOURCE, "db://secret", Effect.DENY),
        (Kind.RESOURCE, "db://users/7", Effect.ASK),
        (Kind.RESOURCE, "db://users/secret-7", Effect.DENY),
    ],
)
def test_a_use_is_decided_as_in_the_relay(
    policy: Decides, kind: Kind, name: str, effect: Effect
) -> None:
    """A URI in the list is that resource; any other needs the yes of all templates that make it."""
    action = {Kind.TOOL: Action.CALL, Kind.PROMPT: Action.GET, Kind.RESOURCE: Action.READ}[kind]
    request = Request(action, arguments={}, now=0.0)
    found = explain_relayed_use(SERVER, kind, name, request, policy=policy, token=READER)
    assert found is not None
    assert found.decision.effect is effect


def test_what_is_not_there_is_nothing(policy: Decides) -> None:
    """A name of another kind is another thing."""
    request = Request(Action.GET, arguments={}, now=0.0)
    for name in ("young", "db://public/readme", "none"):
        found = explain_relayed_use(SERVER, Kind.PROMPT, name, request, policy=policy, token=READER)
        assert found is None
