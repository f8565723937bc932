"""Wrapped servers as real processes: how they start, how they end, and what is left of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mcp_local.guard.relay import keeper_posix
from mcp_local.guard.relay.child import Child
from mcp_local.guard.relay.environment import child_environment
from mcp_local.guard.relay.supervisor import Backoff, Supervised
from mcp_local.guard.upstream import UpstreamGone
from tests.support import parent
from tests.support.notes import Notes
from tests.support.processes import descendants, left_after

if TYPE_CHECKING:
    from collections.abc import Generator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

STUBBORN = """
trap "" TERM HUP INT
(trap "" TERM; while :; do sleep 9; done) &
setsid sh -c 'trap "" TERM HUP; while :; do sleep 9; done' &
sh -c 'setsid sh -c "sleep 99" & sleep 0.1' &
sleep 0.2
echo '{"ready": 1}'
while :; do sleep 9; done
"""
"""Ignores its end; has a child that does, one with a session of its own, and an orphan."""
FORKING = """
import sys
from mcp_local.guard.relay.child import Child
from mcp_local.guard.relay.late_log import LateLog

awaited = {"logging", "concurrent.futures.thread", "ctypes"}
missing = []
sys.addaudithook(lambda event, _: event == "os.fork" and missing.append(awaited - {*sys.modules}))
before = awaited - {*sys.modules}
child = Child("sh", ["-c", "exit 0"], {"PATH": "/usr/bin:/bin"}, ".", LateLog())
child.start()
child.receive()
child.stop()
print(before == awaited, missing)
"""
LATE = 4.0
"""Seconds by which a busy machine may be late."""


def make(script: str, log: Notes | None = None, environ: dict[str, str] | None = None) -> Child:
    """Return a server that is a shell script; it isn't started yet."""
    env = child_environment(os.environ, environ or {})
    return Child("sh", ["-c", script], env, Path.cwd(), log or Notes())


@contextmanager
def started(script: str, log: Notes | None = None) -> Generator[Child]:
    """Start a shell script as a server; end it with the block."""
    child = make(script, log)
    child.start()
    try:
        yield child
    finally:
        child.stop()


