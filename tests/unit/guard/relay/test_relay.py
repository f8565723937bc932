"""The relay between a client and a server, in this process."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from mcp_local.guard.relay import asked, desk, relay
from mcp_local.guard.relay.parts import Rules
from mcp_local.guard.relay.refusing import RefusingGuard
from tests.support.in_process_relay import HANDSHAKE, MODERN, InProcess, text_of
from tests.support.people import MemorySession, person

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

ERAS = (HANDSHAKE, MODERN)
FORM: dict[str, Any] = {"elicitation": {"form": {}}}
YES = {"action": "accept", "content": {"confirm": True}}
SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"


def reader() -> MemorySession:
    """Return a session in which a reader is signed in."""
    return MemorySession(person("ada", "reader"))


@pytest.fixture(params=ERAS)
def here(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[InProcess]:
    """A relay with a reader signed in."""
    with InProcess(tmp_path, request.param, session=reader(), capabilities=FORM) as relay:
        relay.open()
        yield relay


def test_what_the_server_says_of_itself_is_announced(tmp_path: Path) -> None:
    """With tools, changes of lists, and what it said itself."""
    with InProcess(tmp_path) as here:
        result = here.open()["result"]
        assert result["instructions"] == "Be nice."
        assert result["capabilities"] == {
            "tools": {"listChanged": True},
            "prompts": {"listChanged": True},
            "resources": {"subscribe": True, "listChanged": True},
        }
        assert here.session.program == ""
        here.call("mcp_local_whoami")
        assert here.session.program == "Test"


def test_an_error_to_the_greeting_passes(tmp_path: Path) -> None:
    """And an odd result."""
    with InProcess(tmp_path) as here:
        here.server.answers["initialize"] = lambda _: {"code": -1, "message": "no"}
        assert here.open()["error"] == {"code": -1, "message": "no"}
        here.server.answers["initialize"] = lambda _: []
        assert here.open()["result"] == []


def test_uses_pass_as_they_came(here: InProcess) -> None:
    """The server gets the client's bytes, the client the server's."""
    for method, params in (
        ("tools/call", {"name": "echo", "arguments": {"a": 1.0}}),
        ("resources/read", {"uri": "docs://open"}),
        ("resources/read", {"uri": "item://7"}),
        ("prompts/get", {"name": "greet"}),
        ("completion/complete", {"ref": {"type": "ref/prompt", "name": "greet"}}),
        ("completion/complete", {"ref": {"type": "ref/resource", "uri": "item://{id}"}}),
        ("ping", {}),
        ("logging/setLevel", {"level": "info"}),
    ):
        assert here.ask(method, params)["result"] == {"said": method}
        heard = here.server.heard[-1]
        assert heard["method"] == method
        assert {key: heard["params"][key] for key in params} == params


def test_what_is_not_listed_is_not_there(here: InProcess) -> None:
    """The server hears of neither."""
    cases: list[tuple[str, Any, int | None]] = [
        ("tools/call", {"name": "secret"}, None),
        ("tools/call", {"name": "absent"}, None),
        ("resources/read", {"uri": "docs://closed"}, -32602),
        ("resources/read", {"uri": "vault://1"}, -32602),
        ("prompts/get", {"name": "absent"}, -32602),
        ("completion/complete", {"ref": {"type": "ref/prompt", "name": "absent"}}, -32602),
        ("completion/complete", {"ref": {"type": "ref/other"}}, -32602),
        ("tools/call", {"name": 7}, -32602),
        ("tools/call", {"name": ["mcp_local_whoami"]}, -32602),
        ("tools/call", {"name": "echo", "arguments": []}, -32602),
        ("tools/call", {"name": "mcp_local_whoami", "arguments": []}, -32602),
        ("no/such", {}, -32601),
    ]
    for method, params, code in cases:
        answer = here.ask(method, params)
        if code is None:
            assert text_of(answer) == f"Unknown tool: '{params['name']}'"
        else:
            assert answer["error"]["code"] == code
    assert set(here.server.methods()) <= {
        *("initialize", "server/discover", "notifications/initialized"),
        *("tools/list", "resources/list", "resources/templates/list", "prompts/list"),
        "subscriptions/listen",
    }


def test_lists_are_trimmed_and_made_once(here: InProcess) -> None:
    """Each with the account tools, where it is one of tools."""
    for _ in range(2):
        tools = [tool["name"] for tool in here.ask("tools/list")["result"]["tools"]]
        assert tools[3:] == ["echo", "slow", "ask_me"]
        assert [p["name"] for p in here.ask("prompts/list")["result"]["prompts"]] == ["greet"]
    result = here.ask("resources/list")["result"]
    assert [each["uri"] for each in result["resources"]] == ["docs://open"]
    assert ("ttlMs" in result) is (here.era == MODERN)
    here.server.answers["resources/list"] = lambda _: {"resources": [], "ttlMs": 9}
    assert here.ask("resources/list")["result"]["ttlMs"] == 0


def test_a_list_that_the_server_lacks_is_its_own_error(here: InProcess) -> None:
    """But there are always tools; other errors are errors."""
    absent = {"code": -32601, "message": "Method not found"}
    for method in ("tools/list", "prompts/list"):
        here.server.answers[method] = lambda _: absent
    assert here.ask("prompts/list")["error"] == absent
    assert len(here.ask("tools/list")["result"]["tools"]) == 3
    here.server.answers["tools/list"] = lambda _: {"code": -5, "message": "busy"}
    assert here.ask("tools/list")["error"] == {"code": -5, "message": "busy"}


def test_locked_is_listed_where_the_settings_say_so(tmp_path: Path) -> None:
    """With the role that it needs."""
    with InProcess(tmp_path, session=reader(), locked=True) as here:
        here.open()
        tools = {tool["name"]: tool for tool in here.ask("tools/list")["result"]["tools"]}
        assert tools["secret"]["description"].startswith("[Locked: needs the role writer]")
        assert "needs the role writer" in text_of(here.call("secret"))


def test_nobody_gets_the_account_tools_and_one_answer(tmp_path: Path) -> None:
    """Whatever is asked for; the server hears of nothing."""
    with InProcess(tmp_path, hold=0.0) as here:
        here.open()
        assert len(here.ask("tools/list")["result"]["tools"]) == 3
        assert here.ask("prompts/list")["result"] == {"prompts": []}
        assert "mcp_local_sign_in" in text_of(here.call("echo"))
        for method, params in (
            ("resources/read", {"uri": "docs://open"}),
            ("tasks/get", {"taskId": "x"}),
            ("tasks/list", {}),
        ):
            assert "mcp_local_sign_in" in here.ask(method, params)["error"]["message"]
        assert here.server.methods() == ["initialize", "notifications/initialized"]


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


def test_methods_that_the_settings_name_pass(tmp_path: Path) -> None:
    """Requests and notifications, unjudged."""
    rules = Rules(methods=("x/own", "notifications/own"))
    with InProcess(tmp_path, rules=rules) as here:
        assert here.ask("x/own")["result"] == {"said": "x/own"}
        here.say({"method": "notifications/own"})
        here.say({"method": "notifications/other"})
        here.say({"method": "tools/call", "params": {"name": "echo"}})
        here.ask("ping")
        assert here.server.methods() == ["x/own", "notifications/own", "ping"]
        assert len(here.logged("notification_refused")) == 2


def test_odd_lines_of_the_client_are_answered(here: InProcess) -> None:
    """An open id stays with whoever has it; blank lines are nothing."""
    here.say(b"  ")
    here.say(b"{")
    here.wait(lambda: any("error" in each and each["id"] is None for each in here.heard))
    here.server.answers["ping"] = lambda _: None
    ident = here.post("ping")
    here.say({"id": ident, "method": "ping"})
    assert "in use" in here.answer(ident)["error"]["message"]
    here.say({"id": "never asked", "result": {}})
    assert here.logged("answer_dropped")[-1]["by"] == "client"


def test_odd_lines_of_the_server_leave_nobody_waiting(here: InProcess) -> None:
    """An answer that can't be read is an error; one that nobody asked for is dropped."""
    here.server.answers["tools/call"] = lambda _: None
    ident = here.post("tools/call", {"name": "echo"})
    here.wait(lambda: "tools/call" in here.server.methods())
    here.server.say(b'{"jsonrpc":"2.0","id":%d,"result":{"a":1,"a":2}}' % ident)
    assert "can't be read" in here.answer(ident)["error"]["message"]
    here.server.say(b"{")
    here.server.say({"id": ident, "result": {"late": True}})
    here.server.say({"id": None, "error": {"code": -32700}})
    here.wait(lambda: any("error" in each and each["id"] is None for each in here.heard))
    assert here.logged("answer_dropped")[-1]["by"] == "server"
    here.server.answers["prompts/list"] = lambda body: here.server.say(
        b'{"id":"%b","a":1,"a":2}' % body["id"].encode()
    )
    assert "no answer that can be read" in here.ask("prompts/list")["error"]["message"]


