"""Whether a path lies under a folder, as the server that opens it would see it (POLICY.md 3)."""

from __future__ import annotations

import ntpath
import os
from pathlib import Path, PureWindowsPath
from types import SimpleNamespace
from typing import cast

import pytest

from mcp_local.policy.deciding import paths
from tests.support.judged import call, policy


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_under_follows_links_and_dots(tmp_path: Path) -> None:
    """What counts is where a path leads, from the target's working folder."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "out").symlink_to(tmp_path)
    compiled = policy(
        "rules: [{name: r, effect: allow, when: [{field: args.p, operator: under, value: data}]}]",
        tmp_path,
    )

    def may(path: object) -> bool:
        return call(compiled, {"p": path}).allowed

    for inside in (
        "data",
        "data/x",
        "./data/../data/x",
        str(tmp_path / "data/x"),
        ["data/a", "data"],
    ):
        assert may(inside)
    outside = [
        "",
        ".",
        "x",
        "data/../x",
        "data/out/x",
        "datax",
        "/",
        "~/data",
        "file:///x",
        "a\0b",
        1,
    ]
    for path in [*outside, ["data/x", "x"], [], ["data", 1], "x" * 5000]:
        assert not may(path)
    assert may(["data/x"] * 1000)
    assert not may(["data/x"] * 1001)  # to look at more would hold up the server


@pytest.mark.skipif(os.name == "nt", reason="there is no such folder there")
def test_under_is_unknown_of_what_each_process_takes_for_another_place(tmp_path: Path) -> None:
    """A wrapped server has a working folder and descriptors of its own."""
    compiled = policy(
        "rules: [{name: r, effect: allow, when: [{field: args.p, operator: under, value: /}]}]",
        tmp_path,
    )
    assert call(compiled, {"p": "/procedures/self"}).allowed
    for path in ("/proc/self/cwd/x", "/proc/thread-self/root/x", "/x/../dev/fd/3", "/dev/stdin"):
        assert not call(compiled, {"p": path}).allowed


def test_under_is_unknown_of_what_lies_partly_inside(tmp_path: Path) -> None:
    """So a deny applies where one of several paths is inside."""
    compiled = policy(
        "default: allow\n"
        "rules: [{name: r, effect: deny,"
        " when: [{field: args.p, operator: under, value: [s, '~']}]}]",
        tmp_path,
    )
    for path in ("s/x", ["s/x", "y"], [], "", "~/x", str(Path.home() / "x")):
        assert not call(compiled, {"p": path}).allowed
    assert call(compiled, {"p": "y"}).allowed
    assert call(compiled, {"p": ["y", "z"]}).allowed


def test_under_is_unknown_where_a_variable_leads_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some servers put in what `$NAME` says; a sign that names no variable is part of a name."""
    monkeypatch.setenv("ELSEWHERE", str(tmp_path.parent))
    monkeypatch.setenv("INSIDE", str(tmp_path / "data"))
    compiled = policy(
        "rules: [{name: r, effect: allow, when: [{field: args.p, operator: under, value: .}]}]",
        tmp_path,
    )
    for path, allowed in {
        "$ELSEWHERE/x": False,
        "${ELSEWHERE}/x": False,
        "$INSIDE/x": True,
        "Outer$Inner.class": True,
    }.items():
        assert call(compiled, {"p": path}).allowed is allowed, path


def test_under_is_unknown_of_paths_in_a_text_that_lie_elsewhere_than_the_text(
    tmp_path: Path,
) -> None:
    """Servers of the Python SDK read the list; as a path, the text itself lies right here."""
    compiled = policy(
        "rules: [{name: r, effect: allow, when: [{field: args.p, operator: under, value: .}]}]",
        tmp_path,
    )
    assert call(compiled, {"p": "[draft] notes.txt"}).allowed
    assert call(compiled, {"p": '["a", "b/c"]'}).allowed
    for attack in ('["/etc/passwd"]', ' ["a", "/etc/passwd"]', '["a", [1]]', "[]"):
        assert not call(compiled, {"p": attack}).allowed


class WindowsPath(PureWindowsPath):
    """A path of Windows, as this module needs it."""

    def expanduser(self) -> WindowsPath:
        """Return it as it is: no home is in it."""
        return self

    def stat(self) -> os.stat_result:
        """Find nothing there."""
        raise FileNotFoundError


def test_under_asks_no_share_that_only_a_caller_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """To look at one, Windows signs the person in there: whoever owns it would get their hash."""
    asked: list[str] = []

    def realpath(path: WindowsPath) -> str:
        asked.append(str(path))
        return ntpath.normpath(path)

    monkeypatch.setattr(paths, "Path", WindowsPath)
    monkeypatch.setattr(paths, "os", SimpleNamespace(path=SimpleNamespace(**vars(ntpath))))
    monkeypatch.setattr(paths.os.path, "realpath", realpath)
    start = cast("Path", WindowsPath(r"C:\work"))
    under = paths.under(["data", r"\\files\team\data"], start)
    told = {
        r"data\x": True,
        r"C:\other": False,
        r"\\files\team\data\x": True,
        r"\\FILES\team\other": False,
        r"\\evil\share\x": None,
        "//evil/share/x": None,
        r"\\?\UNC\evil\share\x": None,
        r"\\localhost\c$\work\data": None,
    }
    assert {path: under(path) for path in told} == told
    assert not any("evil" in path for path in asked)
