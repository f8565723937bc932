"""Writes events to a file that rotates; several processes may write to it at once."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, final

from mcp_local.log.redact import clean_field

if sys.platform == "win32":
    from mcp_local.log import append_windows as system
else:
    from mcp_local.log import append_posix as system

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_JSON: Final = json.JSONEncoder(separators=(",", ":"))
_HEAD: Final = frozenset({"time", "level", "pid", "event"})


@dataclass(frozen=True, slots=True)
class Rotation:
    """How much is kept."""

    max_bytes: int = 2 * 1024 * 1024
    """Size at which the file makes place for a new one."""
    kept: int = 5
    """Files that are kept beside it; .1 is the newest."""


@final
class Log:
    """Appends one line an event; safe for any number of processes and threads.

    Nothing here raises: a full disk must not stop a tool call.
    """

    def __init__(  # noqa: PLR0913 - what a log is, each by its name
        self,
        path: Path,
        level: str = "info",
        fmt: str = "json",
        *,
        echo: Callable[[str], None] | None = None,
        alarm: Callable[[Mapping[str, object]], None] | None = None,
        rotation: Rotation = Rotation(),
    ) -> None:
        self._path = path
        self._threshold = _LEVELS.get(level, _LEVELS["info"])
        self._format = _as_text if fmt == "text" else _as_json
        self._echo = echo
        """Is given each line too, for ``--verbose``."""
        self._alarm = alarm
        """Is given the fields of each error too, to tell people what they must know at once."""
        self._rotation = rotation
        self._file = system.Appender(path)
        self._server = ""

    def serves(self, server: str) -> None:
        """Name the server in every line from here on: one log has those of all servers."""
        self._server = server

    def event(self, name: str, *, level: str = "info", **fields: object) -> None:
        """Write one line: time (UTC), level, pid, the event's name, and the fields, redacted.

        Between them stands the server, where one is served.
        """
        self.write(time.time(), name, level, fields)

    def write(self, at: float, name: str, level: str, fields: Mapping[str, object]) -> None:
        """Do the same for what happened at a time, in seconds since the epoch."""
        if _LEVELS.get(level, _LEVELS["info"]) < self._threshold:
            return
        record = _record(at, name, level, self._server, fields)
        line = self._format(record)
        if self._alarm is not None and level == "error":
            with suppress(OSError, ValueError):  # as below
                self._alarm(record)
        if self._echo is not None:
            with suppress(OSError, ValueError):  # stderr may be closed
                self._echo(line)
        with suppress(OSError):
            self._append(f"{line}\n".encode("ascii"))

    def _append(self, data: bytes) -> None:
        try:
            size = self._file.append(data)
        except FileNotFoundError:
            _make_folder(self._path.parent)
            size = self._file.append(data)
        if size > self._rotation.max_bytes:
            self._rotate()

    def _rotate(self) -> None:
        """Move the files on by one, under a lock, so that no two processes move the same one.

        A writer that opened the file before still writes to it under its new name: nothing is lost.
        Those behind a gap stay: where the newest can't be moved, as while somebody reads it on
        Windows, every try would else push an old one out.
        """
        with system.try_lock(self._path.with_name(f"{self._path.name}.lock")) as held:
            if not held or self._path.stat().st_size <= self._rotation.max_bytes:
                return  # another process is at it, or has just done it
            kept = self._rotation.kept
            places = range(1, kept)
            last = next((n for n in places if not _rotated(self._path, n).exists()), kept)
            for number in range(last, 0, -1):
                with suppress(FileNotFoundError):
                    _rotated(self._path, number - 1).replace(_rotated(self._path, number))


def read_tail(path: Path, count: int) -> list[str]:
    """Return the last ``count`` lines, oldest first, from the rotated files too.

    Raises:
        OSError: a file is there but can't be read.
    """
    lines: list[str] = []
    for file in _newest_first(path):
        if len(lines) >= count:
            break
        with suppress(FileNotFoundError):  # just rotated away, or not yet begun anew
            text = file.read_text(encoding="ascii", errors="backslashreplace")
            lines = [line for line in text.splitlines() if line] + lines
    return lines[-count:] if count > 0 else []


def _newest_first(path: Path) -> list[Path]:
    """Return the file and its predecessors; there may be gaps where a process was killed."""
    numbers = [file.suffix[1:] for file in path.parent.glob(f"{path.name}.*")]
    return [
        path,
        *(_rotated(path, number) for number in sorted(int(n) for n in numbers if n.isdecimal())),
    ]


def _rotated(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}") if number else path


def _make_folder(folder: Path) -> None:
    """Make the folder and its parents for the owner alone."""
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        with suppress(FileExistsError):
            missing.mkdir(mode=0o700)


def _record(
    at: float, name: str, level: str, server: str, fields: Mapping[str, object]
) -> dict[str, object]:
    text = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    record: dict[str, object] = {"time": text, "level": level, "pid": os.getpid(), "event": name}
    if server:
        record["server"] = clean_field("server", server)
    for key, value in fields.items():
        if key not in record:  # none can pose as what we say
            record[key] = clean_field(key, value)
    return record


def _as_json(record: Mapping[str, object]) -> str:
    """Return one line of ASCII: what could break a line or a terminal stands there as an escape.

    That covers CR, LF, ESC, C1, U+2028 and the marks that turn the writing direction (M22).
    """
    return _dumps(record)


def _as_text(record: Mapping[str, object]) -> str:
    head = f"{record['time']} {str(record['level']).upper():7} [{record['pid']}] {record['event']}"
    pairs = [f"{_escaped(key)}={_dumps(record[key])}" for key in record if key not in _HEAD]
    return " ".join([_escaped(head), *pairs])


def _escaped(text: str) -> str:
    return _dumps(text)[1:-1]


def _dumps(value: object) -> str:
    return _JSON.encode(value).replace("\x7f", "\\u007f")
