"""Servers that fail in every way: the client is told, the log knows why, and nothing hangs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support import warm
from tests.support.relayed import PLAIN, PYTHON, logged, settings_folder
from tests.support.wire import ERAS, HANDSHAKE, MODERN, PATIENCE, Wire, call

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
NO_SERVER = ("no-such-command-anywhere",)
BROKEN = "import sys; sys.exit(7)"
LAST_WORDS = "import sys; print('no database', file=sys.stderr); sys.exit(7)"
GARBAGE = "import sys\nfor line in sys.stdin: print('{garbage', line[:5], flush=True)"
FLOOD = """
import json, runpy, sys, threading
def flood():
    for number in range(3000):
        print(json.dumps({"jsonrpc": "2.0", "id": f"x{number}", "result": {}}))
        asks = {"id": f"y{number}", "method": "sampling/createMessage"}
        print(json.dumps({"jsonrpc": "2.0", **asks}))
    print(json.dumps({"jsonrpc": "2.0", "method": "notifications/flood/over"}), flush=True)
sys.argv = sys.argv[1:]
flood()
runpy.run_path(sys.argv[0])
"""
"""Says much that nobody asked for; then it is ``plain.py``."""
STUBBORN = """
import os, signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
line = 'import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)'
child = subprocess.Popen([sys.executable, '-c', line])
open(sys.argv[1] + '/pids', 'w').write(f'{os.getpid()} {child.pid}')
os.execv(sys.executable, [sys.executable, sys.argv[2], sys.argv[1]])
"""
"""A server that ignores TERM and has a child that does; then it is ``plain.py``."""


@contextmanager
def relayed(
    folder: Path, command: Sequence[str], era: str = HANDSHAKE, *, program: Sequence[str] = ()
) -> Generator[Wire]:
    """Run a server behind ``mcp-local run``."""
    environ = settings_folder(folder, command)
    line = (*(program or warm.ours()), "run", "it")
    with Wire(line, folder, era=era, environ=environ) as wire:
        yield wire


def script(text: str, *words: str) -> tuple[str, ...]:
    """Return the command of a server that is a few lines of Python."""
    return (sys.executable, "-c", text, *words)


def first_error(wire: Wire) -> str:
    """Return the message of the error that answers the client's first request."""
    return wire.open()["error"]["message"]


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(
    ("command", "why"),
    [
        (NO_SERVER, "no-such-command-anywhere"),
        (("./not-executable",), "not-executable"),
        (script(BROKEN), "exit code 7"),
        (script(LAST_WORDS), "exit code 7"),
    ],
)
def test_a_server_that_does_not_start_is_an_error(
    command: Sequence[str], why: str, era: str, tmp_path: Path
) -> None:
    """The first request is answered with why, and so is the next; the log has the reason."""
    (tmp_path / "not-executable").write_text("#!/bin/sh\n", encoding="utf-8")
    with relayed(tmp_path, command, era) as wire:
        assert why in first_error(wire)
        assert "error" in wire.request("tools/call", call("echo"))
    ended = logged(tmp_path, "server_ended")
    assert why in str(ended[0]["why"])
    if command == script(LAST_WORDS):
        assert ended[0]["stderr"] == ["no database"]


