"""``ask`` in front of a wrapped server, over real processes and in both eras (M27)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.guarded_relay import Guarded
from tests.support.wire import ERAS, HANDSHAKE, MODERN, call

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

POLICY = """
version: 1
roles:
  reader: {tools: [mutter]}
rules:
  - {name: confirm, effect: ask, tools: {names: [echo]}, reason: Is loud.}
"""
CAN_ASK: dict[str, Any] = {"elicitation": {"form": {}}}
YES: dict[str, Any] = {"action": "accept", "content": {"confirm": True}}
NOES: list[dict[str, Any]] = [
    {"action": "decline"},
    {"action": "cancel"},
    {"action": "accept", "content": {"confirm": False}},
    {"action": "accept", "content": {"confirm": "yes"}},
    {"action": "accept"},
]


@pytest.fixture(params=ERAS)
def wire(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Guarded]:
    """A relay with a reader, before whom there is a client that can ask."""
    folder = tmp_path_factory.mktemp("ask")
    with Guarded(folder, request.param, capabilities=CAN_ASK, POLICY=POLICY) as guarded:
        guarded.open()
        guarded.sign_in("ada", "reader")
        yield guarded


def use(wire: Guarded, answer: Mapping[str, Any], **arguments: Any) -> str:
    """Call the tool that needs a yes; the person answers ``answer``."""
    wire.answers = {"elicitation/create": answer}
    first = wire.call("echo", arguments)
    if first.get("resultType") == "input_required":
        first = wire.request("tools/call", call("echo", arguments) | reply(first, answer))["result"]
    return first["content"][0]["text"]


def calls(wire: Guarded) -> list[str]:
    """Return the calls that reached the server."""
    return [done for done in wire.ran() if done.startswith("tools/call")]


def reply(asked: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a modern client adds to its call as the answer."""
    (key,) = asked["inputRequests"]
    return {"requestState": asked["requestState"], "inputResponses": {key: dict(answer)}}


def test_a_call_runs_after_the_persons_yes(wire: Guarded) -> None:
    """It is listed, asked about with its arguments, and reaches the server once per yes."""
    assert wire.names() == {"echo", "mutter"}
    assert use(wire, YES, text="one") == "one"
    assert use(wire, YES, text="two") == "two"
    assert calls(wire) == ["tools/call echo"] * 2
    heard = b"".join(line.raw for line in wire.heard)
    assert heard.count(b"Is loud.") == len(("one", "two"))
    assert b"requestState" not in b"".join(wire.heard_by_server())


@pytest.mark.parametrize("answer", NOES)
def test_whatever_is_no_yes_is_a_no(wire: Guarded, answer: Mapping[str, Any]) -> None:
    """Declined, closed, not ticked, ticked with a word: the server hears nothing."""
    assert use(wire, answer, text="one") != "one"
    assert calls(wire) == []


def asked(wire: Guarded) -> dict[str, Any]:
    """Return the yes to a call, as a modern client carries it."""
    if wire.era == HANDSHAKE:
        pytest.skip("the answer stays with the relay there")
    return reply(wire.call("echo", {"text": "one"}), YES)


def test_a_yes_is_for_those_arguments(wire: Guarded) -> None:
    """Changed after the question, they don't get through."""
    yes = asked(wire)
    for arguments in ({"text": "two"}, {}, {"text": "one", "loud": True}):
        wire.raw("tools/call", call("echo", arguments) | yes)
    assert calls(wire) == []


def test_a_yes_is_good_once(wire: Guarded) -> None:
    """Said again, it opens nothing, nor does one that was made up."""
    yes = asked(wire)
    made_up = {**yes, "requestState": yes["requestState"][:-4] + "AAAA"}
    wire.raw("tools/call", call("echo", {"text": "one"}) | made_up)
    assert calls(wire) == []
    first = wire.request("tools/call", call("echo", {"text": "one"}) | yes)
    assert first["result"]["content"][0]["text"] == "one"
    wire.raw("tools/call", call("echo", {"text": "one"}) | yes)
    assert calls(wire) == ["tools/call echo"]


def test_a_client_that_can_not_ask_is_a_no(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Where there is no way to the person nothing runs, in both eras."""
    for era in (HANDSHAKE, MODERN):
        folder = tmp_path_factory.mktemp("mute")
        with Guarded(folder, era, capabilities={}, POLICY=POLICY) as guarded:
            guarded.open()
            guarded.sign_in("ada", "reader")
            assert guarded.call("echo", {"text": "one"})["isError"]
            assert calls(guarded) == []