def test_requests_of_the_server_pass_as_the_settings_say(here: InProcess) -> None:
    """Roots and forms by default; the rest is told that it isn't passed on (M12)."""
    cases: list[tuple[str, Any, bool]] = [
        ("roots/list", {}, True),
        ("ping", {}, True),
        ("elicitation/create", {"mode": "form"}, True),
        ("elicitation/create", {"mode": "url", "url": "https://x"}, False),
        ("sampling/createMessage", {}, False),
        ("com.example/x", {}, False),
    ]
    for ident, (method, params, passes) in enumerate(cases):
        here.server.say({"id": f"s{ident}", "method": method, "params": params})
        own = f"s{ident}"
        if passes:
            here.wait(lambda own=own: any(each.get("id") == own for each in here.heard))
            here.server.say({"id": own, "method": method, "params": params})
            here.wait(lambda own=own: refused(here, own))
            here.say({"id": own, "result": {}})
            assert here.wait(lambda own=own: answered(here, own))
        else:
            error = here.wait(lambda own=own: refused(here, own))
            assert "doesn't pass on" in error["message"]
    assert [line["method"] for line in here.logged("request_denied")] == [
        "elicitation/create:url",
        "sampling/createMessage",
        "com.example/x",
    ]


def refused(here: InProcess, ident: str) -> Any:
    """Return the error that the server got."""
    return next(
        (b["error"] for b in here.server.heard if b.get("id") == ident and "error" in b), None
    )


