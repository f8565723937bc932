"""What HTTP must know of a message."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st
from mcp.shared.inbound import decode_header_value

from mcp_local.guard.bridge.envelope import header_value, one_line, peek


@pytest.mark.parametrize(
    "message",
    [b"", b"null", b"[]", b'"x"', b"{}", b'{"id": 1}', b'{"id": {}, "method": "x"}', b"\xff", b"{"],
)
def test_what_is_no_message(message: bytes) -> None:
    """Neither a method nor an answer."""
    assert peek(message) is None


def test_what_a_message_is() -> None:
    """Requests, notifications and answers are told apart; ids stay as they are."""
    request = peek(b'{"jsonrpc": "2.0", "id": "1", "method": "m", "params": {"name": 3}}')
    assert request is not None
    assert (request.id, request.is_request, request.is_answer) == ("1", True, False)
    assert request.headers() == {}
    note = peek(b'{"method": "notifications/cancelled", "params": {"requestId": 5}}')
    assert note is not None
    assert (note.is_request, note.cancels) == (False, 5)
    answer = peek(b'{"id": 1, "result": null}')
    assert answer is not None
    assert answer.is_answer


@pytest.mark.parametrize(
    "params", ['{"_meta": []}', '{"_meta": "x"}', '{"_meta": null}', "[]", "null", "3"]
)
def test_odd_parameters_are_for_the_server_to_answer(params: str) -> None:
    """A request is one whatever stands in it, so that it is sent on and somebody answers."""
    request = peek(f'{{"id": 1, "method": "tools/call", "params": {params}}}'.encode())
    assert request is not None
    assert (request.id, request.method, request.modern_version) == (1, "tools/call", "")
    assert request.headers() == {}


@pytest.mark.parametrize("value", ["NaN", "-Infinity", r'"\ud800"'])
def test_what_other_decoders_take_is_a_message(value: str) -> None:
    """As the relay takes it from a server on pipes."""
    answer = peek(f'{{"id": 7, "result": {{"x": {value}}}}}'.encode())
    assert answer is not None
    assert (answer.id, answer.is_answer) == (7, True)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_header_comes_back_as_it_was(text: str) -> None:
    """The SDK's servers read the very text."""
    value = header_value(text)
    assert value.isascii()
    assert not {"\r", "\n", "\0"} & set(value)
    assert decode_header_value(value) == text


@given(st.recursive(st.none() | st.text() | st.integers(), st.lists))
def test_one_line_says_the_same(value: object) -> None:
    """Line breaks stand between JSON's tokens only."""
    pretty = json.dumps(value, indent=1).replace("\n", "\r\n").encode()
    line = one_line(pretty)
    assert b"\n" not in line
    assert json.loads(line) == value
