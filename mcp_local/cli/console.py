"""The only code that prints, and the rules for it.

1. stdout holds data: the answer that was asked for, and nothing else.
2. stderr holds words for people: progress, notes, warnings, errors.
3. With ``--json`` stdout holds one JSON document on one line: the answer, or ``{"error": …}``.
4. While a server is served stdout is the protocol's, and nothing here writes to it.
5. An error is two lines: what is wrong and where; what to do next. Never a traceback.
6. Colour and boxes are for terminals; ``NO_COLOR`` and ``TERM=dumb`` turn colour off.
7. What others wrote (names, descriptions, answers) can't steer the terminal: control characters
   are made visible.
8. A reader that goes away (``| head``) ends the program quietly.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple, TextIO

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping, Sequence

    from rich.console import Console as RichConsole

    from mcp_local.errors import McpLocalError

WIDTH_IN_PIPES = 100
"""Columns of a table that no terminal shows."""
_UNFOLDED = 1 << 16
"""More columns than any row has."""


class Cell(NamedTuple):
    """A table's cell in a colour."""

    text: str
    style: str
    """A style of rich: ``green``, ``dim``, …"""


class Console:
    """Where a command says what it has to say."""

    def __init__(
        self,
        *,
        as_json: bool = False,
        verbose: bool = False,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
    ) -> None:
        self.as_json = as_json
        self.verbose = verbose
        self._stdout = stdout or sys.stdout
        self._stderr = stderr or sys.stderr
        self._warned: set[str] = set()
        for stream in (self._stdout, self._stderr):
            _never_fail_to_encode(stream)

    def data(self, text: str) -> None:
        """Write lines of data to stdout."""
        print(text, file=self._stdout, flush=True)

    def json(self, document: Mapping[str, object]) -> None:
        """Write one JSON document to stdout."""
        print(json.dumps(document), file=self._stdout, flush=True)

    def answer(self, document: Mapping[str, object], text: str) -> None:
        """Write the answer: the document with ``--json``, else the text."""
        if self.as_json:
            self.json(document)
        else:
            self.data(visible(text))

    def table(
        self,
        columns: Sequence[str],
        rows: Iterable[Sequence[str | Cell]],
        *,
        whole: bool = False,
    ) -> None:
        """Write a table to stdout; ``whole``: where no terminal shows it, no line is folded."""
        from rich import box  # noqa: PLC0415 - start-up: most commands print no table
        from rich.table import Table  # noqa: PLC0415 - the same
        from rich.text import Text  # noqa: PLC0415 - the same

        table = Table(box=box.SIMPLE_HEAD)
        for column in columns:
            table.add_column(column, overflow="fold")  # a path or address is of no use cut short
        for row in rows:
            cells = [cell if isinstance(cell, Cell) else Cell(cell, "") for cell in row]
            table.add_row(*(Text(visible(cell.text), cell.style) for cell in cells))
        self._rich(self._stdout, whole=whole).print(table)

    def lines(self, lines: Iterable[Cell]) -> None:
        """Write lines to stdout, each in its colour."""
        from rich.text import Text  # noqa: PLC0415 - start-up, as in table()

        rich = self._rich(self._stdout)
        for line in lines:
            rich.print(Text(visible(line.text), line.style), soft_wrap=True)

    def note(self, text: str) -> None:
        """Tell people something beside the data."""
        print(visible(text), file=self._stderr, flush=True)

    def detail(self, text: str) -> None:
        """Tell people something that only ``--verbose`` shows."""
        if self.verbose:
            self.note(text)

    def warn(self, text: str) -> None:
        """Tell people that something isn't as they may think; the same is told once."""
        if text in self._warned:
            return
        self._warned.add(text)
        self._people("warning", "yellow", text)

    def error(self, error: McpLocalError) -> None:
        """Tell people what is wrong and what to do next, and scripts the same as JSON."""
        if self.as_json:
            self.json({"error": error_document(error)})
        self._people("error", "red", error.message)
        if error.hint:
            self.note(f"  {error.hint}")

    @property
    def can_ask(self) -> bool:
        """Whether a person sits at both ends: reads what we say, and can answer."""
        return sys.stdin is not None and sys.stdin.isatty() and self._stderr.isatty()

    def confirm(self, question: str) -> bool:
        """Ask the person on the terminal; everything but a yes is a no."""
        print(f"{visible(question)}\n[y/N] ", end="", file=self._stderr, flush=True)
        # Past Python's buffer, whose lock a thread that waits here would hold at the end.
        answer = os.read(sys.stdin.fileno(), 1024)
        return answer.decode(errors="replace").strip().lower() in {"y", "yes"}

    def ask(self, question: str) -> str:
        """Ask the person on the terminal for a text; empty where they only press Enter."""
        print(visible(question), end="", file=self._stderr, flush=True)
        answer = os.read(sys.stdin.fileno(), 4096)
        return answer.decode(errors="replace").strip()

    @contextmanager
    def progress(self, label: str) -> Generator[Progress]:
        """Show how far something has come: on a terminal one live line, elsewhere nothing."""
        progress = Progress(label, self._stderr if self._stderr.isatty() else None)
        try:
            yield progress
        finally:
            progress.clear()

    @contextmanager
    def waiting(self, what: str, *, after: float = 2.0) -> Generator[None]:
        """Say on a terminal what is waited for, once that takes more than ``after`` seconds."""
        with self.progress("") as line:
            timer = threading.Timer(after, line.tell, [f"Waiting for {what}…"])
            timer.daemon = True
            timer.start()
            try:
                yield
            finally:
                timer.cancel()
                timer.join()  # what it began to write is cleared

    def reserve_stdout(self) -> None:
        """Keep stdout for the answer: what a server's code prints from now on goes to stderr."""
        self._stdout.flush()
        ours = os.dup(self._stdout.fileno())
        os.dup2(self._stderr.fileno(), self._stdout.fileno())
        self._stdout = open(ours, "w", encoding="utf-8", errors="backslashreplace")  # noqa: PTH123, SIM115 - a descriptor, for as long as the process lives

    def forget_reader(self) -> None:
        """Send the rest of the data nowhere: its reader went away."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), self._stdout.fileno())

    def _people(self, word: str, colour: str, text: str) -> None:
        prefix = f"{word}:"
        if self._coloured(self._stderr):
            prefix = {"red": "\x1b[1;31m", "yellow": "\x1b[1;33m"}[colour] + f"{prefix}\x1b[0m"
        print(f"{prefix} {visible(text)}", file=self._stderr, flush=True)

    def _rich(self, stream: TextIO, *, whole: bool = False) -> RichConsole:
        from rich.console import Console as RichConsole  # noqa: PLC0415 - start-up, as in table()

        columns = os.environ.get("COLUMNS", "")
        narrow = stream.isatty() or (columns.isdecimal() and not whole)
        return RichConsole(
            file=stream,
            no_color=not self._coloured(stream),
            width=None if narrow else _UNFOLDED if whole else WIDTH_IN_PIPES,
            highlight=False,
            emoji=False,
            soft_wrap=False,
        )

    @staticmethod
    def _coloured(stream: TextIO) -> bool:
        no_colour = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        return stream.isatty() and not no_colour


class Progress:
    """One line that is written over as something comes along."""

    def __init__(self, label: str, stream: TextIO | None) -> None:
        self._label = label
        self._stream = stream

    def update(self, done: float, total: float | None, message: str = "") -> None:
        """Show that ``done`` of ``total`` is done."""
        share = f"{100 * done / total:3.0f} %" if total else f"{done:g}"
        self._write(f"{visible(self._label)} {share} {visible(message)}".rstrip())

    def tell(self, text: str) -> None:
        """Show a text."""
        self._write(visible(text))

    def clear(self) -> None:
        """Leave no trace of the line."""
        self._write("")

    def _write(self, text: str) -> None:
        if self._stream is not None:
            print(f"\r\x1b[2K{text}", end="", file=self._stream, flush=True)


def error_document(error: McpLocalError) -> dict[str, str]:
    """Return what ``--json`` says of an error; stable."""
    return {"code": error.code, "message": error.message, "hint": error.hint}


def visible(text: str) -> str:
    """Make control characters visible, so that others' text can't steer the terminal."""
    return "".join(
        character if character.isprintable() or character in "\n\t" else ascii(character)[1:-1]
        for character in text
    )


def _never_fail_to_encode(stream: TextIO) -> None:
    """Write UTF-8 into pipes and files, whatever the system's code page is."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is None:
        return
    with suppress(OSError):  # a file whose place a pipe has taken since (``claim_wire``)
        if not stream.isatty():
            reconfigure(encoding="utf-8")
        reconfigure(errors="backslashreplace")