def answered(here: InProcess, ident: str) -> bool:
    """Whether the server got the client's answer."""
    return any(b.get("id") == ident and "result" in b for b in here.server.heard)


def test_a_server_may_take_its_request_back(here: InProcess) -> None:
    """A late answer is dropped then."""
    here.server.say({"id": "s", "method": "roots/list"})
    here.server.say({"method": "notifications/cancelled", "params": {"requestId": "s"}})
    here.told("notifications/cancelled")
    here.say({"id": "s", "result": {}})
    assert here.logged("answer_dropped")[-1]["by"] == "client"


@pytest.mark.parametrize("method", ["tools/call", "x/own"])
def test_a_result_may_not_ask_for_more_than_a_request(method: str, tmp_path: Path) -> None:
    """The call fails with a plain error; what is allowed passes (M12)."""
    with InProcess(tmp_path, MODERN, session=reader(), rules=Rules(methods=("x/own",))) as here:
        request: dict[str, Any] = {"method": "elicitation/create", "params": {}}
        wanted: dict[str, Any] = {"resultType": "input_required", "inputRequests": {"a": request}}
        here.server.answers[method] = lambda _: wanted
        assert here.ask(method, {"name": "echo"})["result"] == wanted
        request["method"] = "sampling/createMessage"
        answer = here.ask(method, {"name": "echo"})
        assert "sampling/createMessage" in json.dumps(answer)
        assert "inputRequests" not in json.dumps(answer)
        url: dict[str, Any] = {"code": -32042, "message": "open this", "data": {"elicitations": []}}
        here.server.answers[method] = lambda _: url
        assert "elicitation/create:url" in json.dumps(here.ask(method, {"name": "echo"}))


