"""Whose tasks there are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcp_local.guard.relay import tasks as module
from mcp_local.guard.relay.message import Message, read_server
from mcp_local.guard.relay.tasks import Tasks
from tests.support.people import person

ADA, BEA = person("ada", "reader").identity, person("bea", "reader").identity


def answer(result: Any) -> Message:
    """Return an answer of the server."""
    return read_server(json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}).encode())


@pytest.mark.parametrize(
    "result", [{"resultType": "task", "taskId": "t"}, {"task": {"taskId": "t"}}]
)
def test_a_task_is_of_whoever_began_it(result: dict[str, Any]) -> None:
    """In either era; and of nobody else."""
    tasks = Tasks()
    tasks.begun(answer(result), ADA)
    assert tasks.owned("t", ADA)
    assert not tasks.owned("t", BEA)
    assert not tasks.owned("t", None)
    assert not tasks.owned(["t"], ADA)
    assert tasks.of_another("t", BEA)
    assert tasks.of_another("t", None)
    assert not tasks.of_another("t", ADA)
    assert not tasks.of_another("unknown", BEA)


@pytest.mark.parametrize(
    "result", [{}, {"taskId": "t"}, {"resultType": "task", "taskId": 7}, {"task": "t"}]
)
def test_what_is_no_task_is_nobodys(result: dict[str, Any]) -> None:
    """Nor is one that is called by no text."""
    tasks = Tasks()
    tasks.begun(answer(result), ADA)
    for ident in ("t", 7, None):
        assert not tasks.owned(ident, ADA)


def test_few_tasks_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that were begun last, and none by an endless name (M16)."""
    monkeypatch.setattr(module, "MOST", 2)
    tasks = Tasks()
    for ident in ("a", "b", "a", "c", "x" * 10_000):
        tasks.begun(answer({"task": {"taskId": ident}}), ADA)
    owned = [ident for ident in ("a", "b", "c", "x" * 10_000) if tasks.owned(ident, ADA)]
    assert owned == ["a", "c"]
