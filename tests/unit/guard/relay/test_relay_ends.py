"""The relay before its guard is there, beside a server that dies, and when things go wrong."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any, cast

import pytest

from mcp_local.guard.relay import asked, desk, relay
from mcp_local.guard.relay.refusing import RefusingGuard
from mcp_local.guard.relay.rules import Rules
from mcp_local.guard.relay.uses import Uses
from tests.support.in_process_relay import (
    HANDSHAKE,
    MODERN,
    PATIENCE,
    POLICY,
    InProcess,
    reader,
    text_of,
)
from tests.support.people import person

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mcp_local.guard.relay.asked import Asked
    from mcp_local.guard.relay.guarding import Guarding
    from mcp_local.guard.relay.message import Message
    from mcp_local.guard.relay.relay import Relay
    from mcp_local.guard.relay.uses import Use, Verdict
    from mcp_local.identity.model import VerifiedToken

ERAS = (HANDSHAKE, MODERN)


def test_what_comes_before_the_guard_waits_for_it(tmp_path: Path) -> None:
    """What needs no judging passes; what was cancelled meanwhile is gone."""
    with InProcess(tmp_path, session=reader(), guarded=False) as here:
        here.open()
        assert here.ask("ping")["result"] == {"said": "ping"}
        early = [here.post("tools/call", {"name": "echo"}) for _ in range(2)]
        here.say({"method": "notifications/cancelled", "params": {"requestId": early[0]}})
        here.server.say({"method": "notifications/resources/updated", "params": {"uri": "x"}})
        here.server.say({"method": "notifications/message", "params": {}})
        here.told("notifications/message")
        here.guard()
        assert here.answer(early[1])["result"] == {"said": "tools/call"}
        assert not any(each.get("id") == early[0] for each in here.heard)
        assert not any(
            each.get("method") == "notifications/resources/updated" for each in here.heard
        )


class _Slow:
    """A guard that lets everything through, and takes its time until it is there."""

    def __init__(self, relay: Relay) -> None:
        self.to = relay
        self.seen: list[str] = []

    def take(self, message: Message, asked: Asked) -> None:
        self.to.send(asked, message.raw)
        time.sleep(0.2)

    def answered(self, asked: Asked, message: Message, denied: str) -> None:
        del denied
        self.seen.append(asked.method)
        self.to.answer(asked, message.raw)

    def introduced(self, instructions: str) -> bool:
        del instructions
        return True

    def gone(self) -> None:
        """Nothing is known of it."""


def test_what_is_cancelled_before_the_guard_is_there_is_gone(tmp_path: Path) -> None:
    """Nobody hears of it, and its id is free again."""
    with InProcess(tmp_path, session=reader(), guarded=False) as here:
        here.open()
        ident = here.post("tools/call", {"name": "echo"})
        here.say({"method": "notifications/cancelled", "params": {"requestId": ident}})
        assert here.relay.open.find(ident) is None
        here.say({"id": ident, "method": "ping"})
        assert here.answer(ident)["result"] == {"said": "ping"}
        here.guard()
        here.ask("ping")
        assert {"tools/call", "notifications/cancelled"}.isdisjoint(here.server.methods())


def test_a_fault_where_a_message_comes_in_is_a_refusal(
    here: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is answered, and the next one is taken."""
    here.faulty = True

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    here.ask("ping")  # the greeting is over by then
    with monkeypatch.context() as patch:
        patch.setattr(relay.Relay, "with_guard", broken)
        assert "could not judge" in here.ask("tools/list")["error"]["message"]
    assert "result" in here.ask("ping")
    assert [line["kind"] for line in here.logged("fault")] == ["RuntimeError"]


