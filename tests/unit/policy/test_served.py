"""What a server's own code adds to the policy that it is served by."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import mcp_local
from mcp_local.errors import PolicyError
from mcp_local.log import Log
from mcp_local.policy import Policy, served
from mcp_local.policy.live import LivePolicy
from mcp_local.policy.model import Action, Component, Kind, Request
from tests.support.people import person

if TYPE_CHECKING:
    from pathlib import Path

MORE = Policy.deny_by_default(name="more").grant("reader", tools=["more"])


@pytest.fixture(autouse=True)
def _nothing_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start as a process that serves nothing yet."""
    monkeypatch.setattr("mcp_local.policy.served._Served.policy", LivePolicy())


def may_use(live: LivePolicy) -> bool:
    """Whether what was added is in force."""
    call = Request(Action.CALL, {})
    identity = person("ada", "reader").identity
    return live.decide(identity, call, Component(Kind.TOOL, "more")).allowed


def test_rules_are_added_before_and_while_serving(tmp_path: Path) -> None:
    """What was added while the server was loaded counts once it is served; both can be undone."""
    log = Log(tmp_path / "log")
    assert mcp_local.add_policy(MORE) == "more"
    live = LivePolicy()
    served.serve_by(live, log)
    assert may_use(live)
    assert mcp_local.remove_policy("more")
    assert not may_use(live)
    mcp_local.add_policy(MORE)
    assert may_use(live)
    assert not mcp_local.reload_policies()


def test_nothing_is_added_to_an_administrators_policy(tmp_path: Path) -> None:
    """What was added early is left out, and the log says so; later additions raise."""
    file = tmp_path / "policy.yaml"
    file.write_text("version: 1\n", encoding="utf-8")
    mcp_local.add_policy(MORE)
    live = LivePolicy(file, managed=True)
    served.serve_by(live, Log(tmp_path / "log"))
    assert not may_use(live)
    [line] = (tmp_path / "log").read_text("ascii").splitlines()
    assert json.loads(line)["names"] == ["more"]
    with pytest.raises(PolicyError, match="administrator"):
        mcp_local.add_policy(MORE)
