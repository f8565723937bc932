"""The policies that come along (POLICY.md 1)."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_local.errors import PolicyError
from mcp_local.policy.load import load_policy
from mcp_local.policy.model import (
    Action,
    Component,
    Kind,
    Request,
)
from tests.support.judged import PAY, person


def test_the_read_only_preset_lets_everybody_read_and_nobody_write() -> None:
    """Whatever their roles; nothing that isn't marked read-only, by the server itself."""
    compiled = load_policy(Path("preset:read-only"))
    reading = Component(Kind.TOOL, "x", annotations={"readOnlyHint": True})
    document, prompt = Component(Kind.RESOURCE, "docs://a"), Component(Kind.PROMPT, "p")
    template = Component(Kind.RESOURCE, "docs://{a}", template=True)
    usable = {
        reading: {Action.LIST, Action.CALL},
        document: {Action.LIST, Action.READ, Action.SUBSCRIBE, Action.COMPLETE},
        template: {Action.LIST, Action.READ, Action.SUBSCRIBE, Action.COMPLETE},
        prompt: {Action.LIST, Action.GET, Action.COMPLETE},
        PAY: set[Action](),
        Component(Kind.TOOL, "y", annotations={"readOnlyHint": False}): set[Action](),
        Component(Kind.TOOL, "z", annotations={"readOnlyHint": "true"}): set[Action](),
    }
    for component, actions in usable.items():
        for action in Action:
            decision = compiled.decide(person(), Request(action), component)
            assert decision.allowed is (action in actions)
            assert not compiled.decide(None, Request(action), component).allowed


def test_an_unknown_preset_is_told() -> None:
    """With the nearest one."""
    with pytest.raises(PolicyError, match="no preset 'readonly'") as caught:
        load_policy(Path("preset:readonly"))
    assert caught.value.hint == "Did you mean 'read-only'?"
