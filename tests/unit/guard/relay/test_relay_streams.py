"""What the relay tells without being asked: changes, subscriptions, streams."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from mcp_local.guard.relay import poster
from tests.support.in_process_relay import MODERN, InProcess, reader, text_of
from tests.support.people import person

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"


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


def test_a_part_that_is_hidden_is_not_told_of(tmp_path: Path) -> None:
    """What is listed is judged by itself, also below what somebody may hear of (M1, M5)."""
    policy = """
version: 1
roles: {reader: {resources: ["docs://open*"]}}
rules:
  - {name: pay, effect: deny, agents: {roles: [reader]}, resources: {uris: ["*/pay"]}}
"""
    with InProcess(tmp_path, policy=policy, session=reader()) as here:
        uris = ("docs://open", "docs://open/pay")
        here.server.lists["resources"] = [{"uri": uri, "name": uri} for uri in uris]
        here.open()
        assert "result" in here.ask("resources/subscribe", {"uri": "docs://open"})
        for part in ("pay", "else"):
            params = {"uri": f"docs://open/{part}"}
            here.server.say({"method": "notifications/resources/updated", "params": params})
        here.ask("ping")
        told = [e["params"]["uri"] for e in here.heard if "updated" in e.get("method", "")]
        assert told == ["docs://open/else"]


def test_only_what_the_server_took_is_subscribed(tmp_path: Path) -> None:
    """Nothing is told of parts of what it refused, or of what was given up."""
    with InProcess(tmp_path, session=reader()) as here:
        here.open()
        part = {"method": "notifications/resources/updated", "params": {"uri": "item://1/part"}}

        def told() -> bool:
            here.heard.clear()
            here.server.say(part)
            here.ask("ping")
            return any("updated" in each.get("method", "") for each in here.heard)

        here.server.answers["resources/subscribe"] = lambda _: {"code": -1, "message": "no"}
        assert "error" in here.ask("resources/subscribe", {"uri": "item://1"})
        assert here.relay.guard is not None
        unknown = told()
        del here.server.answers["resources/subscribe"]
        here.ask("resources/subscribe", {"uri": "item://1"})
        assert told()
        here.ask("resources/unsubscribe", {"uri": "item://1"})
        assert told() is unknown


def test_what_is_subscribed_is_read_by_the_rules_of_now(tmp_path: Path) -> None:
    """To be told of changes is no leave to read; to be told no more needs none."""
    with InProcess(tmp_path, session=reader()) as here:
        here.open()
        here.ask("resources/subscribe", {"uri": "item://1"})
        here.session.token = person("ada", "writer")
        for method in ("resources/read", "resources/subscribe"):
            assert "error" in here.ask(method, {"uri": "item://1"})
        assert "resources/read" not in here.server.methods()
        assert "result" in here.ask("resources/unsubscribe", {"uri": "item://1"})
        assert "error" in here.ask("resources/unsubscribe", {"uri": "item://1"})


def test_what_needs_a_yes_to_be_read_can_not_be_followed(tmp_path: Path) -> None:
    """Nobody is asked about a subscription or a completion: there an ask is a plain no."""
    policy = "rules: [{name: sure, effect: ask, reason: Mind it., agents: {roles: [reader]}}]"
    with InProcess(tmp_path, policy=policy, session=reader()) as here:
        here.open()
        ref = {"type": "ref/resource", "uri": "item://{id}"}
        argument = {"name": "id", "value": ""}
        for answer in (
            here.ask("resources/subscribe", {"uri": "docs://open"}),
            here.ask("completion/complete", {"ref": ref, "argument": argument}),
        ):
            assert "Not allowed: " in answer["error"]["message"]
            assert "Mind it." in answer["error"]["message"]


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


def test_a_stream_is_of_whoever_is_signed_in_once_the_lists_are_there(modern: InProcess) -> None:
    """The server isn't asked to tell of what was for somebody who has signed out meanwhile."""

    def slow(_: Any) -> Any:
        modern.session.token = None
        return {"resources": [{"uri": "docs://open", "name": "open"}]}

    modern.server.answers["resources/list"] = slow
    ident = listen(modern, resourceSubscriptions=["docs://open"])
    assert stream(modern, ident)[0]["params"]["notifications"] == {}


