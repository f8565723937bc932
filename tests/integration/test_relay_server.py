"""What a wrapped server says by itself, and what it asks for: judged in both eras."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.guarded_relay import Guarded
from tests.support.wire import ERAS, HANDSHAKE, MODERN, call

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

FORM: dict[str, Any] = {"message": "Who?", "requestedSchema": {"type": "object", "properties": {}}}
PAGE = {"mode": "url", "message": "Go", "url": "https://example.com", "elicitationId": "e"}
DENIED: list[tuple[str, dict[str, Any]]] = [
    ("sampling/createMessage", {"messages": [], "maxTokens": 1}),
    ("elicitation/create", PAGE),
    ("elicitation/create", FORM | {"mode": "voice"}),
    ("tasks/get", {"taskId": "t"}),
    ("of/the/future", {}),
]
SOON = 0.2
"""Seconds in which something that must not come would come."""


@pytest.fixture(scope="module", params=ERAS)
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Guarded]:
    """One relay for the tests of an era."""
    with Guarded(tmp_path_factory.mktemp("relay"), request.param) as guarded:
        guarded.open()
        yield guarded


@pytest.fixture
def reader(shared: Guarded) -> Guarded:
    """The relay with a reader signed in."""
    shared.sign_in("ada", "reader")
    return shared


def backwards(wire: Guarded, method: str, params: Any, **more: Any) -> dict[str, Any]:
    """Have the server ask the client something; return the answer that the server got."""
    return json.loads(wire.text("back", {"method": method, "params": params, **more}))


@pytest.mark.parametrize(("method", "params"), DENIED)
def test_a_server_may_not_ask_for_more_than_the_settings_say(
    reader: Guarded, method: str, params: dict[str, Any]
) -> None:
    """Sampling, pages, tasks, what comes one day: refused, and the client hears nothing (M12)."""
    heard = len(reader.heard)
    assert backwards(reader, method, params)["error"]["code"] == -32601
    assert not any(line.method and line.method == method for line in reader.heard[heard:])
    assert reader.logged("request_denied")


def test_no_spelling_gets_a_request_past(reader: Guarded) -> None:
    """An escaped method is the method that it spells."""
    heard = len(reader.heard)
    for spelling in ("sampling\\/createMessage", "\\u0073ampling/createMessage"):
        answer = backwards(reader, "sampling/createMessage", {}, escaped=spelling)
        assert answer["error"]["code"] == -32601
    assert not any(b"ampling" in line.raw for line in reader.heard[heard:] if line.method)


def test_roots_forms_and_pings_pass(reader: Guarded) -> None:
    """What any client of a desktop offers its servers; the answer is the client's own."""
    assert "roots" in backwards(reader, "roots/list", {})["result"]
    assert backwards(reader, "elicitation/create", FORM)["result"]["action"] == "accept"
    assert backwards(reader, "elicitation/create", FORM | {"mode": "form"})["result"]
    assert backwards(reader, "ping", {}) == {"result": {}}


@pytest.mark.parametrize(("method", "params"), DENIED)
def test_nor_inside_a_result(reader: Guarded, method: str, params: dict[str, Any]) -> None:
    """The same as ``input_required``: the use fails, the client is asked nothing (M12)."""
    asked = {"one": {"method": "roots/list"}, "two": {"method": method, "params": params}}
    answer = reader.raw("tools/call", call("need", {"requests": asked}))
    assert b"inputRequests" not in answer
    assert json.loads(answer)["result"]["isError"]


def test_what_may_be_asked_may_be_asked_inside_a_result(reader: Guarded) -> None:
    """Forms and roots pass there, and the answers get back to the server."""
    asked = {
        "form": {"method": "elicitation/create", "params": FORM},
        "roots": {"method": "roots/list"},
    }
    first = reader.call("need", {"requests": asked})
    assert first["inputRequests"] == asked
    again = {"inputResponses": {"form": {"action": "decline"}}, "requestState": "state"}
    answer = reader.request("tools/call", call("need", {"requests": asked}) | again)
    assert json.loads(answer["result"]["content"][0]["text"]) == again["inputResponses"]


