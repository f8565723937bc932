"""Tasks through the relay: whose they are, and what may be heard of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.support.in_process_relay import InProcess
from tests.support.people import LateSession, person

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("news", ["notifications/tasks", "notifications/tasks/status"])
def test_how_a_task_stands_is_told_to_whose_it_is(here: InProcess, news: str) -> None:
    """Whoever is signed in by then hears nothing of it."""
    here.server.answers["tools/call"] = lambda _: {"resultType": "task", "taskId": "t"}
    here.call("echo")
    here.session.token = person("bea", "reader")
    here.server.say({"method": news, "params": {"taskId": "t"}})
    here.server.say({"method": "notifications/message", "params": {}})
    here.told("notifications/message")
    assert news not in [each.get("method") for each in here.heard]


def test_past_the_tokens_end_tasks_are_nobodys(here: InProcess) -> None:
    """What is served then is told by tags, and a task has none."""
    here.server.answers["tools/call"] = lambda _: {"task": {"taskId": "t1"}}
    here.call("echo", task={})
    assert here.session.token is not None
    here.session.token = replace(here.session.token, only_tags=frozenset({"read"}))
    before = len(here.server.heard)
    for method, params in (("tasks/get", {"taskId": "t1"}), ("tasks/list", {})):
        assert "mcp_local_sign_in" in here.ask(method, params)["error"]["message"]
    here.server.say({"method": "notifications/tasks/status", "params": {"taskId": "t1"}})
    here.ask("ping")
    assert "notifications/tasks/status" not in [each.get("method") for each in here.heard]
    assert len(here.server.heard) == before + 1


def test_a_request_that_waited_for_a_sign_in_is_let_through(tmp_path: Path) -> None:
    """A list of tasks, since its answer is trimmed; of single tasks those that are one's own."""
    with InProcess(tmp_path, session=LateSession()) as here:
        here.open()
        here.server.answers["tasks/list"] = lambda _: {"tasks": [{"taskId": "t9"}]}
        assert here.ask("tasks/list")["result"]["tasks"] == []
        for method in ("tasks/get", "tasks/cancel"):
            here.session.token = None
            assert "error" in here.ask(method, {"taskId": "t9"})
        here.session.token = None
        assert here.call("echo")["result"] == {"said": "tools/call"}
        assert {"tasks/get", "tasks/cancel"}.isdisjoint(here.server.methods())


def test_tasks_belong_to_who_began_them(here: InProcess) -> None:
    """Somebody else finds none; lists show one's own."""
    tasks = iter(("t1", "t2"))
    here.server.answers["tools/call"] = lambda _: {"task": {"taskId": next(tasks)}}
    here.call("echo", task={})
    here.server.answers["tasks/list"] = lambda _: {"tasks": [{"taskId": "t1"}, {"taskId": "t9"}]}
    for method in ("tasks/get", "tasks/result", "tasks/cancel"):
        assert here.ask(method, {"taskId": "t1"})["result"] == {"said": method}
    assert here.ask("tasks/list")["result"]["tasks"] == [{"taskId": "t1"}]
    here.session.token = person("bea", "reader")
    before = here.server.methods()
    for task in ("t1", "t9", 7):
        assert here.ask("tasks/get", {"taskId": task})["error"]["code"] == -32602
    assert here.server.methods() == before
    assert here.ask("tasks/list")["result"]["tasks"] == []
    here.server.say({"method": "notifications/tasks/status", "params": {"taskId": "t1"}})
    here.server.say({"method": "notifications/tasks/status", "params": {"taskId": "mine"}})
    assert here.told("notifications/tasks/status")["params"]["taskId"] == "mine"