def test_nothing_is_told_before_the_client_is_welcomed(tmp_path: Path) -> None:
    """It may say ``initialized`` early; what it hears first is the answer to ``initialize``."""
    changed = "notifications/tools/list_changed"
    with InProcess(tmp_path, session=reader()) as here:
        here.server.answers["initialize"] = lambda _body: None
        hello = here.post("initialize", {"protocolVersion": "2025-11-25"})
        here.say({"method": "notifications/initialized"})
        here.on_loop(here.session.callbacks[0])
        here.ask("tools/list")  # comes after what there was to tell
        assert changed not in [each.get("method") for each in here.heard]
        here.server.say({"id": hello, "result": {"capabilities": {}}})
        here.answer(hello)
        here.wait(lambda: here.relay.may_tell)
        here.on_loop(here.session.callbacks[0])
        here.told(changed)


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


def test_news_do_not_pile_up_before_a_client_that_does_not_read(
    modern: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server could fill the memory with them (M17)."""
    monkeypatch.setattr(poster, "MOST_BYTES", 10_000)
    ident = listen(modern, resourceSubscriptions=["item://1"])
    own = own_streams(modern)[-1]["id"]
    read = threading.Event()

    def wait() -> None:
        read.wait(10)

    modern.relay.to_client.post(wait)
    params = {"uri": "item://1", "text": "x" * 1000, "_meta": {SUBSCRIPTION: own}}
    for _ in range(100):
        modern.server.say({"method": "notifications/resources/updated", "params": params})
    asked = modern.post("ping")
    modern.wait(lambda: any(body.get("id") == asked for body in modern.server.heard))
    time.sleep(0.2)  # until the event loop has seen to all of them
    read.set()
    modern.answer(asked)
    modern.wait(lambda: len(stream(modern, ident)) > 5)
    assert len(stream(modern, ident)) < 20


def test_a_stream_that_breaks_off_is_asked_for_anew(
    modern: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections don't last for ever; what changed meanwhile is asked for. Refusals are final."""
    ident = listen(modern, toolsListChanged=True, resourceSubscriptions=["item://1"])
    follows, resources = own_streams(modern)
    modern.server.say({"id": follows["id"], "result": {}})
    modern.call("echo")
    assert len(own_streams(modern)) == 2
    monkeypatch.setattr("mcp_local.guard.relay.listen.LASTED", 0.0)
    modern.server.say({"id": resources["id"], "error": {"code": -32603, "message": "broke"}})
    modern.wait(lambda: len(own_streams(modern)) == 3)
    again = own_streams(modern)[-1]
    assert again["params"]["notifications"] == {"resourceSubscriptions": ["item://1"]}
    params = {"uri": "item://1", "_meta": {SUBSCRIPTION: again["id"]}}
    modern.server.say({"method": "notifications/resources/updated", "params": params})
    modern.wait(lambda: len(stream(modern, ident)) == 2)


def test_changes_are_heard_of_after_a_stream_broke_off(
    modern: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client asks for its lists, and with them we listen again."""
    ident = listen(modern, toolsListChanged=True)
    (follows,) = modern.wait(lambda: own_streams(modern))
    monkeypatch.setattr("mcp_local.guard.relay.listen.LASTED", 0.0)
    for _ in range(2):
        modern.server.say({"id": follows["id"], "result": {}})
    modern.wait(lambda: len(stream(modern, ident)) == 2)
    assert stream(modern, ident)[1]["method"] == "notifications/tools/list_changed"
    modern.ask("tools/list")
    modern.wait(lambda: len(own_streams(modern)) == 2)


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


@pytest.mark.parametrize("news", ["notifications/tasks", "notifications/tasks/status"])
def test_a_stream_tells_of_own_tasks_only(modern: InProcess, news: str) -> None:
    """Those of other people aren't even asked for."""
    modern.server.answers["tools/call"] = lambda _: {"resultType": "task", "taskId": "t1"}
    modern.call("echo")
    ident = listen(modern, taskIds=["t1", "t2"])
    assert stream(modern, ident)[0]["params"]["notifications"] == {"taskIds": ["t1"]}
    own = own_streams(modern)[-1]["id"]
    for task in ("t1", "t2"):
        params = {"taskId": task, "_meta": {SUBSCRIPTION: own}}
        modern.server.say({"method": news, "params": params})
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


def test_a_stream_outlives_its_server(modern: InProcess) -> None:
    """It is asked of the next one; an answer to the greeting of old isn't needed."""
    ident = listen(modern, toolsListChanged=True, resourceSubscriptions=["item://1"])
    modern.server.lives = 2
    modern.server.die()
    modern.wait(lambda: len(stream(modern, ident)) == 2)
    modern.wait(lambda: len(own_streams(modern)) == 3)