def test_settings_open_and_close_what_passes(tmp_path: Path) -> None:
    """``requests`` says exactly which; ``methods`` lets methods of other protocols through."""
    with Guarded(
        tmp_path, MODERN, REQUESTS="sampling/createMessage", METHODS="com.example/mine"
    ) as guarded:
        guarded.open()
        guarded.sign_in("ada", "reader")
        assert backwards(guarded, "sampling/createMessage", {})["result"]["model"] == "a-model"
        for method in ("roots/list", "elicitation/create"):
            assert backwards(guarded, method, FORM)["error"]["code"] == -32601
        assert guarded.request("com.example/mine")["error"]["message"] == "Method not found"
        assert any("com.example/mine" in line for line in guarded.ran())


def test_answers_that_nobody_waits_for_are_dropped(reader: Guarded) -> None:
    """A server can't slip in a list for a question that is yet to come (M18)."""
    listed = {"tools": [{"name": "secret", "inputSchema": {"type": "object"}}]}
    frames = [
        *({"jsonrpc": "2.0", "id": ident, "result": listed} for ident in (90, "90", 90.0, -1)),
        {"jsonrpc": "2.0", "id": [90], "result": listed},
        {"jsonrpc": "2.0", "id": True, "result": listed},
        {"jsonrpc": "2.0", "id": 90, "result": listed, "error": {"code": 1, "message": "both"}},
    ]
    heard = len(reader.heard)
    encoded = [base64.b64encode(json.dumps(frame).encode()).decode() for frame in frames]
    assert reader.text("frames", {"frames": encoded}) == "said"
    assert not any(b"secret" in line.raw for line in reader.heard[heard:])


@pytest.mark.parametrize(
    "ident",
    ['"IDENT"', "IDENT.0", '"x","id":IDENT', 'IDENT,"id":"x"', 'IDENT,"Id":7', "null", "[IDENT]"],
)
def test_a_list_gets_to_the_client_by_no_other_spelling_of_its_id(
    ident: str, tmp_path: Path
) -> None:
    """An answer to a list that could be read as something else never arrives unjudged."""
    listed = '{"tools":[{"name":"secret","inputSchema":{}}]}'
    raw = f'{{"jsonrpc":"2.0","id":{ident},"result":{listed}}}'
    with Guarded(tmp_path, HANDSHAKE, book={"raw": {"tools/list": raw}}) as guarded:
        guarded.open()
        guarded.sign_in("ada", "reader")
        guarded.post("tools/list")
        guarded.post("tools/call", call("secret"))
        assert "Signed in as" in guarded.text("mcp_local_whoami")
        time.sleep(SOON)
        assert not any(b'"secret"' in line.raw for line in guarded.heard)
        assert not any("secret" in line for line in guarded.ran())


@pytest.mark.parametrize(
    "listed",
    [
        '{"tools":[{"name":"echo"}],"tools":[{"name":"secret"}]}',
        '{"tools":[{"name":"echo","name":"secret"}]}',
        '{"tools":{"name":"secret"}}',
        '{"tools":[["secret"],{"name":["secret"]},{"title":"secret"},7,null]}',
        '{"Tools":[{"name":"secret"}],"tools":[]}',
        '["secret"]',
    ],
)
def test_a_list_that_could_mean_two_things_shows_nothing(listed: str, tmp_path: Path) -> None:
    """Doubled keys and other shapes: an error, or a list without what can't be told."""
    raw = f'{{"jsonrpc":"2.0","id":IDENT,"result":{listed}}}'
    with Guarded(tmp_path, MODERN, book={"raw": {"tools/list": raw}}) as guarded:
        guarded.open()
        guarded.sign_in("ada", "reader")
        answer = guarded.request("tools/list")
        names = [tool["name"] for tool in answer.get("result", {}).get("tools", [])]
        assert all(name.startswith("mcp_local_") for name in names)
        assert "error" in answer or len(names) == len(("sign in", "sign out", "who"))
        called = guarded.request("tools/call", call("secret"))
        assert "error" in called or called["result"]["isError"]
        assert guarded.ran() == []


def test_the_client_hears_of_changed_lists(reader: Guarded) -> None:
    """Of the server's, and of those that a sign-in changes; the new list is judged, too."""
    listening = listen(reader, toolsListChanged=True)
    tools = [tool(name) for name in ("echo", "change", "secret", "secret_3")]
    heard = len(reader.heard)
    before = reader.names()
    reader.call("change", {"tools": tools})
    told = reader.told("notifications/tools/list_changed", since=heard)
    assert stream_of(told.message) == listening
    assert reader.names() == {"echo", "change"}
    heard = len(reader.heard)
    reader.sign_in("bob", "writer")
    told = reader.told("notifications/tools/list_changed", since=heard)
    assert stream_of(told.message) == listening
    assert reader.names() == {"echo", "change", "secret", "secret_3"}
    reader.call("change", {"tools": [tool(name) for name in sorted(before | {"secret"})]})


