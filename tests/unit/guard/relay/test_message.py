"""One line, one message, one meaning."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from mcp_local.guard.relay.message import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    MODERN_VERSION,
    PARSE_ERROR,
    Refused,
    read_client,
    read_server,
)

CALL = b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"x","arguments":{"a":1}}}'


def test_a_request_is_read_once_and_kept_as_it_came() -> None:
    """What is judged is what goes on."""
    message = read_client(CALL)
    assert (message.raw, message.method, message.ident) == (CALL, "tools/call", 7)
    assert message.params == {"name": "x", "arguments": {"a": 1}}
    assert not message.modern
    assert read_client(
        CALL.replace(b'"name"', b'"_meta":{"%s":"x"},"name"' % MODERN_VERSION.encode())
    ).modern


def test_parameters_may_be_null() -> None:
    """SDKs take it for none at all; what is judged has none then."""
    line = b'{"jsonrpc":"2.0","id":1,"method":"ping","params":null}'
    assert read_client(line).params == read_server(line).params == {}


def test_escapes_are_read_before_anything_is_compared() -> None:
    """A method may be spelt in many ways; it is one."""
    for spelling in (b"tools\\/call", b"\\u0074ools/call"):
        assert read_client(CALL.replace(b"tools/call", spelling)).method == "tools/call"


def test_a_carriage_return_may_stand_around_a_message_of_the_client() -> None:
    """As clients write lines that write them for Windows."""
    assert read_client(CALL + b"\r").method == "tools/call"


def test_a_message_of_the_server_is_one_line_to_every_client() -> None:
    """Some end a line at a carriage return, which is white space in JSON: none is handed on."""
    forged = b'{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{}}'
    line = b'{"jsonrpc":"2.0","method":"notifications/message","params":{"data":\r%b\r}}' % forged
    message = read_server(line)
    assert message.raw == line.replace(b"\r", b" ")
    assert message.params["data"] == json.loads(forged)


def test_notifications_and_answers_are_told_apart() -> None:
    """By what is in them."""
    assert read_client(b'{"jsonrpc":"2.0","method":"n"}').ident is None
    assert read_client(b'{"jsonrpc":"2.0","id":"a","result":{}}').method == ""
    assert read_client(b'{"jsonrpc":"2.0","id":"a","error":{"code":1}}').ident == "a"


@pytest.mark.parametrize(
    ("line", "code", "ident"),
    [
        (b"garbage", PARSE_ERROR, None),
        (b"\xff", PARSE_ERROR, None),
        (b"[" * 100_000, INVALID_REQUEST, None),
        (b"[]", INVALID_REQUEST, None),
        (b'[{"jsonrpc":"2.0","id":1,"method":"x"}]', INVALID_REQUEST, None),
        (b'"x"', PARSE_ERROR, None),
        (b'{"jsonrpc":"2.0","id":1,"method":"x","method":"y"}', INVALID_REQUEST, 1),
        (b'{"jsonrpc":"2.0","id":1,"id":2,"method":"x"}', INVALID_REQUEST, None),
        (b'{"jsonrpc":"2.0","id":1,"method":"x","Method":"y"}', INVALID_REQUEST, 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"Name":"y"}}', INVALID_REQUEST, 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"ref":{"URI":1}}}', INVALID_REQUEST, 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":NaN}}', INVALID_REQUEST, 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":1e999}}', INVALID_REQUEST, 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":"\\ud800"}}', INVALID_REQUEST, 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":"\xff"}}', INVALID_REQUEST, 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":\r{}\r}}', INVALID_REQUEST, 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"x","params":[1]}', INVALID_PARAMS, 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"x","result":{}}', INVALID_REQUEST, 1),
        (b'{"jsonrpc":"2.0","id":1,"error":{},"result":{}}', INVALID_REQUEST, 1),
        (b'{"jsonrpc":"2.0","result":{}}', INVALID_REQUEST, None),
        (b'{"jsonrpc":"2.0","id":1,"method":""}', INVALID_REQUEST, 1),
        (b'{"jsonrpc":"2.0","id":1,"method":7}', INVALID_REQUEST, 1),
        (b'{"jsonrpc":"2.0","id":1}', INVALID_REQUEST, 1),
        (b'{"jsonrpc":"2.0","id":true,"method":"x"}', INVALID_REQUEST, None),
        (b'{"jsonrpc":"2.0","id":null,"method":"x"}', INVALID_REQUEST, None),
        (b'{"jsonrpc":"2.0","id":1.0,"method":"x"}', INVALID_REQUEST, None),
        (b'{"jsonrpc":"1.0","id":1,"method":"x"}', INVALID_REQUEST, 1),
        (b'{"id":1,"method":"x"}', INVALID_REQUEST, 1),
    ],
    ids=lambda value: ascii(value)[:60],
)
def test_what_has_no_one_meaning_is_refused(line: bytes, code: int, ident: object) -> None:
    """With the id, where there is just one, so that nobody waits for ever (M4, M16-M18)."""
    with pytest.raises(Refused) as caught:
        read_client(line)
    assert (caught.value.code, caught.value.ident) == (code, ident)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=6), VALUES, max_size=4))
def test_arguments_may_have_any_name_and_shape(arguments: dict[str, Any]) -> None:
    """Only the protocol's own keys are compared without case."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"arguments": arguments}}
    assert read_client(json.dumps(body).encode()).params["arguments"] == arguments


@pytest.mark.parametrize(
    "line",
    [
        b'{"jsonrpc":"2.0","id":1,"result":{"a":NaN}}',
        b'{"jsonrpc":"2.0","id":1,"result":{"a":"\\ud800"}}',
        b'{"id":1,"result":{"no":"version"},"extra":1}',
        b'{"jsonrpc":"2.0","id":null,"error":{"code":-32700}}',
    ],
)
def test_servers_are_read_more_kindly(line: bytes) -> None:
    """What decides nothing may be odd; it passes as it came."""
    assert read_server(line).raw == line


@pytest.mark.parametrize(
    ("line", "ident"),
    [
        (b"{garbage", None),
        (b'[{"jsonrpc":"2.0","id":1,"result":{}}]', None),
        (b'{"jsonrpc":"2.0","id":1,"result":{"a":1,"a":2}}', 1),
        (b'{"jsonrpc":"2.0","id":1,"result":"\xff"}', 1),
        (b'{"jsonrpc":"2.0","id":1,"result":{},"Method":"sampling/createMessage"}', 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"elicitation/create","params":{"_Meta":{}}}', 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"x","result":{}}', 1),
    ],
    ids=lambda value: ascii(value)[:60],
)
def test_what_a_server_smuggles_is_refused(line: bytes, ident: object) -> None:
    """An answer that another parser takes for a request doesn't pass."""
    with pytest.raises(Refused) as caught:
        read_server(line)
    assert caught.value.ident == ident


def test_a_refusal_names_no_id_that_is_none() -> None:
    """``true`` would be taken for 1."""
    for ident, named in ((b"true", None), (b"7", 7), (b'"x"', "x"), (b"[7]", None)):
        with pytest.raises(Refused) as caught:
            read_client(b'{"jsonrpc":"2.0","id":%b,"method":"ping","params":NaN}' % ident)
        assert caught.value.ident == named
        assert caught.value.ident is not True


def test_an_empty_method_makes_no_answer_of_a_request() -> None:
    """Some read the key, others the text in it."""
    for read in (read_client, read_server):
        with pytest.raises(Refused):
            read(b'{"jsonrpc":"2.0","id":1,"method":"","result":{}}')