def test_a_page_to_be_opened_passes_where_it_is_named(tmp_path: Path) -> None:
    """``elicitation/create:url`` in the settings."""
    rules = Rules(requests=("elicitation/create:url",))
    with InProcess(tmp_path, session=reader(), rules=rules) as here:
        here.server.answers["tools/call"] = lambda _: {"code": -32042, "message": "open this"}
        assert here.call("echo")["error"]["code"] == -32042
        here.server.say({"id": "u", "method": "elicitation/create", "params": {"mode": "url"}})
        assert here.told("elicitation/create")["id"] == "u"


def test_what_is_cancelled_ends(here: InProcess) -> None:
    """The server hears of it if it heard of the request; else nobody does."""
    here.server.answers["tools/call"] = lambda _: None
    sent = here.post("tools/call", {"name": "slow"})
    here.wait(lambda: "tools/call" in here.server.methods())
    for _ in range(2):
        here.say({"method": "notifications/cancelled", "params": {"requestId": sent}})
    here.say({"method": "notifications/cancelled", "params": {"requestId": "unknown"}})
    here.server.answers["prompts/list"] = lambda _: None
    held = here.post("prompts/list")
    here.wait(lambda: "prompts/list" in here.server.methods())
    here.say({"method": "notifications/cancelled", "params": {"requestId": held}})
    here.wait(lambda: here.relay.open.find(held) is None)
    cancelled = [b for b in here.server.heard if b.get("method") == "notifications/cancelled"]
    assert [body["params"]["requestId"] for body in cancelled] == [sent]
    here.server.say({"id": sent, "result": {"late": True}})
    assert here.answer(sent)["result"] == {"late": True}


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


def test_subscribed_resources_are_told_of(tmp_path: Path) -> None:
    """And parts of them, as long as the person may see them."""
    with InProcess(tmp_path, session=reader()) as here:
        here.open()
        for uri, outcome in (("item://1", "result"), ("docs://closed", "error")):
            assert outcome in here.ask("resources/subscribe", {"uri": uri})
        for uri in ("item://1", "item://1/part", "docs://closed"):
            here.server.say({"method": "notifications/resources/updated", "params": {"uri": uri}})
        here.ask("ping")
        told = [e["params"]["uri"] for e in here.heard if "updated" in e.get("method", "")]
        assert told == ["item://1", "item://1/part"]
        here.session.token = None
        here.server.say(
            {"method": "notifications/resources/updated", "params": {"uri": "item://1"}}
        )
        assert "result" in here.ask("resources/unsubscribe", {"uri": "item://1"})
        assert sum("updated" in each.get("method", "") for each in here.heard) == 2


def test_changes_are_told_in_the_handshake_era(tmp_path: Path) -> None:
    """After a sign-in by us, after a change of its own by the server; then it is asked anew."""
    with InProcess(tmp_path, session=reader()) as here:
        here.open()
        here.call("echo")
        here.on_loop(here.session.callbacks[0])
        here.told("notifications/tools/list_changed")
        here.told("notifications/prompts/list_changed")
        here.told("notifications/resources/list_changed")
        here.server.lists["tools"] = [{"name": "slow"}]
        here.server.say({"method": "notifications/tools/list_changed"})
        here.wait(lambda: sum("tools/list_c" in e.get("method", "") for e in here.heard) == 2)
        assert "Unknown tool" in text_of(here.call("echo"))
        assert here.server.methods().count("tools/list") == 2


def listen(here: InProcess, **wanted: Any) -> int:
    """Open a stream and wait for its acknowledgement; return its id."""
    ident = here.post("subscriptions/listen", {"notifications": wanted})
    here.wait(lambda: any(of_stream(each, ident) for each in here.heard))
    return ident


def of_stream(message: dict[str, Any], ident: int) -> bool:
    """Whether a message belongs to a stream."""
    return message.get("params", {}).get("_meta", {}).get(SUBSCRIPTION) == ident


