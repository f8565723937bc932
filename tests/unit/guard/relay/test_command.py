"""Which program a command names."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath

import pytest

from mcp_local.guard.relay.batch import batch_line, is_batch
from mcp_local.guard.relay.command import NoProgram, find_program


def program(path: Path, mode: int = 0o755) -> Path:
    """Make a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n", encoding="utf-8")
    path.chmod(mode)
    return path


def test_a_name_is_looked_for_on_the_path(tmp_path: Path) -> None:
    """The first program of the name on the PATH is taken; what can't be run is passed over."""
    program(tmp_path / "a" / "serve", 0o644)
    there = program(tmp_path / "b" / "serve")
    program(tmp_path / "c" / "serve")
    path = {"PATH": f"{tmp_path}/none:{tmp_path}/a:{tmp_path}/b:{tmp_path}/c"}
    assert find_program("serve", path, tmp_path) == str(there)


@pytest.mark.parametrize("path", ["", ".", "bin", ":", "./bin:"])
def test_a_name_is_never_looked_for_here(
    tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program lying in the working folder isn't run, whatever the PATH says."""
    program(tmp_path / "serve")
    program(tmp_path / "bin" / "serve")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NoProgram, match="'serve' is not on the PATH"):
        find_program("serve", {"PATH": path}, tmp_path)


def test_a_path_is_taken_from_the_folder(tmp_path: Path) -> None:
    """What has a slash in it names a file itself."""
    there = program(tmp_path / "bin" / "serve")
    assert find_program("./bin/serve", {}, tmp_path) == str(there)
    assert find_program(str(there), {}, tmp_path / "bin") == str(there)


@pytest.mark.parametrize(
    ("command", "why", "remedy"),
    [
        ("./none", "There is no program", "Install it first"),
        ("./plain", "is not executable", "program that runs it"),
        ("./folder", "is a folder", "program in it"),
        ("plain", "is not executable", "program that runs it"),
        ("none", "is not on the PATH", "Install it first"),
        ("plain --verbose", "is not on the PATH", "words of their own"),
    ],
)
def test_what_cannot_be_run_is_told(tmp_path: Path, command: str, why: str, remedy: str) -> None:
    """The error says what is wrong with the file, and what helps with that."""
    program(tmp_path / "plain", 0o644)
    (tmp_path / "folder").mkdir()
    with pytest.raises(NoProgram) as caught:
        find_program(command, {"PATH": str(tmp_path)}, tmp_path)
    assert why in caught.value.text
    assert remedy in caught.value.remedy


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    """A server can't run in a folder that isn't there."""
    with pytest.raises(NoProgram, match="working folder") as caught:
        find_program("sh", {"PATH": "/bin"}, tmp_path / "none")
    assert "`cwd`" in caught.value.remedy


NPX = PureWindowsPath(r"C:\Program Files\nodejs\npx.cmd")


@pytest.mark.parametrize(
    ("name", "batch"),
    [("npx.cmd", True), ("a.BAT", True), ("node.exe", False), ("cmd", False), ("a.cmd.exe", False)],
)
def test_batch_files_are_known_by_their_ending(name: str, batch: bool) -> None:  # noqa: FBT001
    """What `cmd.exe` would read is known, in any case."""
    assert is_batch(PureWindowsPath(name)) is batch


def test_every_word_for_a_batch_file_is_quoted() -> None:
    """Nothing of an argument can mean anything to `cmd.exe`; backslashes can't eat a quote."""
    line = batch_line(r"C:\W\cmd.exe", NPX, ["-y", "a b", "a&calc", "^|<>", "C:\\dir\\", ""])
    assert line == (
        r'"C:\W\cmd.exe" /d /v:off /s /c ""C:\Program Files\nodejs\npx.cmd" '
        r'"-y" "a b" "a&calc" "^|<>" "C:\dir\\" """'
    )


@pytest.mark.parametrize("word", ['a" & calc "', "%PATH%", "a\r\ncalc", "!x!", "a\nb", "\0"])
def test_what_breaks_out_of_quotes_is_refused(word: str) -> None:
    """An argument that `cmd.exe` would read as its own is an error that says what to do."""
    with pytest.raises(NoProgram, match=r"node\.exe"):
        batch_line("cmd.exe", NPX, ["--path", word])