@contextmanager
def wrapped(script: str) -> Generator[subprocess.Popen[bytes]]:
    """Wrap a shell script in a process of its own, once it has spoken."""
    line = [sys.executable, parent.__file__, "sh", "-c", script]
    with subprocess.Popen(line, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline()
            yield process
        finally:
            process.kill()


def test_messages_go_both_ways() -> None:
    """What is sent is read as a line; what is answered comes back as it is, of any size."""
    with started("cat") as child:
        for message in (b'{"id": 1}', b'{"text": "\xff"}', b"{" + b"x" * 1_000_000 + b"}"):
            sender = threading.Thread(target=child.send, args=(message,))  # more than a pipe holds
            sender.start()
            assert child.receive() == message
            sender.join()
        assert child.ended == ""


def test_a_server_is_told_nothing_that_is_not_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither environment nor open files of ours reach it (M14)."""
    monkeypatch.setenv("MCP_LOCAL_CACHE_PASSPHRASE", "canary")
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "canary")
    inherited = os.dup(2)
    os.set_inheritable(inherited, True)  # noqa: FBT003 - positional only
    try:
        with started("cat") as child:
            child.send(b"{}")
            child.receive()
            process = Path(f"/proc/{child.pid()}")
            environ = (process / "environ").read_bytes()
            files = {entry.name: str(entry.readlink()) for entry in (process / "fd").iterdir()}
    finally:
        os.close(inherited)
    assert b"PATH=" in environ
    assert b"canary" not in environ
    assert b"MCP_LOCAL" not in environ
    assert set(files) == {"0", "1", "2"}
    assert all(file.startswith("pipe:") for file in files.values())


def test_a_server_heeds_every_signal() -> None:
    """Python ignores two, and a client may have blocked some: neither is handed on."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    try:
        with started("echo '{}'; exec cat") as child:
            child.receive()
            status = Path(f"/proc/{child.pid()}/status").read_text(encoding="ascii")
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    lines = dict(line.split(":\t", 1) for line in status.splitlines())
    pythons = 1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1
    assert (int(lines["SigIgn"], 16) & pythons, int(lines["SigBlk"], 16)) == (0, 0)


def test_a_server_runs_in_its_own_folder_and_session(tmp_path: Path) -> None:
    """Its working folder is the one named; signals for our terminal and group don't reach it."""
    env = child_environment(os.environ, {"MARK": "here"})
    script = 'echo "{\\"$MARK\\": \\"$(pwd)\\"}"; exec cat'
    child = Child("sh", ["-c", script], env, tmp_path, Notes())
    child.start()
    try:
        assert child.receive() == f'{{"here": "{tmp_path}"}}'.encode()
        pid = child.pid()
        assert pid is not None
        assert os.getsid(pid) == os.getpgid(pid) == pid
    finally:
        child.stop()


def test_a_server_may_end_by_itself_first(tmp_path: Path) -> None:
    """Its standard input ends first: what it does then is not disturbed."""
    done = tmp_path / "done"
    with started(f"trap 'exit 9' TERM; cat; sleep 0.1; echo saved > {done}") as child:
        begun = time.monotonic()
        child.stop()
        assert time.monotonic() - begun < 1 + LATE
    assert done.read_text() == "saved\n"
    with pytest.raises(UpstreamGone):
        child.send(b"{}")


def test_one_that_does_not_is_asked_and_then_killed(tmp_path: Path) -> None:
    """End of file, TERM, KILL: in this order, for everything that it started, within 2 s."""
    heard = tmp_path / "heard"
    script = f"""
    trap 'echo term >> {heard}' TERM
    echo '{{}}'; cat; echo eof >> {heard}
    while :; do sleep 0.02; done
    """
    with started(script) as child:
        child.receive()
        pid = child.pid()
        assert pid is not None
        begun = time.monotonic()
        child.stop()
        assert time.monotonic() - begun < 2 + LATE
        assert left_after([pid], 0) == []
    assert heard.read_text().split() == ["eof", "term"]


def test_nothing_outlives_a_stop() -> None:
    """Not what ignores its end, nor what left the session, nor what was orphaned (M20)."""
    with started(STUBBORN) as child:
        assert child.receive() == b'{"ready": 1}'
        pid = child.pid()
        assert pid is not None
        keeper = parents(pid)[0]
        processes = [keeper, *descendants(keeper)]
        below_it = [each for each in processes if each == pid or pid in parents(each)]
        assert len(processes) > len(below_it) + 1 > 4
        child.stop()
        assert child.receive() is None
        assert child.ended == "sh was stopped."
        assert left_after(processes, 0) == []


def parents(pid: int) -> list[int]:
    """Return the process's parent, its parent, and so on."""
    found: list[int] = []
    while pid > 1:
        pid = int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
        found.append(pid)
    return found


def test_nothing_outlives_our_own_death() -> None:
    """Killed without warning, we leave no process after 2 s (M20)."""
    with wrapped(STUBBORN) as process:
        below = descendants(process.pid)
        assert len(below) >= 5
        process.kill()
        assert left_after(below, 2 + LATE) == []


def test_the_server_outlives_neither_us_nor_the_keeper() -> None:
    """Where all that is called mcp-local is killed at once, the server dies of that too."""
    with wrapped("echo '{}'; trap '' HUP TERM; while :; do sleep 0.1; done") as process:
        keeper, server, *_ = descendants(process.pid)
        os.kill(keeper, signal.SIGSTOP)  # so that it can't do its work
        process.kill()
        os.kill(keeper, signal.SIGKILL)
        assert left_after([server], 2 + LATE) == []


def test_a_keeper_that_is_told_to_end_ends_its_server() -> None:
    """A TERM to the keeper itself is an order like any other."""
    with started("echo '{}'; cat; exec sleep 9") as child:
        child.receive()
        (keeper,) = {parents(pid)[0] for pid in [child.pid()] if pid}
        os.kill(keeper, signal.SIGTERM)
        assert child.receive() is None
        assert child.ended == "sh was ended by signal 15."


def test_a_keeper_that_does_not_do_its_work_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop is over in time whatever the keeper does; the server dies with it."""
    monkeypatch.setattr(keeper_posix, "EOF_GRACE", 0.0)
    monkeypatch.setattr(keeper_posix, "TERM_GRACE", 0.0)
    with started("echo '{}'; trap '' TERM; while :; do sleep 0.1; done") as child:
        child.receive()
        pid = child.pid()
        assert pid is not None
        os.kill(parents(pid)[0], signal.SIGSTOP)
        child.stop()
        assert left_after([pid], 1 + LATE) == []
        assert repr(child) == "Child('sh')"  # arguments may hold secrets


def test_what_a_server_left_behind_ends_with_it() -> None:
    """A server that ends by itself takes what it started along."""
    with started('sleep 99 & echo "{\\"pid\\": $!}"; exit 0') as child:
        message = child.receive()
        assert message is not None
        assert child.receive() is None
        assert child.ended == "sh ended with exit code 0."
        assert left_after([int(message.split()[1][:-1])], 0) == []


def test_why_a_server_ended_is_told() -> None:
    """The exit code in a sentence; the last lines of its standard error for the log only."""
    log = Notes()
    with started("echo first >&2; echo 'cannot open test.db' >&2; exit 3", log) as child:
        assert child.receive() is None
        assert child.receive() is None
    assert child.ended == "sh ended with exit code 3."
    assert child.last_lines == ("first", "cannot open test.db")
    (ended,) = log.of("server_ended")
    assert ended == {
        "level": "error",
        "why": child.ended,
        "stderr": ["first", "cannot open test.db"],
    }
    with pytest.raises(UpstreamGone, match="exit code 3"):
        child.send(b"{}")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "There is no program"),
        ("#!/no/such/interpreter\n", "No such file or directory"),
        ("\x7fELF?", "Exec format error"),
    ],
)
def test_what_cannot_be_started_is_told(tmp_path: Path, content: str | None, why: str) -> None:
    """A missing program, a missing interpreter, no program at all: there is no sense in a retry."""
    file = tmp_path / "server"
    if content is not None:
        file.write_text(content, encoding="utf-8")
        file.chmod(0o755)
    child = Child(str(file), [], {}, tmp_path, Notes())
    child.start()
    assert child.receive() is None
    assert why in child.ended
    assert child.hopeless
    child.stop()
    with pytest.raises(UpstreamGone):
        child.send(b"{}")


def test_a_command_line_that_is_too_long_is_told() -> None:
    """Linux takes 128 KiB in one argument; another try would end in the same way."""
    child = Child("echo", ["x" * 200_000], {"PATH": os.environ["PATH"]}, Path.cwd(), Notes())
    child.start()
    assert child.receive() is None
    assert child.ended == "echo can't be run: Argument list too long."
    assert child.hopeless
    child.stop()


def test_modules_that_hear_of_forks_are_there_before_one() -> None:
    """One that another thread is importing meanwhile would hear of its end only, and complain."""
    done = subprocess.run(
        [sys.executable, "-c", FORKING], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "True [set()]\n"


def test_a_system_without_room_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no process can be made, that is an end like any other, and nothing is left open."""

    def refuse() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refuse)
    open_before = len(list(Path("/proc/self/fd").iterdir()))
    child = make("cat")
    child.start()
    assert child.receive() is None
    assert child.ended == "sh can't be started: Resource temporarily unavailable."
    assert len(list(Path("/proc/self/fd").iterdir())) == open_before


