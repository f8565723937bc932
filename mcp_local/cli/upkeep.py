"""Look after it: ``logs``, ``settings``."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, TextIO, cast

from mcp_local.cli.console import Cell
from mcp_local.cli.parser import Arguments, Command
from mcp_local.errors import ExitCode, SettingsError, StorageError, UsageError
from mcp_local.log import read_tail
from mcp_local.log.place import early_log_file, log_file
from mcp_local.settings import Source, show

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mcp_local.cli.console import Console
    from mcp_local.cli.context import Context
    from mcp_local.cli.parser import Parser

_TICK = 0.25
"""Seconds between two looks at the log."""


class LogsArguments(Arguments):
    """``logs``."""

    follow: bool
    lines: int


def _declare_logs(parser: Parser) -> None:
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what comes")
    parser.add_argument("-n", "--lines", type=int, default=20, metavar="N", help="how many (20)")


def _logs(arguments: LogsArguments, context: Context) -> ExitCode:
    path = _log_of(arguments, context)
    if arguments.lines < 0:
        raise UsageError("--lines must not be negative.")
    follow = _follow(path, arguments.lines)
    try:
        lines = follow if arguments.follow else read_tail(path, arguments.lines)
        if not lines:
            context.console.note(f"There is nothing in {path} yet.")
        for line in lines:
            _say(line, context.console)
    except OSError as error:
        raise StorageError(f"{path} can't be read: {error.strerror}.") from error
    return ExitCode.OK


def _log_of(arguments: Arguments, context: Context) -> Path:
    """Return where the log is, also where settings that can't be read are to be looked into."""
    try:
        return log_file(context.settings(arguments))
    except SettingsError as error:
        path = early_log_file(context.environ)
        context.console.warn(f"{error.message} {error.hint}".strip())
        return path


def _follow(path: Path, count: int) -> Iterator[str]:
    """Yield the last lines and each one that comes, also after the file was rotated; never ends."""
    while True:
        with _opened(path) as file:
            lines = file.readlines()
            yield from map(_bare, lines[max(0, len(lines) - count) :])
            opened = os.fstat(file.fileno()).st_ino
            while _is_still(path, opened):
                if line := file.readline():
                    yield _bare(line)
                else:
                    time.sleep(_TICK)
            yield from map(_bare, file)  # what came until it was moved away
        count = sys.maxsize  # of the next file nothing has been seen


def _bare(line: str) -> str:
    return line.rstrip("\n")


def _opened(path: Path) -> TextIO:
    """Return the file, as soon as there is one."""
    while True:
        try:
            return path.open(encoding="ascii", errors="backslashreplace")
        except FileNotFoundError:
            time.sleep(_TICK)


def _is_still(path: Path, opened: int) -> bool:
    try:
        return path.stat().st_ino == opened
    except FileNotFoundError:
        return False


def _say(line: str, console: Console) -> None:
    if console.as_json:
        console.data(line)
        return
    try:
        record: object = json.loads(line)
    except ValueError:
        record = None
    if not isinstance(record, dict):
        console.data(line)  # the settings ask for text
        return
    fields = {key: value for key, value in cast("dict[str, object]", record).items() if value != ""}
    head = f"{fields.pop('time', '')} {fields.pop('event', '')}"
    level = fields.pop("level", "info")
    fields.pop("pid", None)
    mark = "" if level == "info" else f" [{level}]"
    rest = "".join(f" {key}={value}" for key, value in fields.items())
    console.answer({}, f"{head}{mark}{rest}")


class SettingsArguments(Arguments):
    """``settings``."""

    what: str


def _declare_settings(parser: Parser) -> None:
    parser.add_argument(
        "what", nargs="?", choices=["show"], default="show", help="show all of them"
    )


def _settings(arguments: SettingsArguments, context: Context) -> ExitCode:
    rows = show(context.settings(arguments))
    if context.console.as_json:
        found = [
            {"name": name, "value": value, "source": origin.source.value, "place": origin.place}
            for name, value, origin in rows
        ]
        context.console.json({"settings": found})
        return ExitCode.OK
    styles = {Source.DEFAULT: "dim", Source.MANAGED: "yellow"}
    context.console.table(
        ("setting", "value", "from"),
        [
            (name, value, Cell(origin.place, styles.get(origin.source, "green")))
            for name, value, origin in rows
        ],
        whole=True,
    )
    return ExitCode.OK


COMMANDS = (
    Command(
        "logs",
        "Show what was decided and done.",
        LogsArguments,
        _declare_logs,
        _logs,
        """
        mcp-local logs -n 50
        mcp-local logs -f
        """,
    ),
    Command(
        "settings",
        "Show every setting with where it comes from.",
        SettingsArguments,
        _declare_settings,
        _settings,
        "mcp-local settings show",
    ),
)
