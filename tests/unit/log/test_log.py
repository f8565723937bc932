"""The log: one event, one line, whatever is in it and however many write."""

from __future__ import annotations

import errno
import io
import json
import os
import stat
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mcp_local.log import Log, read_tail
from mcp_local.log.writer import Rotation

posix = pytest.mark.skipif(sys.platform == "win32", reason="modes and links are POSIX's")
NASTY = "a\r\nb\x1b[31m\x7f\x85\x9b\u2028\u2029\u202e\u2066\ufeff\U000e0041\ud800\0é"


@pytest.fixture
def path(home: Path) -> Path:
    """Where the log lies; the folder doesn't exist yet."""
    return home / "log" / "mcp-local.jsonl"


def records(path: Path) -> list[dict[str, object]]:
    """Return all events as JSON reads them."""
    return [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]


def test_an_event_is_one_line_of_json(path: Path) -> None:
    """Time in UTC, level, process and name come first, then the fields."""
    Log(path).event(
        "decision", oid="1", component="get_weather", allowed=False, duration_us=1.5, tags=["a"]
    )
    [record] = records(path)
    time = datetime.fromisoformat(str(record.pop("time")))
    assert abs((datetime.now(UTC) - time).total_seconds()) < 60
    assert record == {
        "level": "info",
        "pid": os.getpid(),
        "event": "decision",
        "oid": "1",
        "component": "get_weather",
        "allowed": False,
        "duration_us": 1.5,
        "tags": ["a"],
    }


@pytest.mark.parametrize("fmt", ["json", "text"])
def test_each_line_names_the_server(path: Path, fmt: str) -> None:
    """One log has the lines of all servers; from when it is known, theirs are told apart."""
    log = Log(path, fmt=fmt)
    log.event("early")
    log.serves("git\n")
    fields: dict[str, Any] = {"server": "other", "component": "git_log"}
    log.event("decision", **fields)
    early, late = path.read_text(encoding="ascii").splitlines()
    assert "server" not in early
    assert "other" not in late
    name = '"server":"git\\n","component"' if fmt == "json" else 'server="git\\n" component'
    assert name in late


@pytest.mark.parametrize("fmt", ["json", "text"])
def test_nothing_breaks_a_line_or_a_terminal(path: Path, fmt: str) -> None:
    """CR, LF, ESC, C1, U+2028, bidi marks, tags, surrogates: all stand there as escapes (M22)."""
    fields: dict[str, Any] = {"component": NASTY, NASTY: [NASTY]}
    Log(path, fmt=fmt).event(NASTY, **fields)
    data = path.read_bytes()
    assert data.endswith(b"\n")
    assert all(32 <= byte < 127 for byte in data[:-1])
    if fmt == "json":
        [record] = records(path)
        assert record["component"] == NASTY
        assert record[NASTY] == [NASTY]
        assert record["event"] == NASTY


def test_text_is_for_people(path: Path) -> None:
    """With ``log.format = text`` a line reads as level, event and pairs."""
    Log(path, fmt="text").event("decision", level="warning", component="x y", allowed=True)
    line = path.read_text(encoding="ascii").rstrip("\n")
    assert line.endswith(f'WARNING [{os.getpid()}] decision component="x y" allowed=true')


@pytest.mark.parametrize("fmt", ["json", "text"])
def test_secrets_stay_out(path: Path, fmt: str) -> None:
    """By name and by shape, in both formats (M22, O17)."""
    Log(path, fmt=fmt).event(
        "failed", refresh_token="canary", detail="GET /?code=canary", error=["eyJcanarycanary.a.b"]
    )
    assert "canary" not in path.read_text(encoding="ascii")


def test_a_field_cannot_pose_as_the_head(path: Path) -> None:
    """Time, level and process are ours to say, whatever fields come."""
    fields: dict[str, Any] = {"time": "1999", "pid": 1, "x": 2}
    Log(path).event("real", **fields)
    [record] = records(path)
    assert str(record["time"]) > "2000"
    assert record["pid"] == os.getpid()
    assert record["x"] == 2


