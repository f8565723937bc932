"""Asking the person through the relay's client, in both eras."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from mcp_local.policy.live import LivePolicy
from tests.support.in_process_relay import MODERN, POLICY, InProcess, reader, text_of
from tests.support.people import person

if TYPE_CHECKING:
    from pathlib import Path

FORM: dict[str, Any] = {"elicitation": {"form": {}}}
YES = {"action": "accept", "content": {"confirm": True}}


def test_the_person_is_asked_in_the_client(tmp_path: Path) -> None:
    """Handshake era: by a form of ours; the call goes on with a yes, and only then."""
    with InProcess(tmp_path, session=reader(), capabilities=FORM) as here:
        here.open()
        for answer, outcome in (({"action": "decline"}, "Not confirmed"), (YES, None)):
            here.heard.clear()
            ident = here.post("tools/call", {"name": "ask_me", "arguments": {"n": outcome}})
            form = here.told("elicitation/create")
            assert "ask_me" in form["params"]["message"]
            here.server.say({"id": form["id"], "result": YES})  # not the server's to say (M27)
            here.say({"id": form["id"], "result": answer})
            if outcome is None:
                assert here.answer(ident)["result"] == {"said": "tools/call"}
            else:
                assert outcome in text_of(here.answer(ident))
        assert here.server.methods().count("tools/call") == 1
        decisions = here.wait(lambda: (d := here.logged("decision"))[1:] and d)
        assert sorted(d["outcome"] for d in decisions) == ["declined", "ok"]


def test_a_call_that_waits_for_the_person_can_be_cancelled(tmp_path: Path) -> None:
    """It waits with progress, where the client wants to know."""
    with InProcess(tmp_path, session=reader(), capabilities=FORM) as here:
        here.open()
        ident = here.post("tools/call", {"name": "ask_me", "_meta": {"progressToken": "p"}})
        here.told("elicitation/create")
        progress = here.told("notifications/progress")["params"]
        assert (progress["progressToken"], progress["progress"]) == ("p", 0)
        here.say({"method": "notifications/cancelled", "params": {"requestId": ident}})
        here.wait(lambda: here.relay.open.find(ident) is None)
        here.wait(lambda: [d["outcome"] for d in here.logged("decision")] == ["aborted"])
        assert "tools/call" not in here.server.methods()


def test_who_can_not_be_asked_says_no(tmp_path: Path) -> None:
    """A client without forms, or one that refuses them, and no page either."""
    with InProcess(tmp_path, session=reader()) as here:
        here.open()
        assert "no way to ask" in text_of(here.call("ask_me"))
    with InProcess(tmp_path, session=reader(), capabilities={"elicitation": {}}) as here:
        here.open()
        ident = here.post("tools/call", {"name": "ask_me"})
        form = here.told("elicitation/create")
        here.say({"id": form["id"], "error": {"code": -32601, "message": "no forms"}})
        assert "no way to ask" in text_of(here.answer(ident))


def test_a_server_answers_nothing_that_it_was_not_asked(tmp_path: Path) -> None:
    """It may guess the id of a call that waits for the person, who is asked all the same."""
    with InProcess(tmp_path, session=reader(), capabilities=FORM) as here:
        here.open()
        ident = here.post("tools/call", {"name": "ask_me"})
        form = here.told("elicitation/create")
        here.server.say({"id": ident, "result": {"forged": True}})
        here.server.say(b'{"jsonrpc":"2.0","id":%d,"result":{},"result":{}}' % ident)
        here.wait(lambda: here.logged("server_refused"))
        assert not any(each.get("id") == ident and "method" not in each for each in here.heard)
        here.say({"id": form["id"], "result": YES})
        assert here.answer(ident)["result"] == {"said": "tools/call"}
        assert here.logged("answer_dropped")[-1]["by"] == "server"


def test_a_yes_is_for_who_was_asked(tmp_path: Path) -> None:
    """If somebody else signs in meanwhile the call is refused (M27)."""
    with InProcess(tmp_path, session=reader(), capabilities=FORM) as here:
        here.open()
        ident = here.post("tools/call", {"name": "ask_me"})
        form = here.told("elicitation/create")
        here.session.token = person("bea", "reader")
        here.say({"id": form["id"], "result": YES})
        assert "has changed" in text_of(here.answer(ident))
        assert "tools/call" not in here.server.methods()


@pytest.mark.parametrize(
    ("becomes", "text"),
    [
        ("effect: deny", "Unknown tool"),
        ("effect: deny, actions: [call]", "Denied by sure"),
        ("effect: ask, reason: Why not", "has changed"),
        ("effect: allow", None),
    ],
)
def test_a_yes_is_for_the_rule_that_asked(tmp_path: Path, becomes: str, text: str | None) -> None:
    """If it says something else by then that holds, also where it has its name and place (M27)."""
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY, encoding="utf-8")
    live = LivePolicy(file)
    with InProcess(tmp_path, session=reader(), capabilities=FORM, policy=live) as here:
        here.open()
        ident = here.post("tools/call", {"name": "ask_me"})
        form = here.told("elicitation/create")
        file.write_text(POLICY.replace("effect: ask", becomes), encoding="utf-8")
        assert live.look()
        here.say({"id": form["id"], "result": YES})
        answer = here.answer(ident)
        assert (text or '"said"') in json.dumps(answer)
        assert ("tools/call" in here.server.methods()) is (text is None)


def test_a_yes_is_for_the_tool_that_was_asked_about(tmp_path: Path) -> None:
    """If it says something else of itself by then, it is another one (M27)."""
    tool: dict[str, Any] = {"name": "ask_me", "inputSchema": {}}
    with InProcess(tmp_path, session=reader(), capabilities=FORM) as here:
        here.server.lists["tools"] = [tool | {"annotations": {"destructiveHint": False}}]
        here.open()
        ident = here.post("tools/call", {"name": "ask_me"})
        form = here.told("elicitation/create")
        here.server.lists["tools"] = [tool | {"annotations": {"destructiveHint": True}}]
        here.ask("tools/list")
        here.say({"id": form["id"], "result": YES})
        assert "has changed" in text_of(here.answer(ident))
        assert "tools/call" not in here.server.methods()


@pytest.mark.parametrize("restarts", [False, True])
def test_a_yes_is_judged_by_what_the_server_has_by_then(tmp_path: Path, *, restarts: bool) -> None:
    """It told of other lists meanwhile, or is another process; the client asked for none."""
    tool: dict[str, Any] = {"name": "ask_me", "inputSchema": {}}
    with InProcess(tmp_path, session=reader(), capabilities=FORM) as here:
        here.open()
        ident = here.post("tools/call", {"name": "ask_me"})
        form = here.told("elicitation/create")
        here.server.lists["tools"] = [tool | {"annotations": {"destructiveHint": True}}]
        if restarts:
            here.server.lives = 2
            here.server.die()
        else:
            here.server.say({"method": "notifications/tools/list_changed"})
        here.told("notifications/tools/list_changed")
        here.say({"id": form["id"], "result": YES})
        assert "has changed" in text_of(here.answer(ident))
        assert "tools/call" not in here.server.methods()


def test_the_person_is_asked_between_two_calls(tmp_path: Path) -> None:
    """Modern era: the server hears of the call only, not of the question (M27)."""
    with InProcess(tmp_path, MODERN, session=reader(), capabilities=FORM) as here:
        here.open()
        asked_back = here.call("ask_me", {"n": 1})["result"]
        assert asked_back["resultType"] == "input_required"
        state = asked_back["requestState"]
        reply = {"requestState": state, "inputResponses": {"confirm": YES}}
        other = here.call("ask_me", {"n": 2}, **reply)
        assert "Waiting for your yes to another call" in text_of(other)
        answer = here.call("ask_me", {"n": 1}, **reply)
        assert answer["result"]["said"] == "tools/call"
        params = here.server.heard[-1]["params"]
        assert "requestState" not in params
        assert "inputResponses" not in params
        again = here.call("ask_me", {"n": 1}, requestState=state)
        assert again["result"]["resultType"] == "input_required"
        decisions = here.wait(lambda: (d := here.logged("decision"))[3:] and d)
        assert sorted(d["outcome"] for d in decisions) == ["asked", "asked", "ok", "waiting"]


def test_a_server_that_asks_back_is_asked_about_once(tmp_path: Path) -> None:
    """The retry of a call that the person agreed to needs no second yes."""
    with InProcess(tmp_path, MODERN, session=reader(), capabilities=FORM) as here:
        here.open()
        inner: dict[str, Any] = {"a": {"method": "elicitation/create", "params": {}}}
        here.server.answers["tools/call"] = lambda body: (
            {"content": []}
            if "inputResponses" in body["params"]
            else {"resultType": "input_required", "inputRequests": inner, "requestState": "own"}
        )
        state = here.call("ask_me")["result"]["requestState"]
        reply = {"requestState": state, "inputResponses": {"confirm": YES}}
        assert here.call("ask_me", **reply)["result"]["requestState"] == "own"
        done = here.call("ask_me", requestState="own", inputResponses={"a": YES})
        assert done["result"]["content"] == []


def test_the_account_tools_answer_as_elsewhere(tmp_path: Path) -> None:
    """Sign-in, whoami, and sign-out after the person's yes."""
    with InProcess(tmp_path, session=reader(), capabilities=FORM) as here:
        here.open()
        assert "Signed in as" in text_of(here.call("mcp_local_sign_in"))
        whoami = here.call("mcp_local_whoami", {"refresh": True})["result"]
        assert whoami["structuredContent"]["roles"] == ["reader"]
        ident = here.post("tools/call", {"name": "mcp_local_sign_out"})
        here.say({"id": here.told("elicitation/create")["id"], "result": {"action": "cancel"}})
        assert "Still signed in" in text_of(here.answer(ident))
    with InProcess(tmp_path, MODERN, session=reader(), capabilities=FORM) as here:
        here.open()
        state = here.call("mcp_local_sign_out")["result"]["requestState"]
        reply = {"requestState": state, "inputResponses": {"confirm": YES}}
        assert "Signed out" in text_of(here.call("mcp_local_sign_out", **reply))
        assert here.session.token is None
        assert "Signed out" in text_of(here.call("mcp_local_sign_out"))
