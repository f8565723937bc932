"""The wire carries protocol and nothing else, and the process ends when it is told to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.hosted import HANDSHAKE, MODERN, PATIENCE, Served

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
LIMIT = 1.0
"""Seconds in which the process must have ended (M21)."""


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Generator[Served]:
    """The server with everything in it, and a reader signed in."""
    with Served("full", tmp_path_factory.mktemp("full"), HANDSHAKE) as served:
        served.open()
        served.sign_in("ada", "reader")
        yield served


def test_nothing_but_protocol_reaches_standard_output(tmp_path: Path) -> None:
    """Prints at import, in tools, in children, unflushed and at exit go elsewhere (M15)."""
    with Served("noisy", tmp_path, HANDSHAKE) as served:
        served.open()
        served.sign_in("ada", "reader")
        assert served.text("shout") == "shouted"
        assert served.text("listen") == "'' 0"
    assert all(json.loads(line)["jsonrpc"] == "2.0" for line in served.lines)
    noise = served.errors.read_text(encoding="utf-8")
    for where in ("while it is made", "print", "write", "child", "unflushed", "at exit"):
        assert f"noise: {where}" in noise
    assert served.process.returncode == 0


@pytest.mark.parametrize(
    "ref", [None, {}, {"type": "ref/other", "uri": "x"}, {"type": "ref/prompt"}], ids=repr
)
def test_a_completion_of_nothing_is_malformed(ref: object, full: Served) -> None:
    """It is refused before anything is looked up."""
    params = {"ref": ref, "argument": {"name": "x", "value": ""}}
    assert full.request("completion/complete", params)["error"]["code"] == -32602


def test_hostile_lines_hurt_nobody(full: Served) -> None:
    """Garbage, bad UTF-8, batches, deep nesting and 5 MiB leave the session as it was (M16)."""
    for line in (
        b"",
        b"garbage",
        b"\xff\xfe\x00",
        b"[]",
        b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]',
        b'{"jsonrpc":"2.0","id":7777}',
        b'{"jsonrpc":"1.0","id":7777,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":7777,"method":5}',
        b"[" * 100_000,
        b'{"jsonrpc":"2.0","id":7777,"result":{}}',
        b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7777}}',
    ):
        full.send(line)
    full.send(b'{"x":"' + b"y" * (5 * 1024 * 1024) + b'"}')
    refused = json.loads(full.answer(None))
    assert refused["error"]["code"] == -32600
    large = "z" * (3 * 1024 * 1024)
    assert full.text("echo", {"text": large}) == large
    assert full.noted() == []


@pytest.mark.parametrize("count", [1_000, pytest.param(10_000, marks=pytest.mark.heavy)])
def test_a_flood_of_pings_is_answered_in_full(count: int, tmp_path: Path) -> None:
    """However many requests come at once, each has its answer, and memory stays bounded (M16)."""
    with Served("stuck", tmp_path, MODERN) as served:
        served.open()
        before = _memory(served.process.pid)
        idents = [served.post("ping", ident=f"p{number}") for number in range(count)]
        for ident in idents:
            served.answer(ident)
        assert _memory(served.process.pid) - before < 128 * 1024 * 1024


def _memory(pid: int) -> int:
    """Return the resident bytes of a process; 0 where the system doesn't say."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:  # noqa: PTH123 - not a file
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _close_input(served: Served) -> None:
    assert served.process.stdin is not None
    served.process.stdin.close()


def _terminate(served: Served) -> None:
    served.process.send_signal(signal.SIGTERM)


def _interrupt(served: Served) -> None:
    served.process.send_signal(signal.SIGINT)


def _hang_up(served: Served) -> None:
    served.process.send_signal(getattr(signal, "SIGHUP", signal.SIGTERM))


@posix
@pytest.mark.parametrize(
    ("tool", "ending", "code"),
    [
        ("", _interrupt, 130),
        ("block_thread", _close_input, 0),
        ("block_thread", _terminate, 0),
        ("block_loop", _interrupt, 130),
        ("block_loop", _hang_up, 0),
        ("block_exit", _close_input, 0),
    ],
)
def test_the_process_ends_within_a_second(
    tool: str, ending: Callable[[Served], None], code: int, tmp_path: Path
) -> None:
    """On end of input, SIGTERM, SIGINT and SIGHUP, whatever a tool still does (M21)."""
    served = Served("stuck", tmp_path, HANDSHAKE)
    served.open()
    served.sign_in("ada", "reader")
    if tool:
        served.post("tools/call", {"name": tool, "arguments": {}})
        _until(lambda: served.noted() == ["blocking"])
    began = time.monotonic()
    ending(served)
    assert served.process.wait(PATIENCE) == code
    # The process looks at the clock itself: a busy machine may let it run late.
    assert time.monotonic() - began < LIMIT + 4
    served.__exit__()
    if tool in {"block_thread", "block_loop"}:
        assert served.logged("decision")[-1]["outcome"] == "aborted"


def _until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@posix
def test_the_process_does_not_outlive_its_parent(tmp_path: Path) -> None:
    """The client is killed while somebody else still holds its end of the pipe (M20)."""
    read, write = os.pipe()
    script = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen(sys.argv[1:], stdin=int(sys.stdin.readline()))\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    from tests.support.hosted import SERVERS  # noqa: PLC0415 - one test needs it

    env = {name: str(tmp_path / name) for name in ("WHO", "RAN", "LOG")}
    parent = subprocess.Popen(
        [sys.executable, "-c", script, sys.executable, str(SERVERS / "guarded.py"), "stuck"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=[read],
        env={**os.environ, **env},
        text=True,
    )
    assert parent.stdin is not None
    assert parent.stdout is not None
    parent.stdin.write(f"{read}\n")
    parent.stdin.flush()
    child = int(parent.stdout.readline())
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    os.write(write, json.dumps(ping).encode() + b"\n")
    assert json.loads(parent.stdout.readline())["id"] == 1
    parent.kill()
    parent.wait()
    _until(lambda: not _alive(child))
    for fd in (read, write):
        os.close(fd)
    parent.stdin.close()
    parent.stdout.close()


def _alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not yet collected doesn't."""
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return bool(state) and not state.startswith("Z")
