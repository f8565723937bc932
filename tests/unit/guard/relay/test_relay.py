"""What passes the relay, and what doesn't."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from mcp_local.guard.account import RESERVED
from mcp_local.guard.relay import poster
from mcp_local.guard.relay.rules import Rules
from tests.support.in_process_relay import HANDSHAKE, MODERN, InProcess, reader, text_of
from tests.support.people import LateSession, person

if TYPE_CHECKING:
    from pathlib import Path

    from mcp_local.identity.model import VerifiedToken

ERAS = (HANDSHAKE, MODERN)


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
        ("prompts/get", {"name": "mcp_local_whoami"}, -32602),
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
    logged = [(each["kind"], each["listed"], each["hidden"]) for each in here.logged("list")]
    assert logged == [("tool", 3, 1), ("prompt", 1, 0)] * 2 + [("resource", 1, 1)]
    assert ("ttlMs" in result) is (here.era == MODERN)
    here.server.answers["resources/list"] = lambda _: {"resources": [], "ttlMs": 9}
    assert here.ask("resources/list")["result"]["ttlMs"] == 0


def test_pages_that_lead_nowhere_come_to_an_end(here: InProcess) -> None:
    """A cursor that was there before is the last one."""
    asked: list[object] = []

    def page(body: dict[str, Any]) -> dict[str, Any]:
        asked.append(body["params"].get("cursor"))
        return {"prompts": [{"name": "greet"}], "nextCursor": "again"}

    here.server.answers["prompts/list"] = page
    assert here.ask("prompts/list")["result"]["prompts"] == [{"name": "greet"}]
    assert asked == [None, "again"]


def test_a_list_that_the_server_lacks_is_its_own_error(here: InProcess) -> None:
    """But there are always tools; other errors are errors."""
    absent = {"code": -32601, "message": "Method not found"}
    for method in ("tools/list", "prompts/list"):
        here.server.answers[method] = lambda _: absent
    assert here.ask("prompts/list")["error"] == absent
    assert len(here.ask("tools/list")["result"]["tools"]) == 3
    here.server.answers["tools/list"] = lambda _: {"code": -5, "message": "busy"}
    assert here.ask("tools/list")["error"] == {"code": -5, "message": "busy"}


def test_a_list_that_the_server_lacks_asks_for_nothing(here: InProcess) -> None:
    """Some clients read a code in another case, and open the page that comes with it (M12)."""
    odd = {"code": -32601, "Code": -32042, "message": "no", "data": "prompts/list"}
    here.server.answers["prompts/list"] = lambda _: odd
    assert here.ask("prompts/list")["error"] == {
        "code": -32601,
        "message": "no",
        "data": "prompts/list",
    }


def test_locked_is_listed_where_the_settings_say_so(tmp_path: Path) -> None:
    """With the role that it needs, before what it says of itself."""
    with InProcess(tmp_path, session=reader(), locked=True) as here:
        secret: dict[str, Any] = {"name": "secret", "inputSchema": {}, "description": "Tells."}
        here.server.lists["tools"] = [{"name": "echo", "inputSchema": {}}, secret]
        here.open()
        tools = {tool["name"]: tool for tool in here.ask("tools/list")["result"]["tools"]}
        assert tools["secret"]["description"] == "[Locked: needs the role writer] Tells."
        assert "description" not in tools["echo"]
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
    here.say(b"")
    here.say(b"  ")
    here.say(b"{")
    here.wait(lambda: any("error" in each and each["id"] is None for each in here.heard))
    here.server.answers["ping"] = lambda _: None
    ident = here.post("ping")
    here.say({"id": ident, "method": "ping"})
    assert "in use" in here.answer(ident)["error"]["message"]
    here.say({"id": "never asked", "result": {}})
    assert here.logged("answer_dropped")[-1]["by"] == "client"
    assert len(here.logged("client_refused")) == 1


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


@pytest.mark.parametrize("era", ERAS)
def test_a_list_is_of_whoever_is_signed_in_when_it_is_made(era: str, tmp_path: Path) -> None:
    """Not of who was when it was asked for, when they have signed out meanwhile."""
    tools: list[Any] = [{"name": "echo", "inputSchema": {}}]
    with InProcess(tmp_path, era, session=reader(), hold=0.0) as here:

        def slow(_: Any) -> Any:
            here.session.token = None
            return {"tools": tools}

        here.open()
        here.server.answers["tools/list"] = slow
        names = {tool["name"] for tool in here.ask("tools/list")["result"]["tools"]}
        assert names == RESERVED


def test_no_answer_is_kept_by_the_client(here: InProcess) -> None:
    """It would be there for whoever comes next, and nobody would ask the guard."""
    said: dict[str, Any] = {"contents": [], "ttlMs": 3_600_000, "cacheScope": "public"}
    here.server.answers["resources/read"] = lambda _: said
    result = here.ask("resources/read", {"uri": "docs://open"})["result"]
    assert result == {"contents": [], "ttlMs": 0, "cacheScope": "private"}


@pytest.mark.parametrize("then", [None, person("ada"), person("eve")], ids=["out", "less", "eve"])
def test_a_use_is_by_whoever_is_signed_in_once_the_lists_are_there(
    here: InProcess, then: VerifiedToken | None
) -> None:
    """Not by who was when it was asked for: the server may take its time with them (M6)."""
    tools: list[Any] = [{"name": "echo", "inputSchema": {}}]

    def slow(_: Any) -> Any:
        here.session.token = then
        return {"tools": tools}

    here.server.answers["tools/list"] = slow
    assert here.call("echo")["result"]["isError"]
    assert "tools/call" not in here.server.methods()


def test_lists_wait_for_a_client_that_does_not_read(
    here: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it asks for in a few bytes would fill the memory (M17)."""
    monkeypatch.setattr(poster, "MOST_BYTES", 100)
    read = threading.Event()

    def slow() -> None:
        read.wait(10)

    here.relay.to_client.post(slow, 101)
    asked = here.post("tools/list")
    time.sleep(0.2)
    assert here.relay.open.find(asked) is not None
    read.set()
    assert "result" in here.answer(asked)