def tool(name: str) -> dict[str, Any]:
    """Return a tool as a server lists it."""
    return {"name": name, "inputSchema": {"type": "object"}}


def listen(wire: Guarded, **notifications: Any) -> Any:
    """Open a stream as a modern client does; return its id. The handshake era has none."""
    if wire.era == HANDSHAKE:
        return None
    heard = len(wire.heard)
    ident = wire.post("subscriptions/listen", {"notifications": notifications})
    told = wire.told("notifications/subscriptions/acknowledged", since=heard)
    assert stream_of(told.message) == ident
    assert told.message["params"]["notifications"] == notifications
    return ident


def stream_of(message: Any) -> Any:
    """Return the stream that a notification came in."""
    meta = message.get("params", {}).get("_meta", {})
    return meta.get("io.modelcontextprotocol/subscriptionId")


def test_changes_of_resources_reach_who_may_read_them(reader: Guarded) -> None:
    """Those of hidden ones reach nobody, subscribed or not; taken back with the role."""
    reader.names("resources/list")
    listening = None
    if reader.era == HANDSHAKE:
        for uri in ("docs://open", "item://7"):
            assert "result" in reader.request("resources/subscribe", {"uri": uri})
    else:
        listening = listen(reader, resourceSubscriptions=["docs://open", "item://7"])
    heard = len(reader.heard)
    for uri in ("docs://closed", "vault://7", "item://7"):
        reader.call("touch", {"uri": uri})
    told = reader.told("notifications/resources/updated", since=heard)
    assert told.message["params"]["uri"] == "item://7"
    assert stream_of(told.message) == listening
    reader.sign_in("ada", "lister", serial=1)
    assert not any(b"closed" in line.raw or b"vault" in line.raw for line in reader.heard[heard:])
    heard = len(reader.heard)
    reader.sign_in("ada", "reader", serial=2)
    reader.call("touch", {"uri": "docs://open"})
    reader.told("notifications/resources/updated", since=heard)


def test_a_stream_for_hidden_resources_is_one_for_absent_ones(shared: Guarded) -> None:
    """What is acknowledged, and what the server is asked, is the same for both."""
    if shared.era == HANDSHAKE:
        pytest.skip("streams are of the modern era")
    shared.sign_in("ada", "reader")
    heard = len(shared.heard_by_server())
    honoured: list[Any] = []
    for uri in ("docs://closed", "docs://absent"):
        since = len(shared.heard)
        shared.post("subscriptions/listen", {"notifications": {"resourceSubscriptions": [uri]}})
        told = shared.told("notifications/subscriptions/acknowledged", since=since)
        honoured.append(told.message["params"]["notifications"])
    assert honoured[0] == honoured[1]
    assert "docs" not in json.dumps(honoured)
    said = b"".join(shared.heard_by_server()[heard:])
    assert b"closed" not in said
    assert b"absent" not in said


def test_tasks_are_those_of_the_person_who_began_them(shared: Guarded) -> None:
    """Somebody else's task is answered as one that isn't there, and isn't listed (M5)."""
    shared.sign_in("ada", "reader")
    begun = shared.request("tools/call", call("echo") | {"task": {"ttl": 1000}})["result"]
    task = begun["task"]["taskId"]
    assert shared.request("tasks/get", {"taskId": task})["result"]["taskId"] == task
    assert [t["taskId"] for t in shared.request("tasks/list")["result"]["tasks"]][-1] == task
    shared.sign_in("eve", "reader")
    ran = shared.ran()
    for method in ("tasks/get", "tasks/result", "tasks/cancel"):
        answers = [
            shared.raw(method, {"taskId": name}, "same").replace(name.encode(), b"TASK")
            for name in (task, "task-0")
        ]
        assert answers[0] == answers[1]
        assert b"error" in answers[0]
    assert shared.ran() == ran
    assert shared.request("tasks/list")["result"]["tasks"] == []
    shared.sign_in("ada", "reader", serial=1)
    assert "result" in shared.request("tasks/cancel", {"taskId": task})
