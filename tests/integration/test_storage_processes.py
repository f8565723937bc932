"""The store and the log under many real processes, killed, stopped, and out of space.

The full counts of SECURITY.md: ``pytest -m heavy tests/integration/test_storage_processes.py``.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mcp_local.broker.storage.files import FileLock
from mcp_local.broker.storage.store import Entry, open_store
from mcp_local.errors import StorageError
from mcp_local.log import read_tail
from mcp_local.settings.model import CacheKey, Settings
from tests.support import storage_worker
from tests.support.disk import fill, small_disk

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits are POSIX's")
CANARY = b"canary-K3yOfTheCache"


def start(*arguments: object) -> subprocess.Popen[str]:
    """Start a worker process."""
    command = [sys.executable, storage_worker.__file__, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def result(process: subprocess.Popen[str]) -> Any:
    """Return what the worker found."""
    output, _ = process.communicate(timeout=3000)
    assert process.returncode == 0
    return json.loads(output)


@pytest.mark.parametrize(
    ("writers", "times"), [(4, 15), pytest.param(16, 200, marks=pytest.mark.heavy)]
)
@pytest.mark.timeout(1200)
def test_no_write_is_lost_and_no_read_is_empty(tmp_path: Path, writers: int, times: int) -> None:
    """Many writers and two readers at once: every write counts, every read is whole (C1, C2)."""
    storage_worker.write(storage_worker.store_at(str(tmp_path)), 0)
    total = writers * times
    readers = [start("watch", tmp_path, total) for _ in range(2)]
    counters = [start("increment", tmp_path, times) for _ in range(writers)]
    assert max(result(process) for process in counters) == total
    for reader in readers:
        seen = result(reader)
        print(seen)  # noqa: T201 - shown by `pytest -s`
        assert seen["reads"] > 0
        assert seen["empty"] == seen["backwards"] == 0
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.parametrize("times", [60, pytest.param(10_000, marks=pytest.mark.heavy)])
@pytest.mark.timeout(3000)
def test_a_killed_writer_leaves_a_whole_file(tmp_path: Path, times: int) -> None:
    """``kill -9`` at any moment: 0 unreadable, 0 known writes lost, litter swept (C3, C4)."""
    seen = result(start("kill", tmp_path, times, 0.02))
    print(seen)  # noqa: T201 - shown by `pytest -s`
    assert seen["unreadable"] == seen["lost"] == seen["litter_left"] == 0
    assert seen["acknowledged"] > 0


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    """Stopped, the holder costs others a bounded wait; killed, nothing (C9)."""
    holder = start("hold", tmp_path)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    holder.send_signal(signal.SIGSTOP)
    store = storage_worker.store_at(str(tmp_path))
    with pytest.raises(StorageError, match=r"cache\.lock"), store.lock("cache", timeout=0.2):
        pytest.fail("two holders")
    assert FileLock(tmp_path / "cache.lock").held_elsewhere()
    holder.kill()
    holder.communicate()
    with store.lock("cache", timeout=0.2):
        pass


def test_a_full_disk_keeps_the_old_content(tmp_path: Path) -> None:
    """A write cut short by a limit leaves what was there, whole, and no litter (C5)."""
    seen = result(start("limited", tmp_path, 70_000))
    assert seen["saved"] == seen["found"] == 3
    assert "File too large" in seen["message"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["msal.file.bin", "store.lock"]


def test_a_disk_that_is_really_full_keeps_the_old_content() -> None:
    """The same on a file system without a free byte: store and log go on afterwards (C5)."""
    with small_disk() as folder:
        seen = result(start("fill", folder))
        assert seen["saved"] == seen["found"] > 0
        assert "No space left" in seen["message"]
        (folder / "ballast").write_bytes(b"")
        fill(folder)
        assert result(start("log", folder / "log.jsonl", "x", 5)) == 5
        (folder / "ballast").unlink()
        assert result(start("log", folder / "log.jsonl", "y", 5)) == 5
        kept = [json.loads(line) for line in read_tail(folder / "log.jsonl", 5)]
        assert [event["writer"] for event in kept] == ["y"] * 5


@pytest.mark.parametrize(
    ("writers", "times", "size"),
    [(4, 250, 4000), pytest.param(16, 5000, 300_000, marks=pytest.mark.heavy)],
)
@pytest.mark.timeout(1200)
def test_no_line_of_the_log_is_lost(tmp_path: Path, writers: int, times: int, size: int) -> None:
    """Many processes write while files rotate: every line is there once, whole (M22)."""
    path = tmp_path / "log" / "mcp-local.jsonl"
    processes = [start("log", path, name, times, size) for name in range(writers)]
    for process in processes:
        result(process)
    events = [json.loads(line) for line in read_tail(path, writers * times * 2)]
    seen = Counter((event["writer"], event["number"]) for event in events)
    assert len(seen) == writers * times
    assert set(seen.values()) == {1}
    assert len(list(path.parent.glob(f"{path.name}.*"))) > 2


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root can act for nobody")
def test_a_read_only_home_means_memory() -> None:
    """A home that may not be written to doesn't stop the program; the detail says so (C12)."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir()
        Path(folder).chmod(0o755)
        os.chown(home, 65534, 65534)
        home.chmod(0o500)
        settings = Settings(home=home, config_file=home / "c", cache_key=CacheKey.FILE)
        os.seteuid(65534)
        try:
            store = open_store(settings, {})
            store.save(Entry.TOKEN, b"x")
        finally:
            os.seteuid(0)
        assert store.storage.kind == "memory"
        assert "Permission denied" in store.storage.detail
        assert list(home.iterdir()) == []


def test_what_is_kept_is_seen_nowhere(tmp_path: Path) -> None:
    """A canary that a process stores is in no file below home, temp or log (C15)."""
    home = tmp_path / "home"
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from mcp_local.broker.storage.store import Entry, open_store\n"
        "from mcp_local.settings.model import CacheKey, Settings\n"
        "home = Path(sys.argv[1])\n"
        "settings = Settings(home=home, config_file=home / 'c', cache_key=CacheKey.PASSPHRASE)\n"
        "store = open_store(settings, {'MCP_LOCAL_CACHE_PASSPHRASE': 'p'})\n"
        "data = sys.stdin.buffer.read()\n"
        "store.save(Entry.MSAL, data)\n"
        "assert store.load(Entry.MSAL) == data\n"
        "print(store.storage)\n"
    )
    environ = {**os.environ, "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program, str(home)],
        input=CANARY * 100,
        env=environ,
        capture_output=True,
        check=True,
    )
    assert b"passphrase" in done.stdout
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in files if path.suffix == ".bin"]
    assert not [path for path in files if CANARY in path.read_bytes()]
    assert CANARY not in done.stdout + done.stderr