def test_a_version_that_is_not_listed_is_not_there(here: InProcess) -> None:
    """FastMCP lists the newest and runs any; nobody has judged the others (M26)."""
    newest = {"name": "echo", "inputSchema": {}, "_meta": {"fastmcp": {"version": "2"}}}
    here.server.lists["tools"] = [newest]
    for version, runs in (("2", True), ("1", False), ("2.0", False)):
        answer = here.call("echo", _meta={"fastmcp": {"version": version}})
        assert (answer["result"] == {"said": "tools/call"}) is runs
    assert text_of(answer) == "Unknown tool: 'echo'"
    assert here.call("echo")["result"] == {"said": "tools/call"}
    assert here.server.methods().count("tools/call") == 2


@pytest.mark.parametrize(
    "result",
    [
        {"InputRequests": {"a": {"method": "sampling/createMessage"}}},
        {"inputRequests": {"a": {"method": "roots/list", "Method": "sampling/createMessage"}}},
        {"inputRequests": {"a": {"method": "elicitation/create", "params": {"Mode": "url"}}}},
        {"inputRequests": [{"method": "sampling/createMessage"}]},
        {"inputRequests": {"a": [{"method": "sampling/createMessage"}]}},
        {"taskId": "t", "result": {"inputRequests": {"a": {"method": "sampling/createMessage"}}}},
        {"taskId": "t", "error": {"code": -32042, "message": "open this"}},
    ],
)
def test_a_result_may_not_ask_in_other_ways_either(here: InProcess, result: Any) -> None:
    """Some clients read keys in whatever case they are spelt, and more than maps (M4, M12)."""
    here.server.answers["tools/call"] = lambda _: {"resultType": "input_required", **result}
    answer = here.call("echo")
    assert answer["result"]["isError"]
    assert "doesn't pass on" in text_of(answer)


def test_a_notification_may_not_ask_for_more_than_a_request(here: InProcess) -> None:
    """How a task stands is told with all that it waits for (M12)."""
    for method in ("roots/list", "sampling/createMessage"):
        asked = {"inputRequests": {"a": {"method": method}}}
        for params in ({"taskId": "t", **asked}, {"taskId": "t", "result": asked}):
            here.server.say({"method": "notifications/tasks", "params": params})
    here.server.say({"method": "notifications/message", "params": {}})
    here.told("notifications/message")
    told = [each for each in here.heard if each.get("method") == "notifications/tasks"]
    assert "sampling" not in json.dumps(told)
    assert len(told) == 2
    assert here.logged("request_denied")[-1]["method"] == "sampling/createMessage"