def stream(here: InProcess, ident: int) -> list[dict[str, Any]]:
    """Return what came in a stream."""
    return [each for each in here.heard if of_stream(each, ident)]


@pytest.fixture
def modern(tmp_path: Path) -> Generator[InProcess]:
    """A relay of the modern era before a server that takes streams, a reader signed in."""
    with InProcess(tmp_path, MODERN, session=reader()) as here:

        def acknowledge(body: dict[str, Any]) -> None:
            params = {
                "notifications": body["params"]["notifications"],
                "_meta": {SUBSCRIPTION: body["id"]},
            }
            method = "notifications/subscriptions/acknowledged"
            here.server.say({"method": method, "params": params})

        here.server.answers["subscriptions/listen"] = acknowledge
        here.open()
        yield here


def own_streams(here: InProcess) -> list[dict[str, Any]]:
    """Return the streams that the server was asked for."""
    return [body for body in here.server.heard if body.get("method") == "subscriptions/listen"]


def test_streams_tell_of_lists_and_resources(modern: InProcess) -> None:
    """Ours and the server's together, under the client's id; only what the person may see."""
    uris = ["item://1", "docs://closed", 7]
    ident = listen(modern, toolsListChanged=True, resourceSubscriptions=uris, other=True)
    (first,) = stream(modern, ident)
    assert first["params"]["notifications"] == {
        "toolsListChanged": True,
        "resourceSubscriptions": ["item://1"],
    }
    follows, resources = own_streams(modern)
    assert set(follows["params"]["notifications"]) >= {"toolsListChanged"}
    meta = {"_meta": {SUBSCRIPTION: resources["id"]}}
    for uri in ("item://1", "docs://closed"):
        params = {"uri": uri, **meta}
        modern.server.say({"method": "notifications/resources/updated", "params": params})
    modern.server.say({"method": "notifications/message", "params": dict(meta)})
    params = {"_meta": {SUBSCRIPTION: follows["id"]}}
    for kind in ("tools", "prompts"):
        modern.server.say({"method": f"notifications/{kind}/list_changed", "params": params})
    modern.wait(lambda: len(stream(modern, ident)) == 3)
    assert [each["method"] for each in stream(modern, ident)[1:]] == [
        "notifications/resources/updated",
        "notifications/tools/list_changed",
    ]
    modern.on_loop(modern.session.callbacks[0])
    modern.wait(lambda: len(stream(modern, ident)) == 4)


def test_streams_end_when_they_are_cancelled(modern: InProcess) -> None:
    """That to the server as well; what it still tells there goes nowhere."""
    ident = listen(modern, resourceSubscriptions=["item://1"])
    own = own_streams(modern)[-1]["id"]
    modern.say({"method": "notifications/cancelled", "params": {"requestId": ident}})
    modern.wait(lambda: "notifications/cancelled" in modern.server.methods())
    assert modern.server.heard[-1]["params"]["requestId"] == own
    params = {"uri": "item://1", "_meta": {SUBSCRIPTION: own}}
    modern.server.say({"method": "notifications/resources/updated", "params": params})
    modern.ask("ping")
    assert len(stream(modern, ident)) == 1


def test_a_stream_tells_of_own_tasks_only(modern: InProcess) -> None:
    """Those of other people aren't even asked for."""
    modern.server.answers["tools/call"] = lambda _: {"resultType": "task", "taskId": "t1"}
    modern.call("echo")
    ident = listen(modern, taskIds=["t1", "t2"])
    assert stream(modern, ident)[0]["params"]["notifications"] == {"taskIds": ["t1"]}
    own = own_streams(modern)[-1]["id"]
    for task in ("t1", "t2"):
        params = {"taskId": task, "_meta": {SUBSCRIPTION: own}}
        modern.server.say({"method": "notifications/tasks/status", "params": params})
    modern.wait(lambda: len(stream(modern, ident)) == 2)
    assert stream(modern, ident)[1]["params"]["taskId"] == "t1"


