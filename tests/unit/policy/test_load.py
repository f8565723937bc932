"""Policies from the disk: a file, a folder, and what is neither."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from mcp_local.errors import PolicyError
from mcp_local.identity.model import Identity
from mcp_local.policy.load import load_policy
from mcp_local.policy.model import Action, Component, Kind, Request
from mcp_local.policy.problems import InvalidPolicy

if TYPE_CHECKING:
    from pathlib import Path

    from mcp_local.policy.deciding.engine import CompiledPolicy


def write(path: Path, text: str) -> Path:
    """Write one policy file."""
    path.write_text(text, encoding="utf-8")
    return path


def allows(policy: CompiledPolicy, role: str, tool: str) -> bool:
    """Tell whether a role may call a tool."""
    person = Identity("t", "o", frozenset({role}), frozenset(), frozenset(), "c", 0, 0)
    return policy.decide(person, Request(Action.CALL), Component(Kind.TOOL, tool)).allowed


def test_a_file_is_a_policy(tmp_path: Path) -> None:
    """One file, with a byte order mark or without."""
    path = tmp_path / "policy.yaml"
    path.write_bytes(b"\xef\xbb\xbfversion: 1\nroles: {A: {tools: [x]}}\n")
    policy = load_policy(path)
    assert allows(policy, "A", "x")
    assert policy.files == (str(path),)


def test_the_files_of_a_folder_make_one_policy(tmp_path: Path) -> None:
    """Roles include across files, and grants of one role add up; other files are let alone."""
    write(tmp_path / "a.yaml", "default: deny\nroles: {Big: {includes: [Small]}}")
    write(tmp_path / "b.yml", "roles: {Small: {tools: [x]}, Big: {tools: [y]}}")
    write(tmp_path / ".#b.yaml", "editors' litter: [")
    write(tmp_path / "notes.txt", "no policy: [")
    policy = load_policy(tmp_path)
    assert [allows(policy, "Big", tool) for tool in ("x", "y", "z")] == [True, True, False]
    assert allows(policy, "Small", "y") is False
    assert len(policy.files) == 2


def test_one_broken_file_breaks_the_folder(tmp_path: Path) -> None:
    """Half a policy is another policy."""
    write(tmp_path / "a.yaml", "roles: {A: {tools: [x]}}")
    broken = write(tmp_path / "b.yaml", "roles: {A: {tols: [x]}}")
    with pytest.raises(InvalidPolicy) as caught:
        load_policy(tmp_path)
    assert caught.value.problems[0].file == str(broken)


def test_defaults_must_agree(tmp_path: Path) -> None:
    """Which one would win must not depend on the files' names."""
    first = write(tmp_path / "a.yaml", "default: allow")
    second = write(tmp_path / "b.yaml", "version: 1\ndefault: deny")
    with pytest.raises(InvalidPolicy) as caught:
        load_policy(tmp_path)
    (found,) = caught.value.problems
    assert (found.file, found.line, found.path) == (str(second), 2, "default")
    assert found.message == f"is `deny`, but `allow` in {first}"


def test_agreeing_defaults_are_taken(tmp_path: Path) -> None:
    """Saying the same twice, or only once, is fine."""
    write(tmp_path / "a.yaml", "default: allow")
    write(tmp_path / "b.yaml", "default: allow")
    write(tmp_path / "c.yaml", "version: 1")
    assert allows(load_policy(tmp_path), "A", "anything")


@pytest.mark.parametrize("what", ["missing", "empty folder", "too long"])
def test_nothing_to_read_is_told(tmp_path: Path, what: str) -> None:
    """The error names the path and how to name another."""
    path = {"missing": tmp_path / "none.yaml", "too long": tmp_path / ("x" * 300)}.get(
        what, tmp_path
    )
    with pytest.raises(PolicyError) as caught:
        load_policy(path)
    assert str(path) in caught.value.message
    assert "policy" in caught.value.hint


def test_what_is_no_text_is_told_with_the_byte(tmp_path: Path) -> None:
    """UTF-16 and Latin-1 are refused, not guessed."""
    path = tmp_path / "policy.yaml"
    path.write_bytes("version: 1".encode("utf-16"))
    with pytest.raises(InvalidPolicy, match="not UTF-8 text: byte 1"):
        load_policy(path)


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    """A policy of many megabytes is something else."""
    path = tmp_path / "policy.yaml"
    with path.open("wb") as file:
        file.truncate((8 << 20) + 1)
    with pytest.raises(PolicyError, match="larger than 8 MiB"):
        load_policy(path)


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes among files there")
def test_a_pipe_is_refused(tmp_path: Path) -> None:
    """Reading it would wait for ever."""
    path = tmp_path / "policy.yaml"
    os.mkfifo(path)
    with pytest.raises(PolicyError, match="is not a file"):
        load_policy(path)