def test_an_answer_may_spell_its_number_as_text(here: InProcess) -> None:
    """SDKs find the request all the same; an id that was really asked with comes first."""
    here.server.answers["tools/call"] = lambda _: None
    ident = here.post("tools/call", {"name": "echo"})
    here.wait(lambda: "tools/call" in here.server.methods())
    here.server.say({"id": str(ident), "result": {"late": True}})
    answer = here.wait(lambda: [each for each in here.heard if each.get("id") == str(ident)])
    assert answer[0]["result"] == {"late": True}
    assert here.relay.open.find(ident) is None
    for odd in ("7" * 40, "x", ""):
        assert here.relay.open.answered_by(odd) is None


def test_a_use_without_an_id_goes_nowhere_whatever_is_named(tmp_path: Path) -> None:
    """`methods` names what no version knows; what is judged stays judged."""
    rules = Rules(methods=("tools/call", "x/own"))
    with InProcess(tmp_path, session=reader(), rules=rules) as here:
        here.say({"method": "tools/call", "params": {"name": "secret"}})
        here.say({"method": "x/own", "params": {}})
        here.wait(lambda: "x/own" in here.server.methods())
        assert "tools/call" not in here.server.methods()


@pytest.mark.parametrize("code", [-32042, -32042.0, "-32042", " -32042.0"], ids=repr)
def test_an_error_may_not_have_a_page_opened(here: InProcess, code: object) -> None:
    """Some clients take a text for the number that it holds (M12)."""
    here.server.answers["tools/call"] = lambda _: {"code": code, "message": "open this"}
    assert "elicitation/create:url" in text_of(here.call("echo"))


def test_an_error_has_no_second_code_in_another_case(here: InProcess) -> None:
    """Some clients would read that one (M4, M12)."""
    here.server.answers["tools/call"] = lambda _: {"code": -32000, "Code": -32042, "message": "no"}
    assert "elicitation/create:url" in text_of(here.call("echo"))


def test_a_request_may_not_name_its_mode_in_another_case(here: InProcess) -> None:
    """A page would be opened where a form is allowed (M4, M12)."""
    params = {"MODE": "url", "url": "https://x"}
    here.server.say({"id": "s", "method": "elicitation/create", "params": params})
    assert "doesn't pass on" in here.wait(lambda: refused(here, "s"))["message"]


def test_a_request_that_names_a_page_is_for_a_page(here: InProcess) -> None:
    """Without its mode it is a form to some clients, and to others it opens the page (M12)."""
    form: dict[str, Any] = {"type": "object", "properties": {}}
    params: dict[str, Any] = {"message": "?", "url": "https://x", "requestedSchema": form}
    here.server.say({"id": "s", "method": "elicitation/create", "params": params})
    error = here.wait(lambda: refused(here, "s"))
    assert "doesn't pass on elicitation/create:url" in error["message"]


def test_a_page_to_be_opened_passes_where_it_is_named(tmp_path: Path) -> None:
    """``elicitation/create:url`` in the settings."""
    rules = Rules(requests=("elicitation/create:url",))
    with InProcess(tmp_path, session=reader(), rules=rules) as here:
        here.server.answers["tools/call"] = lambda _: {"code": -32042, "message": "open this"}
        assert here.call("echo")["error"]["code"] == -32042
        here.server.say({"id": "u", "method": "elicitation/create", "params": {"mode": "url"}})
        assert here.told("elicitation/create")["id"] == "u"


def test_what_is_cancelled_at_once_ends(here: InProcess) -> None:
    """Before anybody could begin with it, too: its id is free again."""
    busy = threading.Event()
    here.on_loop(lambda: busy.wait(10))
    held = here.post("prompts/list")
    here.say({"method": "notifications/cancelled", "params": {"requestId": held}})
    busy.set()
    here.wait(lambda: here.relay.open.find(held) is None)


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


def test_a_use_has_the_token_seen_to(tmp_path: Path) -> None:
    """Its end may be near; nothing waits for that."""
    with InProcess(tmp_path, session=LateSession(person("ada", "reader"))) as here:
        here.open()
        here.ask("tools/list")
        here.session.token = another = person("ada", "reader", serial=1)
        assert "result" in here.call("echo")
        here.wait(lambda: here.session.token is not another)
