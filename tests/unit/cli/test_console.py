"""The one module that prints, and its rules."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from mcp_local.cli.console import Cell, Console, visible
from mcp_local.errors import Denied

if TYPE_CHECKING:
    from pathlib import Path


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "COLUMNS", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def test_data_goes_to_stdout_and_words_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever isn't the answer stays out of the way of scripts."""
    console = Console()
    console.data("answer")
    console.note("note")
    console.warn("careful")
    console.warn("careful")
    console.detail("unseen")
    said = capsys.readouterr()
    assert said.out == "answer\n"
    assert said.err == "note\nwarning: careful\n"


def test_verbose_tells_more(capsys: pytest.CaptureFixture[str]) -> None:
    """Details are for those who ask."""
    Console(verbose=True).detail("seen")
    assert capsys.readouterr().err == "seen\n"


def test_an_answer_is_a_document_or_a_text(capsys: pytest.CaptureFixture[str]) -> None:
    """One of the two, never both."""
    Console().answer({"a": 1}, "one")
    assert capsys.readouterr().out == "one\n"
    Console(as_json=True).answer({"a": "ö"}, "one")
    assert json.loads(capsys.readouterr().out) == {"a": "ö"}


def test_an_error_says_what_and_what_next(capsys: pytest.CaptureFixture[str]) -> None:
    """People get two lines; scripts get the same as one document on stdout."""
    error = Denied("No.", hint="Ask.")
    Console().error(error)
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "error: No.\n  Ask.\n")
    Console(as_json=True).error(error)
    said = capsys.readouterr()
    shape = {"error": {"code": "denied", "message": "No.", "hint": "Ask."}}
    assert json.loads(said.out) == shape
    assert said.err == "error: No.\n  Ask.\n"


def test_an_error_without_a_hint_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is said where there is nothing to do."""
    Console().error(Denied("No."))
    assert capsys.readouterr().err == "error: No.\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain Größe 天気 \U0001f326", "plain Größe 天気 \U0001f326"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("title \x9d0;x\x07", "title \\x9d0;x\\x07"),
        ("over\rwritten", "over\\rwritten"),
        ("turned \u202etxet", "turned \\u202etxet"),
        ("hidden \U000e0041", "hidden \\U000e0041"),
    ],
)
def test_what_others_wrote_can_not_steer_the_terminal(text: str, shown: str) -> None:
    """Control characters, direction marks and invisible tags are made visible."""
    assert visible(text) == shown


def test_colour_is_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither pipes, nor NO_COLOR, nor a dumb terminal get colour."""

    def said(stream: io.StringIO) -> str:
        Console(stderr=stream).error(Denied("No."))
        return stream.getvalue()

    assert "\x1b[" in said(Terminal())
    assert "\x1b[" not in said(io.StringIO())
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b[" not in said(Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in said(Terminal())


def test_a_table_shows_marks_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names with brackets or control characters are no markup; pipes get a fixed width."""
    out = io.StringIO()
    Console(stdout=out).table(("name", "why"), [("[red]x[/red]\x1b[2J", Cell("w " * 80, "green"))])
    lines = out.getvalue().splitlines()
    assert "[red]x[/red]\\x1b[2J" in out.getvalue()
    assert max(map(len, lines)) <= 100
    monkeypatch.setenv("COLUMNS", "60")
    narrow = io.StringIO()
    Console(stdout=narrow).table(("name",), [("w " * 80,)])
    assert max(map(len, narrow.getvalue().splitlines())) <= 60


def test_a_table_cuts_nothing_short() -> None:
    """A path too long for its column goes on in the next line, so that all of it can be read."""
    out = io.StringIO()
    path = "/".join(str(number) for number in range(1000, 1040))
    Console(stdout=out).table(("setting", "value"), [("ca_file", path)])
    assert "".join(out.getvalue().split()).endswith(f"ca_file{path}")


def test_a_long_wait_is_told_on_a_terminal() -> None:
    """A person sees what is slow, once it is; a pipe sees nothing, and nothing of it is left."""
    terminal, pipe = Terminal(), io.StringIO()
    with Console(stderr=terminal).waiting("files\x1b[2J", after=0.0):
        while "Waiting" not in terminal.getvalue():
            time.sleep(0.01)
    assert terminal.getvalue() == "\r\x1b[2KWaiting for files\\x1b[2J…\r\x1b[2K"
    with Console(stderr=terminal).waiting("nothing", after=60.0):
        pass
    assert "nothing" not in terminal.getvalue()
    with Console(stderr=pipe).waiting("files", after=0.0):
        time.sleep(0.05)
    assert pipe.getvalue() == ""


def test_progress_is_one_line_of_a_terminal() -> None:
    """It is written over, and gone at the end; elsewhere nothing of it is seen."""
    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        with Console(stderr=stream).progress("reverse\x1b_text") as progress:
            progress.update(1, 4, "one")
            progress.update(2, None)
    assert "reverse\\x1b_text  25 % one" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[2K")
    assert "\n" not in terminal.getvalue()
    assert pipe.getvalue() == ""


def run_python(
    code: str, stdout: int = subprocess.PIPE, stderr: int = subprocess.PIPE
) -> subprocess.CompletedProcess[bytes]:
    """Run a few lines with the console."""
    line = [sys.executable, "-c", f"from mcp_local.cli.console import Console\n{code}"]
    environ = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    return subprocess.run(line, env=environ, check=False, stdout=stdout, stderr=stderr)


def test_pipes_get_utf8() -> None:
    """Whatever the system's code page is, nothing fails to be written."""
    done = run_python("Console().data('\\u5929\\u6c17 \\udc80')")
    assert done.stdout == "天気 \\udc80".encode() + b"\n"


def test_a_reserved_stdout_gets_answers_only() -> None:
    """What a loaded server prints goes to stderr, also from below Python."""
    code = (
        "import os\nconsole = Console()\nconsole.reserve_stdout()\nprint('noise', flush=True)\n"
        "os.write(1, b'more noise')\nconsole.data('answer')"
    )
    done = run_python(code)
    assert done.stdout == b"answer\n"
    assert b"noise\nmore noise" in done.stderr


def test_a_reader_that_went_away_ends_nothing_loudly(tmp_path: Path) -> None:
    """After a broken pipe the interpreter's end is silent too."""
    code = (
        "import sys\nconsole = Console()\n"
        "try:\n    console.data('x' * 1_000_000)\n"
        "except BrokenPipeError:\n    console.forget_reader()\n    print('rest')"
    )
    reader, writer = os.pipe()
    os.close(reader)
    with (tmp_path / "errors").open("wb") as errors:
        done = run_python(code, stdout=writer, stderr=errors.fileno())
    os.close(writer)
    assert done.returncode == 0
    assert (tmp_path / "errors").read_bytes() == b""
