"""A policy that changes while a wrapped or a remote server is served (M24)."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import warm
from tests.support.http_server import make_server, serving
from tests.support.relayed import PLAIN, logged, settings_folder
from tests.support.wire import HANDSHAKE, MODERN, Wire

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

NOBODY = "version: 1\nroles: {other: {tools: [echo]}}\n"
ECHO = "version: 1\nroles: {any: {tools: [echo]}}\n"
BROKEN = "version: 1\nroles: {any: {tolls: ['*']}}\n"
IN_NAMESPACE = """
version: 1
rules: [{name: r, effect: allow, tools: {patterns: ['*'], namespaces: [it]}}]
"""
ELSEWHERE = IN_NAMESPACE.replace("[it]", "[others]")
OBSERVING = f"mode: observe\n{NOBODY}"
PROMPT = 2.0
"""Seconds within which a good change is in force and told (issue 3)."""
BUSY = 15.0
"""Seconds more that a busy machine may take."""


@contextmanager
def wrapped(folder: Path) -> Generator[dict[str, str]]:
    """Settings for a wrapped server; yield the environment."""
    yield settings_folder(folder, [sys.executable, PLAIN, str(folder)], policy=BROKEN)


@contextmanager
def remote(folder: Path) -> Generator[dict[str, str]]:
    """Settings for a server behind HTTP, which runs; yield the environment."""
    with serving(make_server()) as served:
        environ = settings_folder(folder, ["-"], policy=BROKEN)
        policy = folder / "home" / "policy.yaml"
        (folder / "home" / "config.toml").write_text(
            f'[servers.it]\nurl = "{served.url}"\npolicy = "{policy}"\n', encoding="utf-8"
        )
        yield environ


@pytest.mark.parametrize(("server", "era"), [(wrapped, MODERN), (remote, HANDSHAKE)])
def test_a_running_relay_follows_its_policy(server: Any, era: str, tmp_path: Path) -> None:
    """Broken at first, mended, broken again, changed, observing: told each time, never wider."""
    with server(tmp_path) as environ:
        words = warm.ours("run", "it")
        with Wire(words, tmp_path, era=era, environ=environ) as wire:
            wire.open()
            if era == MODERN:
                wire.post("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
                wire.told("notifications/subscriptions/acknowledged")
            _walk(wire, tmp_path / "home" / "policy.yaml")
    for event in ("policy_broken", "policy_mended", "policy_changed", "policy_observes"):
        assert logged(tmp_path, event), event
    assert any(line["observed"] for line in logged(tmp_path, "decision") if "observed" in line)


def _walk(wire: Wire, policy: Path) -> None:
    assert _tools(wire) == set()
    assert "Nothing but the account tools is served" in wire.text("mcp_local_whoami")

    _change(wire, policy, ECHO)
    assert _tools(wire) == {"echo"}
    assert wire.text("echo", {"text": "x"}) == "x"

    _save(policy, BROKEN)
    _until(lambda: "tolls" in wire.text("mcp_local_whoami"))
    assert "last good policy stays in force" in wire.text("mcp_local_whoami")
    assert _tools(wire) == {"echo"}

    _change(wire, policy, IN_NAMESPACE)
    assert {"echo"} < _tools(wire)
    _change(wire, policy, ELSEWHERE)
    assert _tools(wire) == set()

    _change(wire, policy, OBSERVING)
    assert {"echo"} < _tools(wire)
    assert wire.text("echo", {"text": "y"}) == "y"
    assert "only observes" in wire.text("mcp_local_whoami")
    assert wire.call("mcp_local_whoami")["structuredContent"]["policy_mode"] == "observe"


def _tools(wire: Wire) -> set[str]:
    """Return what is listed, without the account tools."""
    listed = wire.request("tools/list")["result"]["tools"]
    return {tool["name"] for tool in listed if not tool["name"].startswith("mcp_local_")}


def _save(path: Path, text: str) -> None:
    """Write the policy as editors do."""
    beside = path.with_suffix(".tmp")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def _change(wire: Wire, policy: Path, text: str) -> None:
    """Change the policy, and wait until the client is told, within the promised time."""
    heard, began = len(wire.heard), time.monotonic()
    _save(policy, text)
    wire.told("notifications/tools/list_changed", since=heard)
    assert time.monotonic() - began < PROMPT + BUSY


def _until(holds: Any) -> None:
    deadline = time.monotonic() + BUSY
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)