def test_banners_and_garbage_are_no_messages() -> None:
    """What isn't the protocol's is logged and skipped; what comes after it is heard (M18)."""
    log = Notes()
    script = r"""printf 'Welcome!\n[INFO] up\n\n{"id":1}\n\377\376\n{"id":2}\ncut'"""
    with started(script, log) as child:
        assert child.receive() == b'{"id":1}'
        assert child.receive() == b'{"id":2}'
        assert child.receive() is None
    assert [fields["line"] for fields in log.of("server_noise")] == [
        "Welcome!",
        "[INFO] up",
        "\ufffd\ufffd",
        "cut",
    ]


def test_a_line_without_an_end_ends_the_server() -> None:
    """Over 64 MiB nobody listens any more: memory is bounded (M16)."""
    with started("head -c 70000000 /dev/zero; exec sleep 99") as child:
        assert child.receive() is None
        assert child.ended == "sh wrote a line of more than 64 MiB."


def test_one_that_closed_its_output_is_gone() -> None:
    """A server that can't answer any more is ended."""
    with started("exec >&-; exec sleep 99") as child:
        assert child.receive() is None
        assert child.ended == "sh closed its standard output."


def test_one_that_never_reads_holds_nobody_up_for_ever() -> None:
    """A sender that is stuck gets free when the server is stopped."""
    with started("echo '{}'; exec sleep 99") as child:
        child.receive()
        failed: list[UpstreamGone] = []

        def send() -> None:
            try:
                child.send(b"{" + b"x" * 1_000_000 + b"}")
            except UpstreamGone as gone:
                failed.append(gone)

        sender = threading.Thread(target=send)
        sender.start()
        sender.join(0.1)
        assert sender.is_alive()
        child.stop()
        sender.join(2)
        assert failed


