"""Commands that people are told to type."""

from __future__ import annotations

import sys

import pytest

from mcp_local.cli.shell import set_line, shell_line

WORDS = ["mcp-local", "run", "/a b/c.py", "--", "it's", ""]


@pytest.mark.parametrize(
    ("platform", "line"),
    [
        ("darwin", """mcp-local run '/a b/c.py' -- 'it'"'"'s' ''"""),
        ("win32", """mcp-local run "/a b/c.py" -- "it's" \"\""""),
    ],
)
def test_a_line_can_be_pasted_into_the_shell(
    platform: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each word arrives as it was, in the system's own way."""
    monkeypatch.setattr(sys, "platform", platform)
    assert shell_line(WORDS) == line


@pytest.mark.parametrize(
    ("word", "quoted"),
    [
        (r"C:\a\ü.yaml", r"C:\a\ü.yaml"),
        ("a&b.yaml", '"a&b.yaml"'),
        ("a;b", '"a;b"'),
        ("a b\\", '"a b\\\\"'),
        ("$(b)", "'$(b)'"),
        ("it's $1", "'it''s $1'"),
        ("\u2019;b;\u2018 $1", "'\u2019\u2019;b;\u2018\u2018 $1'"),
        ("\u201d;b;\u201c", "'\u201d;b;\u201c'"),
    ],
)
def test_no_word_is_a_command_on_windows(
    word: str, quoted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the name of a folder that somebody else has made."""
    monkeypatch.setattr(sys, "platform", "win32")
    assert shell_line([word]) == quoted


@pytest.mark.parametrize(
    ("platform", "line"),
    [("linux", """export BROWSER='it'"'"'s $1'"""), ("win32", "$env:BROWSER = 'it''s $1'")],
)
def test_a_variable_is_set_as_the_shell_does(
    platform: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows has no ``export``; what is in the value is left alone."""
    monkeypatch.setattr(sys, "platform", platform)
    assert set_line("BROWSER", "it's $1") == line