@pytest.mark.parametrize(
    ("threshold", "written"),
    [
        ("debug", ["debug", "info", "warning", "error", "odd"]),
        ("info", ["info", "warning", "error", "odd"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
        ("unheard-of", ["info", "warning", "error", "odd"]),
    ],
)
def test_the_level_decides_what_is_written(path: Path, threshold: str, written: list[str]) -> None:
    """Less than ``log.level`` is dropped; a level nobody knows counts as info."""
    log = Log(path, threshold)
    for level in ("debug", "info", "warning", "error", "odd"):
        log.event("e", level=level)
    assert [record["level"] for record in records(path)] == written


def test_each_line_is_echoed_for_verbose(path: Path) -> None:
    """``--verbose`` sees what the file sees."""
    echoed: list[str] = []
    Log(path, echo=echoed.append).event("e", token="canary")
    assert echoed == path.read_text(encoding="ascii").splitlines()


def test_a_closed_stderr_stops_nothing(path: Path) -> None:
    """The line is in the file, though ``--verbose`` has nowhere to show it."""
    stream = io.StringIO()
    stream.close()
    Log(path, echo=lambda line: print(line, file=stream)).event("e")
    assert [record["event"] for record in records(path)] == ["e"]


@posix
def test_log_and_folders_are_for_the_owner(path: Path) -> None:
    """0600 and 0700, whatever the umask; an open log of old is closed (C11)."""
    before = os.umask(0)
    try:
        Log(path).event("e")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700
    path.chmod(0o644)
    Log(path).event("e")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@posix
def test_a_link_or_pipe_in_the_logs_place_is_not_written_to(path: Path, tmp_path: Path) -> None:
    """Nobody can send our lines into another file, or block us by a FIFO."""
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "victim")
    Log(path).event("e")
    assert not (tmp_path / "victim").exists()
    path.unlink()
    os.mkfifo(path)
    Log(path).event("e")
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    Log(path).event("e")
    assert os.read(fd, 1) == b""
    os.close(fd)


def test_a_full_disk_stops_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event that can't be written is lost, not raised."""

    def write(*_args: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write)
        Log(path).event("lost")
    Log(path).event("kept")
    assert [record["event"] for record in records(path)] == ["kept"]


@posix
def test_a_line_cut_by_a_full_disk_harms_no_other(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The torn line ends there, so that the next one is whole."""
    real = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda fd, data: real(fd, data[:20]))  # pyright: ignore[reportUnknownLambdaType,reportUnknownArgumentType]
        Log(path).event("torn")
    Log(path).event("kept")
    torn, kept = path.read_text(encoding="ascii").splitlines()
    assert len(torn) == 20
    assert json.loads(kept)["event"] == "kept"


def test_a_folder_that_cannot_be_made_stops_nothing(tmp_path: Path) -> None:
    """No place for a log, no log (C12)."""
    (tmp_path / "file").touch()
    Log(tmp_path / "file" / "log" / "x.jsonl").event("e")


def test_files_rotate_and_the_oldest_goes(path: Path) -> None:
    """Each file ends soon after its size, and no more than the number kept stay."""
    log = Log(path, rotation=Rotation(max_bytes=300, kept=2))
    for number in range(40):
        log.event("e", number=number)
    files = {file.name: file.stat().st_size for file in path.parent.iterdir()}
    logs = {name for name in files if not name.endswith(".lock")}
    assert logs - {path.name} == {f"{path.name}.1", f"{path.name}.2"}
    assert all(size < 500 for size in files.values())
    numbers = [json.loads(line)["number"] for line in read_tail(path, 100)]
    assert len(numbers) >= 6
    assert numbers == list(range(40 - len(numbers), 40))


def test_the_tail_is_there_at_the_moment_of_rotation(path: Path) -> None:
    """Between a rotation and the next event there is no newest file, but its lines are there."""
    log = Log(path, rotation=Rotation(max_bytes=1))
    log.event("only")
    assert not path.exists()
    assert [json.loads(line)["event"] for line in read_tail(path, 10)] == ["only"]


def test_a_rotation_cut_short_hides_nothing(path: Path) -> None:
    """A process killed between two renames leaves a gap in the numbers."""
    log = Log(path, rotation=Rotation(max_bytes=1))
    for number in range(3):
        log.event("e", number=number)
    path.with_name(f"{path.name}.3").rename(path.with_name(f"{path.name}.10"))
    assert [json.loads(line)["number"] for line in read_tail(path, 10)] == [0, 1, 2]


def test_old_files_stay_while_the_newest_can_not_be_moved(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows while somebody reads it; each line written meanwhile tries it again."""
    log = Log(path, rotation=Rotation(max_bytes=1, kept=5))
    for number in range(3):
        log.event("e", number=number)
    move = Path.replace

    def held(self: Path, target: Path) -> Path:
        if self == path:
            raise PermissionError(13, "The process cannot access the file")
        return move(self, target)

    with monkeypatch.context() as windows:
        windows.setattr(Path, "replace", held)
        for number in range(3, 10):
            log.event("e", number=number)
        assert [json.loads(line)["number"] for line in read_tail(path, 100)] == list(range(10))
    log.event("e", number=10)
    assert [json.loads(line)["number"] for line in read_tail(path, 100)] == list(range(11))


def test_rotation_under_way_elsewhere_is_left_alone(path: Path) -> None:
    """Who can't have the lock goes on writing; nothing waits, nothing is lost."""
    from mcp_local.log.writer import system  # noqa: PLC0415 - the one of this platform

    path.parent.mkdir(parents=True)
    log = Log(path, rotation=Rotation(max_bytes=10))
    with system.try_lock(path.with_name(f"{path.name}.lock")) as held:
        assert held
        log.event("one")
        log.event("two")
    assert [record["event"] for record in records(path)] == ["one", "two"]


def test_threads_lose_no_line(path: Path) -> None:
    """Rotation under many writers moves lines, and loses none."""
    log = Log(path, rotation=Rotation(max_bytes=2000, kept=1000))

    def write(name: str) -> None:
        for number in range(50):
            log.event("e", key=f"{name}-{number}")

    threads = [threading.Thread(target=write, args=[str(n)]) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    keys = [json.loads(line)["key"] for line in read_tail(path, 10_000)]
    assert sorted(keys) == sorted(f"{n}-{number}" for n in range(8) for number in range(50))


@pytest.mark.parametrize(
    ("count", "expected"), [(0, []), (1, [4]), (3, [2, 3, 4]), (9, [0, 1, 2, 3, 4])]
)
def test_the_tail_is_read_across_files(path: Path, count: int, expected: list[int]) -> None:
    """The newest lines come last, older ones from the rotated files."""
    log = Log(path, rotation=Rotation(max_bytes=200))
    for number in range(5):
        log.event("e", number=number)
    assert [json.loads(line)["number"] for line in read_tail(path, count)] == expected


def test_the_tail_of_nothing_is_empty(path: Path) -> None:
    """No log yet, no lines."""
    assert read_tail(path, 10) == []


@posix
def test_a_file_that_was_moved_away_is_written_no_longer(path: Path) -> None:
    """Another process rotated, or a person deleted it: the next line goes to a new file."""
    log = Log(path)
    log.event("one")
    path.rename(path.with_name("elsewhere"))
    log.event("two")
    path.unlink()
    log.event("three")
    assert [record["event"] for record in records(path)] == ["three"]
    assert [record["event"] for record in records(path.with_name("elsewhere"))] == ["one"]


@posix
def test_a_link_in_place_of_the_file_is_not_followed(path: Path, tmp_path: Path) -> None:
    """Also once the file was open."""
    log = Log(path)
    log.event("one")
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    log.event("two")
    assert not (tmp_path / "elsewhere").exists()