def test_a_server_that_dies_is_started_again() -> None:
    """A new life knows nothing of the old one, and is spoken to as the old one was."""
    server = Supervised(lambda: make("read line; echo '{\"life\": 1}'; exit 1"), Notes())
    server.start()
    try:
        for _ in range(2):
            server.send(b"{}")
            assert server.receive() == b'{"life": 1}'
            assert server.receive() is None
            assert server.ended == "sh ended with exit code 1."
            assert server.revive()
            assert server.ended == ""
    finally:
        server.stop()
    assert not server.revive()


def test_one_that_dies_again_and_again_is_given_up() -> None:
    """After five short lives in a row nothing is started any more (M19), and nothing is left."""
    log = Notes()
    server = Supervised(lambda: make("echo no >&2; exit 1", log), log, delays=(0.0,) * 4)
    open_before = len(list(Path("/proc/self/fd").iterdir()))
    server.start()
    lives = 1
    while server.receive() is None and server.revive():
        lives += 1
    assert lives == 5
    assert server.last_lines == ("no",)
    assert server.ended == "sh ended with exit code 1. It did so 5 times in a row."
    with pytest.raises(UpstreamGone, match="5 times"):
        server.send(b"{}")
    assert log.events[-1][0] == "server_given_up"
    assert len(list(Path("/proc/self/fd").iterdir())) == open_before


def test_what_can_never_start_is_not_tried_again(tmp_path: Path) -> None:
    """A missing program is missing the next time too."""
    server = Supervised(lambda: Child("nonesuch", [], {}, tmp_path, Notes()), Notes())
    server.start()
    assert server.receive() is None
    assert not server.revive()
    assert server.ended == "The command 'nonesuch' is not on the PATH."


def test_a_stop_ends_the_waiting_for_a_new_start() -> None:
    """Nothing is started after the end, however long it was still to wait."""
    server = Supervised(lambda: make("exit 1"), Notes(), delays=(60.0,))
    server.start()
    assert server.receive() is None
    threading.Timer(0.05, server.stop).start()
    assert not server.revive()


def test_a_long_life_is_forgiven() -> None:
    """Only short lives in a row count; the waiting grows with them."""
    backoff = Backoff((0.0, 0.5, 1.0, 2.0))
    assert [backoff.after(1) for _ in range(3)] == [0.0, 0.5, 1.0]
    assert backoff.after(61) == 0.0
    assert [backoff.after(1) for _ in range(4)] == [0.5, 1.0, 2.0, None]
