"""Globs mean the same on every system, and take linear time (POLICY.md 4)."""

from __future__ import annotations

import pytest

from mcp_local.policy.vocabulary.globs import Glob, GlobError


@pytest.mark.parametrize(
    ("glob", "matching", "others"),
    [
        (
            "get_*",
            ["get_", "get_weather", "get_a/b", "get_\n"],
            ["get", "Get_x", "xget_", "forget_"],
        ),
        ("*_delete", ["x_delete", "_delete"], ["delete", "x_deleted", "X_DELETE"]),
        ("docs://*", ["docs://", "docs://a/b/c"], ["docs:/a", "xdocs://a"]),
        ("a*b*c", ["abc", "a--b--c", "abbcc", "abcbc"], ["ab", "acb", "abcd"]),
        ("*ab*ab*", ["abab", "xxabyyabzz"], ["ab", "aab", "aba"]),
        ("*", ["", "x", "a/b"], []),
        ("**", ["", "x"], []),
        ("?", ["x", "*", "é", "\U0001f600"], ["", "xx"]),
        ("a?c", ["abc", "a/c"], ["ac", "abbc"]),
        ("*?", ["x", "xy"], [""]),
        ("[abc]x", ["ax", "cx"], ["dx", "x", "Ax"]),
        ("[a-c0-2]", ["a", "b", "2"], ["d", "3", "-"]),
        ("[!a-c]", ["d", "-", "!"], ["a", "b", ""]),
        ("[]]", ["]"], ["[", ""]),
        ("[!]]", ["["], ["]"]),
        ("[[]x", ["[x"], ["x"]),
        ("[*]", ["*"], ["x"]),
        ("[a-]", ["a", "-"], ["b"]),
        ("[-a]", ["a", "-"], ["b"]),
        ("[^a]", ["^", "a"], ["b"]),
        ("a.c", ["a.c"], ["abc"]),
        ("a+(b)", ["a+(b)"], ["aab"]),
        ("x\\*", ["x\\", "x\\y"], ["x*"]),
        ("]", ["]"], ["["]),
        ("\ud800*", ["\ud800x"], ["x"]),
        ("straße*", ["straßenbahn"], ["strassenbahn"]),
    ],
)
def test_a_glob_matches_whole_names(glob: str, matching: list[str], others: list[str]) -> None:
    """Case counts, the star crosses slashes, everything else stands for itself."""
    compiled = Glob(glob)
    assert [name for name in matching if not compiled.matches(name)] == []
    assert [name for name in others if compiled.matches(name)] == []


@pytest.mark.parametrize(
    ("glob", "message"),
    [
        ("[abc", "without its"),
        ("x[", "without its"),
        ("[]", "without its"),
        ("[!]", "without its"),
        ("[z-a]", "runs backwards: `z-a`"),
    ],
)
def test_a_glob_that_means_nothing_is_refused(glob: str, message: str) -> None:
    """A typing error isn't taken literally."""
    with pytest.raises(GlobError, match=message):
        Glob(glob).check()


def test_globs_are_told_from_names() -> None:
    """Plain names are looked up, not searched."""
    assert all(Glob(text).wild for text in ("*", "a?", "[a]"))
    assert not any(Glob(text).wild for text in ("get_weather", "docs://{path}", "a-b.c]", ""))


def test_a_cruel_glob_takes_no_time() -> None:
    """With backtracking this would outlast the test's time limit by far."""
    assert not Glob("*a" * 40 + "*b").matches("a" * 20_000)
    assert not Glob("*" + "?" * 20 + "*" * 20 + "b").matches("a" * 20_000)


@pytest.mark.parametrize(
    ("glob", "template", "meets"),
    [
        ("docs://public/*", "docs://{path}", True),
        ("docs://public/readme", "docs://{path}", True),
        ("docs://public/*", "docs://private/{path}", False),
        ("docs://public/*", "docs://public/{+path}", True),
        ("docs://public/*", "docs://{area}/readme", True),
        ("docs://*/secret", "docs://{area}/readme", False),
        ("*", "x://{a}", True),
        ("x://[ab]/*", "x://{a}/y", True),
        ("x://[ab]/*", "x://c/{d}", False),
        ("x://??", "x://{a}", True),
        ("x://a?", "x://{a}b{c}", True),
        ("x://a", "x://{a}b", False),
        ("x://a", "x://a{?page,size}", True),
        ("x://{a}", "x://{a}", True),
        ("x://b", "x://{a", False),
        ("", "{a}", True),
        ("", "a", False),
    ],
)
def test_a_template_is_met_when_some_uri_of_it_could_match(
    glob: str, template: str, *, meets: bool
) -> None:
    """What will be read through a template isn't known when it is listed."""
    assert Glob(glob).may_match(template) is meets


@pytest.mark.parametrize(
    ("glob", "template", "covers"),
    [
        ("docs://*", "docs://{path}", True),
        ("docs://*", "docs://{area}/{path}", True),
        ("docs://*/readme", "docs://{area}/readme", True),
        ("docs://[a-z]/*", "docs://x/{path}", True),
        ("docs://public/*", "docs://{path}", False),
        ("docs://[!s]*", "docs://{path}", False),
        ("docs://?*", "docs://{path}", False),
        ("docs://??????", "docs://{path}", False),
        ("docs://*/x", "docs://{path}", False),
        ("docs://[{]*", "docs://{path}", False),
        ("*", "x://{a}", True),
    ],
)
def test_a_template_is_covered_when_every_uri_of_it_matches(
    glob: str, template: str, *, covers: bool
) -> None:
    """A sign that stands for one character never stands for a value that isn't known."""
    assert Glob(glob).covers(template) is covers
