"""Texts for the model, without what a person can't see in them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from mcp_local.guard.clean import MAX_TEXT, bare, clean, clean_json, is_clean_name, with_escapes


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("plain text", "plain text"),
        ("two\nlines\tand tab\r\n", "two\nlines\tand tab\r\n"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("\x9b31mred\x07\x00\x7f", "31mred"),
        ("a\u202eb\u2066c\u2069", "abc"),
        ("a\u2028b\u2029", "ab"),
        ("hid\U000e0048\U000e0049den", "hidden"),
        ("no\u200bwidth\u2060at\ufeffall\u00ad", "nowidthatall"),
        ("lone\ud800surrogate", "lonesurrogate"),
        ("by\ufe00half\ufe0dbytes\U0001d173\u2065\ufff0", "byhalfbytes"),
        (
            "o\u200c\u200d\u200d\u200cn\u200e\u200f\u061ce\ufe0f\ufe0e\ufe0f",
            "o\u200cn\u200ee\ufe0f",
        ),
        ("\u2764\ufe0f\u200d\U0001f525 \u0645\u06cc\u200c\u062e 1\ufe0f\u20e3",) * 2,
        ("naïve 日本語 👩‍💻 שלום", "naïve 日本語 👩‍💻 שלום"),
    ],
)
def test_hidden_characters_go_and_writing_stays(text: str, cleaned: str) -> None:
    """Escapes, C1, direction overrides and tags go; scripts and joined emoji stay (M9)."""
    assert clean(text) == cleaned


def test_long_texts_are_cut() -> None:
    """A hundred kilobytes of description are cut."""
    assert clean("x" * MAX_TEXT) == "x" * MAX_TEXT
    assert clean("x" * 100_000) == "x" * MAX_TEXT + "…"


@settings(deadline=None)
@given(st.text())
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    """What is clean stays as it is, and holds nothing that can reorder or hide."""
    once = clean(text)
    assert clean(once) == once
    assert not set(once) & set("\x1b\x9b\u202e\u2066\U000e0041")


def test_names_hold_nothing_hidden() -> None:
    """Line ends don't belong in a name either."""
    assert is_clean_name("get_weather")
    assert is_clean_name("wetter_für_köln")
    for name in ("a\nb", "a\rb", "a\tb", "a\u202eb", "a\x1bb", "a\U000e0041"):
        assert not is_clean_name(name)


def test_names_are_one_where_a_reader_sees_one() -> None:
    """Whatever of no width stands in them, joiners of scripts included; what is seen counts."""
    for name in (
        "ec\u200bho",
        "echo\u200d",
        "\u200cecho",
        "e\ufe0fcho",
        "\u3164echo",
        "echo\u2060",
        "\uff45\uff43\uff48\uff4f",
        " echo ",
        "echo\u00a0",
    ):
        assert bare(name) == "echo"
    assert bare("wetter_für_köln") == "wetter_für_köln"
    assert bare("Echo") == "Echo"


def test_schemas_are_cleaned_in_depth_and_kept_where_nothing_is_to_clean() -> None:
    """Texts in dicts and lists; what has a key that hides something goes: nobody could send it."""
    same = {"a": ["b", {"c": 1, "d": None, "e": True}]}
    assert clean_json(same) is same
    assert clean_json({"k": ["x\x1b", 5, {"y": "z\u202e"}], "do \U000e0041 this": 1}) == {
        "k": ["x", 5, {"y": "z"}]
    }
    assert clean_json({"same": 1, "do \U000e0041 this": 1}) == {"same": 1}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("naïve 日本語", "naïve 日本語"),
        ("\x1b[31m", "\\u001b[31m"),
        ("a\nb\x7f", "a\\u000ab\\u007f"),
        ("a\u202eb\u3164", "a\\u202eb\\u3164"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_who_decides_sees_all_that_is_there(text: str, shown: str) -> None:
    """Nothing is taken away, nothing reorders or hides."""
    assert with_escapes(text) == shown
