"""JSON that can mean one thing only."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from mcp_local.identity.strict_json import DuplicateKey, NotStrictJson, read_object

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), values, max_size=4))
def test_what_is_strict_is_read_as_it_stands(value: dict[str, object]) -> None:
    """Every kind of value, escaped or not."""
    for ascii_only in (True, False):
        text = json.dumps(value, ensure_ascii=ascii_only)
        assert read_object(f" \t{text}\r\n".encode()) == value


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "1", "null", '"x"', "{", "{}{}", "{} x", "{}\x0b", "\ufeff{}"),
        *('{"a":NaN}', '{"a":-Infinity}', '{"a":1e999}', '{"a":[-1e999]}', "{'a':1}", '{"a":01}'),
        *('{"a":"\\ud800"}', '{"\\udfff":1}', '{"a":"\t"}', '{"a":1,}'),
    ],
)
def test_what_could_be_read_in_another_way_is_refused(text: str) -> None:
    """By a text that quotes nothing of it."""
    with pytest.raises(NotStrictJson) as caught:
        read_object(text.encode())
    assert not text or text not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("text", ['{"a":1,"a":1}', '{"x":[{"a":1,"\\u0061":2}]}'])
def test_a_key_that_stands_twice_is_named_so(text: str) -> None:
    """At any depth, in any spelling."""
    with pytest.raises(DuplicateKey):
        read_object(text.encode())


def test_what_is_no_utf_8_is_refused() -> None:
    """Latin-1, UTF-16, halves of characters."""
    for data in (b'{"a":"\xe9"}', '{"a":1}'.encode("utf-16"), b'{"a":"\xed\xa0\x80"}'):
        with pytest.raises(NotStrictJson):
            read_object(data)
