"""How uses end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcp_local.guard.decision_log import Outcome
from mcp_local.guard.relay.message import Message, read_server
from mcp_local.guard.relay.uses import asks_back, outcome_of


def answer(**body: Any) -> Message:
    """Return an answer of the server."""
    return read_server(json.dumps({"jsonrpc": "2.0", "id": 1, **body}).encode())


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ({"result": {}}, Outcome.OK),
        ({"result": {"isError": False}}, Outcome.OK),
        ({"result": {"isError": "true"}}, Outcome.OK),
        ({"result": {"isError": True}}, Outcome.ERROR),
        ({"result": "odd"}, Outcome.ERROR),
        ({"error": {"code": 1, "message": "m"}}, Outcome.ERROR),
    ],
)
def test_an_end_is_named_by_what_the_server_answered(
    body: dict[str, Any], outcome: Outcome
) -> None:
    """An error of a tool is one, as is what is no result of any method."""
    assert outcome_of(answer(**body)) is outcome


def test_servers_ask_back_in_two_ways() -> None:
    """By what the result is called, or by what is in it."""
    assert asks_back(answer(result={"resultType": "input_required"}))
    assert asks_back(answer(result={"inputRequests": {}}))
    assert not asks_back(answer(result={"resultType": "complete"}))
    assert not asks_back(answer(error={"code": 1, "message": "m"}))