def test_a_server_without_streams_has_ours(tmp_path: Path) -> None:
    """Changes of lists are told; its resources aren't promised."""
    with InProcess(tmp_path, MODERN, session=reader()) as here:
        absent = {"code": -32601, "message": "Method not found"}
        here.server.answers["subscriptions/listen"] = lambda _: absent
        here.open()
        ident = listen(here, toolsListChanged=True, resourceSubscriptions=["item://1"])
        told = stream(here, ident)[0]["params"]["notifications"]
        assert told == {"toolsListChanged": True}


def test_streams_are_few_and_well_formed(
    modern: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can't be read is no stream."""
    assert "error" in modern.ask("subscriptions/listen", {"notifications": []})
    monkeypatch.setattr("mcp_local.guard.relay.listen._MOST", 1)
    listen(modern, promptsListChanged=True)
    assert "error" in modern.ask("subscriptions/listen", {"notifications": {}})


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
        assert [d["outcome"] for d in decisions] == ["declined", "ok"]


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
        assert [line["outcome"] for line in here.logged("decision")] == ["aborted"]
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
        assert [d["outcome"] for d in decisions] == ["asked", "waiting", "ok", "asked"]


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
        assert here.logged("decision")[-2]["outcome"] == "aborted"


def test_a_server_that_is_gone_for_good_is_an_error(here: InProcess) -> None:
    """For each request; the account tools still answer."""
    here.server.lives = 1
    here.server.die("It is gone.")
    here.wait(lambda: here.server.lives == 0)
    assert "It is gone." in here.ask("ping")["error"]["message"]
    assert "It is gone." in json.dumps(here.ask("tools/list"))
    assert "Signed in" in text_of(here.call("mcp_local_whoami"))
    here.say({"method": "notifications/roots/list_changed"})


def test_a_stream_outlives_its_server(modern: InProcess) -> None:
    """It is asked of the next one; an answer to the greeting of old isn't needed."""
    ident = listen(modern, toolsListChanged=True, resourceSubscriptions=["item://1"])
    modern.server.lives = 2
    modern.server.die()
    modern.wait(lambda: len(stream(modern, ident)) == 2)
    modern.wait(lambda: len(own_streams(modern)) == 3)


def test_a_slow_greeting_is_answered_some_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And so are lists, before the client gives up (M18)."""
    monkeypatch.setattr("mcp_local.guard.relay.guard._GREETING_WAIT", 0.05)
    monkeypatch.setattr(desk, "_LIST_WAIT", 0.05)
    with InProcess(tmp_path, session=reader()) as here:
        for method in ("initialize", "tools/list"):
            here.server.answers[method] = lambda _: None
        assert "has not answered" in here.ask("initialize")["error"]["message"]
        assert "has not given its list" in here.ask("tools/list")["error"]["message"]
        assert "has not given its list" in here.call("echo")["error"]["message"]
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
        self.approve: Callable[[], None] = lambda: None

    def see(self, which: str, items: Any) -> None:
        """Note that a list was seen."""

    def see_instructions(self, text: str) -> None:
        """Note that they were seen."""

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


def test_a_fault_of_the_guard_is_a_refusal(
    here: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it waits and where it judges at once; never a way through."""
    here.ask("tools/list")
    here.call("echo")

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("mcp_local.guard.relay.catalog.Catalog.find", broken)
    assert "could not judge" in text_of(here.call("echo"))
    monkeypatch.setattr("mcp_local.guard.relay.lists.Lists.shown", broken)
    assert "could not judge" in here.ask("tools/list")["error"]["message"]
    assert here.server.methods().count("tools/call") == 1
    assert {line["kind"] for line in here.logged("fault")} == {"RuntimeError"}


def test_what_the_end_cuts_off_is_logged(here: InProcess) -> None:
    """As aborted."""
    here.server.answers["tools/call"] = lambda _: None
    here.post("tools/call", {"name": "echo"})
    here.wait(lambda: "tools/call" in here.server.methods())
    here.relay.abandon()
    assert here.logged("decision")[-1]["outcome"] == "aborted"