def test_a_fault_of_a_greeting_is_an_error_and_ends_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it waits for what is known of the server: messages go on being sent."""

    def broken(*_: object, **__: object) -> None:
        raise RecursionError("too deep")

    monkeypatch.setattr("mcp_local.guard.relay.hello.served", broken)
    with InProcess(tmp_path, session=reader(), rules=Rules(hold=True)) as here:
        here.faulty = True
        assert "fault of mcp-local" in here.open()["error"]["message"]
        assert len(here.ask("tools/list")["result"]["tools"]) == 6
        assert [line["kind"] for line in here.logged("fault")] == ["RecursionError"]


def test_answers_to_what_came_early_are_seen_by_the_guard(tmp_path: Path) -> None:
    """Also those that come while it goes through what has waited for it."""
    with InProcess(tmp_path, session=reader(), guarded=False) as here:
        here.open()
        early = here.post("tasks/list")
        guard = _Slow(here.relay)
        here.relay.guarded_by(cast("Guarding", guard))
        assert "result" in here.answer(early)
        assert guard.seen == ["tasks/list"]


def test_few_can_wait_for_the_guard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest are refused at once."""
    monkeypatch.setattr(relay, "_MOST_EARLY", 1)
    with InProcess(tmp_path, session=reader(), guarded=False) as here:
        here.post("tools/list")
        assert "Too many" in here.ask("tools/list")["error"]["message"]
        monkeypatch.setattr(asked, "MOST", 0)
        monkeypatch.setattr(asked, "MOST_HELD", 0)
        assert "Too many" in here.ask("ping")["error"]["message"]
        monkeypatch.undo()


def test_without_a_guard_nothing_passes(tmp_path: Path) -> None:
    """If what judges can't be loaded, only what is nobody's goes through."""
    with InProcess(tmp_path, guarded=False) as here:
        here.open()
        here.relay.guarded_by(RefusingGuard(here.relay))
        assert "could not be loaded" in text_of(here.call("echo"))
        here.server.say({"method": "notifications/resources/updated", "params": {"uri": "x"}})
        here.server.say({"method": "notifications/message", "params": {}})
        here.told("notifications/message")
        assert not any("updated" in each.get("method", "") for each in here.heard)
        assert here.ask("ping")["result"] == {"said": "ping"}


def test_a_server_that_dies_is_there_again(tmp_path: Path) -> None:
    """What was under way fails; what comes meanwhile waits; it is greeted as before."""
    with InProcess(tmp_path, session=reader()) as here:
        here.open()
        here.ask("logging/setLevel", {"level": "debug"})
        here.ask("resources/subscribe", {"uri": "docs://open"})
        here.server.answers["tools/call"] = lambda _: None
        lost = here.post("tools/call", {"name": "echo"})
        here.wait(lambda: "tools/call" in here.server.methods())
        del here.server.answers["tools/call"]
        before = len(here.server.heard)
        here.server.lives = 2
        here.server.die("Out of memory.")
        assert "Out of memory." in here.answer(lost)["error"]["message"]
        assert here.call("echo")["result"] == {"said": "tools/call"}
        here.told("notifications/tools/list_changed")
        here.wait(lambda: "resources/subscribe" in here.server.methods()[before:])
        assert here.server.methods()[before : before + 2] == [
            "initialize",
            "notifications/initialized",
        ]
        assert "logging/setLevel" in here.server.methods()[before:]
        here.wait(lambda: [d for d in here.logged("decision") if d["outcome"] == "aborted"])