@pytest.mark.parametrize("command", [NO_SERVER, script(BROKEN)])
def test_commands_say_that_a_server_is_out_of_reach(command: Sequence[str], tmp_path: Path) -> None:
    """``tools``, ``call`` and the like end with exit code 5, and the reason."""
    environ = settings_folder(tmp_path, command)
    for words in (["call", "echo", "it"], ["tools", "it"]):
        done = subprocess.run(
            warm.ours(*words),
            env=environ,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 5, done.stderr
        assert "error:" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("era", ERAS)
def test_banners_are_no_messages(era: str, tmp_path: Path) -> None:
    """What a server prints before it speaks the protocol goes to the log (M18)."""
    banner = "print('Welcome!\\n\\n=====\\n[INFO] ready'); import runpy, sys; sys.stdout.flush()"
    run = f"{banner}; sys.argv = sys.argv[1:]; runpy.run_path({PLAIN!r})"
    with relayed(tmp_path, script(run, PLAIN, str(tmp_path)), era) as wire:
        assert "result" in wire.open()
        assert wire.text("echo", {"text": "hi"}) == "hi"
    assert all(line.message for line in wire.heard)
    assert "Welcome!" in json.dumps(logged(tmp_path, "server_noise"))


def test_garbage_is_kept_from_the_client(tmp_path: Path) -> None:
    """A server that speaks no JSON is heard by nobody; the account tools still answer."""
    with relayed(tmp_path, script(GARBAGE)) as wire:
        wire.post("initialize", {"protocolVersion": HANDSHAKE, "capabilities": {}})
        assert "Signed in" in wire.text("mcp_local_whoami")
    assert all(line.message for line in wire.heard)


def test_a_flood_does_not_wash_decisions_out_of_the_log(tmp_path: Path) -> None:
    """What nobody asked for, and what isn't passed on, is logged within bounds (M22)."""
    with relayed(tmp_path, script(FLOOD, PLAIN, str(tmp_path))) as wire:
        wire.open()
        assert wire.text("echo", {"text": "before"}) == "before"
        wire.told("notifications/flood/over")
        assert wire.text("echo", {"text": "still here"}) == "still here"
    assert [line["component"] for line in logged(tmp_path, "decision")] == ["echo", "echo"]
    for event in ("answer_dropped", "request_denied"):
        assert 100 <= len(logged(tmp_path, event)) < 1000


def test_one_that_never_answers_holds_up_nothing_else(tmp_path: Path) -> None:
    """The account tools answer beside it, a cancelled request is gone, and the end is quick."""
    silent = script("import time; time.sleep(60)")
    with relayed(tmp_path, silent, MODERN) as wire:
        asked = wire.post("server/discover")
        listed = wire.post("tools/list")
        assert "Signed in" in wire.text("mcp_local_whoami")
        wire.notify("notifications/cancelled", {"requestId": asked})
        wire.notify("notifications/cancelled", {"requestId": listed})
        began = time.monotonic()
        wire.hang_up()
        assert wire.wait_until_ended() == 0
        assert time.monotonic() - began < PATIENCE / 5


@pytest.mark.parametrize("era", ERAS)
def test_one_that_dies_is_started_again(era: str, tmp_path: Path) -> None:
    """What was under way gets an error; afterwards the server is there again, as it was greeted."""
    with relayed(tmp_path, (sys.executable, PLAIN, str(tmp_path)), era) as wire:
        wire.open()
        slow = wire.post("tools/call", call("slow", {"seconds": 20}))
        dead = wire.request("tools/call", call("die", {"text": "out of memory", "code": 9}))
        assert "exit code 9" in dead["error"]["message"]
        assert "error" in wire.answer(slow).message
        assert wire.text("echo", {"text": "back again"}) == "back again"
        assert len(wire.request("tools/list")["result"]["tools"]) > len(("ours", "three", "only"))
    (ended,) = [line for line in logged(tmp_path, "server_ended") if line["level"] == "error"]
    assert ended["stderr"] == ["last words: out of memory"]
    if era == HANDSHAKE:
        heard = (tmp_path / "heard").read_bytes()
        assert heard.count(b'"initialize"') == heard.count(b"notifications/initialized") == 2


def test_one_that_dies_again_and_again_is_given_up(tmp_path: Path) -> None:
    """After five short lives nothing is started any more, and each request is told so (M19)."""
    with relayed(tmp_path, script(BROKEN)) as wire:
        wire.open()
        deadline = time.monotonic() + PATIENCE
        while not logged(tmp_path, "server_given_up"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        for _ in range(100):
            assert "5 times" in wire.request("tools/call", call("echo"))["error"]["message"]
        assert "Signed in" in wire.text("mcp_local_whoami")
    assert len(logged(tmp_path, "server_started")) == 5


@posix
def test_nothing_is_left_of_a_relay_that_is_killed(tmp_path: Path) -> None:
    """``kill -9``: a stubborn server and its stubborn child are gone within 2 s (M20)."""
    with relayed(tmp_path, script(STUBBORN, str(tmp_path), PLAIN), program=PYTHON) as wire:
        wire.open()
        pids = [int(pid) for pid in (tmp_path / "pids").read_text("utf-8").split()]
        wire.process.kill()
        _wait_until_gone(pids, seconds=2.0)


@posix
@pytest.mark.parametrize("how", ["eof", "TERM", "HUP", "INT"])
def test_a_relay_ends_when_it_is_told_to(how: str, tmp_path: Path) -> None:
    """End of input or a signal: it ends, however stubborn its server, and nothing is left."""
    with relayed(tmp_path, script(STUBBORN, str(tmp_path), PLAIN)) as wire:
        wire.open()
        wire.post("tools/call", call("slow", {"seconds": 20}))
        pids = [int(pid) for pid in (tmp_path / "pids").read_text("utf-8").split()]
        began = time.monotonic()
        if how == "eof":
            wire.hang_up()
        else:
            wire.process.send_signal(getattr(signal, f"SIG{how}"))
        wire.wait_until_ended()
        # Within 1 s, and the server's own 2 s; generous, as no machine is idle.
        assert time.monotonic() - began < PATIENCE / 5
        _wait_until_gone(pids, seconds=2.0)


def _wait_until_gone(pids: list[int], *, seconds: float) -> None:
    """Wait until no process of these is left, twice as long as allowed on a busy machine."""
    deadline = time.monotonic() + 2 * seconds
    while left := [pid for pid in pids if _is_alive(pid)]:
        assert time.monotonic() < deadline, left
        time.sleep(0.02)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return sys.platform != "linux"
    return stat.rpartition(")")[2].split()[0] != "Z"