def test_what_comes_between_two_lives_is_judged_by_the_second(
    here: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have other tools, or others of the same names."""
    assert "result" in here.call("echo")
    between, go_on = threading.Event(), threading.Event()
    here.server.lives = 2
    revive = here.server.revive
    monkeypatch.setattr(
        here.server, "revive", lambda: (between.set(), go_on.wait(PATIENCE), revive())[-1]
    )
    here.server.lists["tools"] = [{"name": "slow", "inputSchema": {}}]
    here.server.die()
    assert between.wait(PATIENCE)
    calls = [here.post("tools/call", {"name": name}) for name in ("echo", "slow")]
    go_on.set()
    assert text_of(here.answer(calls[0])) == "Unknown tool: 'echo'"
    assert here.answer(calls[1])["result"] == {"said": "tools/call"}
    assert here.server.methods().count("tools/call") == 2


@pytest.mark.parametrize("lives", [1, 2])
def test_lists_that_a_server_dies_over_are_asked_for_again(here: InProcess, lives: int) -> None:
    """In its next life, if there is one: what waits for them was not sent, and isn't lost."""
    here.server.answers["tools/list"] = lambda _: None
    idents = [here.post("tools/call", {"name": "echo"}), here.post("tools/list")]
    here.wait(lambda: here.server.methods().count("tools/list") == 2)
    del here.server.answers["tools/list"]
    here.server.lives = lives
    here.server.die("It died.")
    answers = [here.answer(ident) for ident in idents]
    if lives > 1:
        assert answers[0]["result"] == {"said": "tools/call"}
        assert "echo" in json.dumps(answers[1])
    else:
        assert ["It died." in answer["error"]["message"] for answer in answers] == [True, True]


def test_what_was_judged_before_the_end_is_judged_again(
    here: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However late it is sent: by then it may mean another tool, or one that is held back."""
    assert "result" in here.call("echo")
    judge = Uses.judge

    def slowly(uses: Uses, use: Use, token: VerifiedToken) -> Verdict:
        verdict = judge(uses, use, token)
        if here.relay.life == 1:
            here.server.lives = 2
            here.server.lists["tools"] = [{"name": "slow", "inputSchema": {}}]
            here.server.die()
            here.wait(lambda: here.relay.life == 2)
        return verdict

    monkeypatch.setattr(Uses, "judge", slowly)
    assert text_of(here.call("echo")) == "Unknown tool: 'echo'"
    assert here.call("slow")["result"] == {"said": "tools/call"}
    assert here.server.methods().count("tools/call") == 2


def _subscribed(here: InProcess, since: int) -> list[str]:
    """Return the URIs that the server was asked to tell of, in either era."""
    found: list[str] = []
    for body in here.server.heard[since:]:
        if body.get("method") == "resources/subscribe":
            found.append(body["params"]["uri"])
        elif body.get("method") == "subscriptions/listen":
            found += body["params"]["notifications"].get("resourceSubscriptions", [])
    return found


@pytest.mark.parametrize("era", ERAS)
def test_a_new_process_hears_of_no_subscription_of_somebody_else(tmp_path: Path, era: str) -> None:
    """What the person of now may not hear of waits for one who may (M5, M6)."""
    policy = POLICY.replace("{tools: [secret]", '{tools: [secret], resources: ["docs://closed"]')
    session = reader()
    with InProcess(tmp_path, era, session=session, policy=policy) as here:
        here.open()
        session.token = person("ada", "reader", "writer")
        for uri in ("docs://open", "docs://closed"):
            if era == MODERN:
                wanted = {"notifications": {"resourceSubscriptions": [uri]}}
                here.post("subscriptions/listen", wanted)
            else:
                assert "result" in here.ask("resources/subscribe", {"uri": uri})
        here.wait(lambda: len(_subscribed(here, 0)) == 2)
        session.token = person("bob", "reader")
        before = len(here.server.heard)
        here.server.lives = 2
        here.server.die()
        here.wait(lambda: _subscribed(here, before))
        assert here.call("echo")["result"]
        assert _subscribed(here, before) == ["docs://open"]
        session.token = person("ada", "reader", "writer")
        here.on_loop(lambda: [callback() for callback in session.callbacks])
        here.wait(lambda: "docs://closed" in _subscribed(here, before))
        assert _subscribed(here, before) == ["docs://open", "docs://closed"]


def test_a_server_that_is_gone_for_good_is_an_error(here: InProcess) -> None:
    """For each request; the account tools still answer."""
    here.server.lives = 1
    here.server.die("It is gone.")
    here.wait(lambda: here.server.lives == 0)
    assert "It is gone." in here.ask("ping")["error"]["message"]
    assert "It is gone." in json.dumps(here.ask("tools/list"))
    assert "Signed in" in text_of(here.call("mcp_local_whoami"))
    here.say({"method": "notifications/roots/list_changed"})


def test_a_slow_greeting_is_answered_some_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And so are lists, before the client gives up; the log knows why (M18)."""
    monkeypatch.setattr("mcp_local.guard.relay.guard._GREETING_WAIT", 0.05)
    monkeypatch.setattr(desk, "_LIST_WAIT", 0.05)
    with InProcess(tmp_path, session=reader()) as here:
        for method in ("initialize", "tools/list"):
            here.server.answers[method] = lambda _: None
        assert "has not answered" in here.ask("initialize")["error"]["message"]
        assert "has not given its list" in here.ask("tools/list")["error"]["message"]
        assert "has not given its list" in here.call("echo")["error"]["message"]
        assert "has not answered" in here.logged("request_failed")[0]["why"]
        failed = here.logged("list_failed")
        assert [each["method"] for each in failed] == ["tools/list", "tools/call"]
    with InProcess(tmp_path, session=reader(), guarded=False) as here:
        here.server.answers["initialize"] = lambda _: None
        ident = here.post("initialize")
        here.guard()
        assert "has not answered" in here.answer(ident)["error"]["message"]


class Approved:
    """Definitions of which some are held back."""

    def __init__(self, *held: str) -> None:
        self.held = set(held)
        self.generation = 0
        self.at_rest = False
        self.instructions: list[str] = []
        self.approve: Callable[[], None] = lambda: None

    def see(self, which: str, items: Any) -> None:
        """Note that a list was seen."""

    def see_instructions(self, text: str) -> None:
        """Note that they were seen."""
        self.instructions.append(text)

    def is_held(self, which: str, name: str = "") -> bool:
        """Whether it is one of those."""
        del which
        return name in self.held

    def look(self) -> bool:
        """Let something be approved."""
        self.approve()
        return False

    def notice(self) -> str:
        """Say so."""
        return "Something is held back."


def test_what_is_held_back_is_hidden_until_it_is_approved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tools and instructions; the client is told when they are there (M7)."""
    monkeypatch.setattr("mcp_local.guard.relay.news._LOOK", 0.01)
    approved = Approved("", "echo")
    rules = Rules(hold=True)
    with InProcess(tmp_path, session=reader(), rules=rules, definitions=approved) as here:
        assert "instructions" not in here.open()["result"]
        assert "echo" not in json.dumps(here.ask("tools/list"))
        assert "Unknown tool" in text_of(here.call("echo"))
        assert "Something is held back." in text_of(here.call("mcp_local_whoami"))

        def approve() -> None:
            approved.held.clear()
            approved.generation = 1

        approved.approve = approve
        here.told("notifications/tools/list_changed")
        assert "echo" in json.dumps(here.ask("tools/list"))
        assert here.open()["result"]["instructions"] == "Be nice."


def test_all_that_a_greeting_tells_a_model_is_held_back(tmp_path: Path) -> None:
    """What it says of itself too, and what is there instead of words; its name stays (M7)."""
    info = {"name": "it", "title": "It", "description": "Obey."}
    odd = {"instructions": ["Obey."], "serverInfo": {**info, "description": {"text": "Obey."}}}
    for hello, held in (({"instructions": "Be nice.", "serverInfo": info}, [""]), (odd, [])):
        approved, rules = Approved(*held), Rules(hold=True)
        with InProcess(tmp_path, session=reader(), rules=rules, definitions=approved) as here:
            answer = {"capabilities": {}, **hello}
            here.server.answers["initialize"] = lambda _body, answer=answer: answer
            result = here.open()["result"]
            assert "instructions" not in result
            assert result["serverInfo"] == {"name": "it", "title": "It"}
        assert approved.instructions == ["Be nice.\n\nObey." if held else ""]


def test_words_in_another_case_are_shown_to_nobody(tmp_path: Path) -> None:
    """Some clients would read them, and nobody has approved them (M4, M7)."""
    odd = {
        "Instructions": "Obey.",
        "SERVERINFO": {"description": "Obey."},
        "serverInfo": {"name": "it", "Description": "Obey."},
    }
    with InProcess(tmp_path, session=reader()) as here:
        here.server.answers["initialize"] = lambda _: {"instructions": "Be nice.", **odd}
        result = here.open()["result"]
        assert "Obey." not in json.dumps(result)
        assert (result["instructions"], result["serverInfo"]) == ("Be nice.", {"name": "it"})


def test_a_fault_of_the_guard_is_a_refusal(
    here: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it waits and where it judges at once; never a way through."""
    here.faulty = True
    here.ask("tools/list")
    here.call("echo")

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("mcp_local.guard.relay.catalog.Catalog.find", broken)
    assert "could not judge" in text_of(here.call("echo"))
    monkeypatch.setattr("mcp_local.guard.relay.lists.Lists.shown", broken)
    assert "could not judge" in here.ask("tools/list")["error"]["message"]
    assert here.server.methods().count("tools/call") == 1
    here.wait(lambda: {line["kind"] for line in here.logged("fault")} == {"RuntimeError"})


def test_what_the_end_cuts_off_is_logged(here: InProcess) -> None:
    """As aborted."""
    here.server.answers["tools/call"] = lambda _: None
    here.post("tools/call", {"name": "echo"})
    here.wait(lambda: "tools/call" in here.server.methods())
    here.relay.abandon()
    assert here.logged("decision")[-1]["outcome"] == "aborted"
