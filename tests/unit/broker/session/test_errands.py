"""What a server has done for it: processes, pipes, turns, and all of them when cancelled."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
import time
from contextlib import suppress
from dataclasses import replace as changed
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from mcp_local.broker.screen.browser import Opening
from mcp_local.broker.session import processes
from mcp_local.broker.session.board import Board
from mcp_local.broker.session.errands import Errands
from mcp_local.broker.session.handover import Channel, Message, fill, open_channel, pack, unpack
from mcp_local.broker.session.reader import Reader
from mcp_local.broker.session.runner import Runner, in_thread
from mcp_local.broker.signin.turn import turn
from mcp_local.broker.state import Phase, SignInState, Storage
from mcp_local.broker.state_file import StateFile, sign_in_lock
from mcp_local.broker.storage.files import FileLock, private_dir
from mcp_local.broker.storage.memory_store import MemoryStore
from mcp_local.broker.storage.store import Entry
from mcp_local.errors import SignInFailed, StorageError
from mcp_local.log import Log
from mcp_local.settings import CacheKey, Settings, profile_dir

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MEMORY = Storage("memory", encrypted=False, detail="")


@pytest.fixture
def settings(home: Path) -> Settings:
    """Settings with a profile and a key file."""
    return Settings(
        home=home,
        config_file=home / "config.toml",
        tenant="11111111-2222-4333-8444-55555555abcd",
        client_id="cccccccc-0000-4000-8000-00000000000c",
        authority="https://login.microsoftonline.com/11111111-2222-4333-8444-55555555abcd",
        cache_key=CacheKey.FILE,
        flags=("--tenant", "x"),
    )


def _wait(happens: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not happens():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


# Handing over


def _channel(monkeypatch: pytest.MonkeyPatch, handed_over: bytes) -> tuple[Channel, io.BytesIO]:
    pipe = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(handed_over)))
    return Channel(pipe), pipe


def test_entries_go_over_and_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the server has the process has, and what it changes the server gets with the state."""
    ours = MemoryStore(MEMORY)
    ours.save(Entry.MSAL, b"\x00\xff cache")
    ours.save(Entry.JWKS, b"keys")
    channel, pipe = _channel(monkeypatch, pack(ours))
    assert channel.store.load(Entry.MSAL) == b"\x00\xff cache"
    channel.store.save(Entry.TOKEN, b"token")
    channel.store.delete(Entry.JWKS)
    channel.tell(SignInState(phase=Phase.SIGNED_IN))
    [line] = pipe.getvalue().splitlines()
    message = unpack(line)
    fill(ours, message)
    assert message.state == SignInState(phase=Phase.SIGNED_IN)
    assert ours.load(Entry.TOKEN) == b"token"
    assert ours.load(Entry.MSAL) == b"\x00\xff cache"
    assert ours.load(Entry.JWKS) is None


def test_cut_line_changes_nothing() -> None:
    """A writer that was killed in mid line leaves the store as it is."""
    ours = MemoryStore(MEMORY)
    ours.save(Entry.MSAL, b"cache")
    fill(ours, unpack(pack(ours)[:-5]))
    fill(ours, unpack(b""))
    assert ours.load(Entry.MSAL) == b"cache"


def test_message_shows_no_entries() -> None:
    """M22: a message in a traceback or a log shows nothing of what it carries."""
    assert "token" not in repr(Message(entries={Entry.TOKEN: b"token"}))


def test_server_that_is_gone_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process ends its work though nobody listens any more."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    ours, theirs = os.pipe()
    os.close(ours)
    with open_channel(theirs) as channel:
        assert channel is not None
        channel.tell(SignInState())


def test_without_a_pipe_there_is_no_channel() -> None:
    """Files hold the result; standard input is not touched."""
    with open_channel(None) as channel:
        assert channel is None


def test_state_goes_to_the_pipe_where_there_is_no_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """C12: without a place for the state file the starting server alone is told."""
    (tmp_path / "home").write_text("a file", encoding="utf-8")
    file = StateFile(tmp_path / "home" / "profile")
    channel, pipe = _channel(monkeypatch, b"")
    board = Board(file, channel)
    assert board.read() == SignInState()
    board.update(lambda state: replace(state, account="a"))
    assert board.read().account == "a"
    assert [unpack(line).state for line in pipe.getvalue().splitlines()] == [
        SignInState(account="a", generation=1)
    ]
    with pytest.raises(StorageError):
        Board(file, None).update(lambda state: replace(state, account="a"))


# Processes


def _stand_in(settings: Settings, program: str) -> dict[str, str]:
    """Let the processes that are started run this program in place of ours."""
    package = private_dir(settings.home) / "stand-in" / "mcp_local"
    package.mkdir(parents=True)
    (package / "__main__.py").write_text(program, encoding="utf-8")
    (package / "__init__.py").write_text("", encoding="utf-8")
    return {**os.environ, "PYTHONPATH": str(package.parent)}


def test_process_gets_the_flags_and_none_of_our_descriptors(
    settings: Settings, tmp_path: Path
) -> None:
    """Neither input nor output of the protocol, no session or group of ours, no folder's code."""
    out = tmp_path / "out"
    environ = _stand_in(
        settings,
        "import json, os, sys\n"
        "seen = {'argv': sys.argv[1:], 'path': sys.path,\n"
        "        'in': sys.stdin.read(), 'tty': os.path.realpath('/proc/self/fd/1'),\n"
        "        'own': os.getsid(0) == os.getpid() if hasattr(os, 'getsid') else True}\n"
        f"json.dump(seen, open({str(out)!r}, 'w'))\n",
    )
    process = processes.start(settings, environ, ["refresh", "--background"])
    _wait(lambda: process.ended() is not None)
    seen = json.loads(out.read_text("utf-8"))
    assert process.ended() == 0
    assert seen["argv"] == ["--tenant", "x", "refresh", "--background"]
    assert seen["in"] == ""
    assert "" not in seen["path"]
    assert str(tmp_path) not in seen["path"]
    assert seen["own"]
    if sys.platform == "linux":
        assert seen["tty"] == os.devnull


def test_lines_are_heard_before_the_end_is_seen(
    settings: Settings,
) -> None:
    """What a process says last isn't lost, and it gets what it was handed."""
    environ = _stand_in(
        settings,
        "import os, sys\n"
        "with os.fdopen(int(sys.argv[-1]), 'wb') as out:\n"
        "    out.write(sys.stdin.buffer.read().upper())\n"
        "    out.write(b'x' * 200_000 + b'\\n')\n",
    )
    heard: list[bytes] = []
    process = processes.start_with_pipes(
        settings, environ, ["login"], hand_over=b"abc\n", heard=heard.append
    )
    _wait(lambda: process.ended() is not None)
    assert heard == [b"ABC\n", b"x" * 200_000 + b"\n"]


def test_process_that_dies_at_once_is_only_seen_to_have_ended(
    settings: Settings,
) -> None:
    """A large hand-over to a dead process raises nothing."""
    environ = _stand_in(settings, "raise SystemExit(7)")
    process = processes.start_with_pipes(
        settings, environ, ["login"], hand_over=b"x" * 1_000_000, heard=lambda _: None
    )
    _wait(lambda: process.ended() is not None)
    assert process.ended() == 7


def test_browser_prints_nothing_to_us(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A browser that writes to its standard output doesn't reach ours; a failure is noticed."""
    script = tmp_path / "browser.py"
    script.write_text(
        "import sys; print('Opening in existing browser session'); sys.exit('fail' in sys.argv[1])",
        encoding="utf-8",
    )
    environ = {**os.environ, "BROWSER": f"{sys.executable} {script} %s"}
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        environ.pop(name, None)
    well, badly = Opening("http://localhost/ok", environ), Opening("http://localhost/fail", environ)
    _wait(badly.failed)
    assert not well.failed()
    for opening in (well, badly):
        opening.let_go()
    assert capfd.readouterr() == ("", "")


def test_browser_is_not_told_the_passphrase(tmp_path: Path) -> None:
    """M14: it runs whatever pages hold, and needs no more than the address."""
    seen = tmp_path / "seen"
    script = tmp_path / "browser.py"
    script.write_text(
        f"import os, pathlib; pathlib.Path({str(seen)!r}).write_text(repr(dict(os.environ)))",
        encoding="utf-8",
    )
    browser = f"{sys.executable} {script} %s"
    canary = {"MCP_LOCAL_CACHE_PASSPHRASE": "canary", "MCP_LOCAL_HOME": "kept"}
    opening = Opening("http://localhost/ok", os.environ | canary | {"BROWSER": browser})
    _wait(lambda: seen.exists() and seen.read_text(encoding="utf-8").endswith("}"))
    opening.let_go()
    assert "canary" not in seen.read_text(encoding="utf-8")
    assert "kept" in seen.read_text(encoding="utf-8")


# Turns


def test_stopped_sign_in_is_not_waited_for_for_ever(settings: Settings) -> None:
    """C9: a holder that never ends makes an error of its own."""
    profile = private_dir(profile_dir(settings))
    board = Board(StateFile(profile), None)
    with (
        FileLock(sign_in_lock(profile)),
        pytest.raises(SignInFailed, match="doesn't come to an end"),
        turn(profile, board, lambda _: None, limit=0.1, locked=True),
    ):
        pytest.fail("it isn't our turn")


def test_folder_without_locks(tmp_path: Path) -> None:
    """C17: only who has another way to hand the result over goes on without a lock."""
    (tmp_path / "home").write_text("a file", encoding="utf-8")
    profile = tmp_path / "home" / "profile"
    board = Board(StateFile(profile), None)
    with pytest.raises(StorageError), turn(profile, board, print, limit=1, locked=True):
        pytest.fail("no lock")
    with turn(profile, board, print, limit=1, locked=False) as waited:
        assert not waited


# Errands


def _runner(settings: Settings, environ: dict[str, str]) -> Runner:
    reader = Reader(settings, environ, time.time)
    with suppress(StorageError):
        reader.read()
    log = Log(settings.home / "log" / "mcp-local.jsonl")
    return Runner(settings, environ, reader, log, lambda _: None)


def _errands(settings: Settings, environ: dict[str, str]) -> Errands:
    return Errands(profile_dir(settings), _runner(settings, environ))


async def _yes() -> bool:
    return True


async def _no() -> bool:
    return False


def test_process_that_cannot_be_started_is_a_fault(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system refuses: said in the log and in the status, nothing raised."""
    monkeypatch.setattr(sys, "executable", str(settings.home / "no-python"))
    for key in (CacheKey.FILE, CacheKey.MEMORY):
        runner = _runner(changed(settings, cache_key=key), dict(os.environ))
        asyncio.run(runner.run(["refresh"]))
        assert runner.fault


def test_errand_of_another_instance_is_waited_for(settings: Settings) -> None:
    """While somebody else renews, nothing is started; it may be over before our turn comes."""
    runner = _runner(settings, dict(os.environ))
    sent = Errands(profile_dir(settings), runner)
    asked = 0

    async def needed() -> bool:
        nonlocal asked
        asked += 1
        return asked < 3

    with FileLock(profile_dir(settings) / "renewal.lock"):
        asyncio.run(sent.renew(force=False, needed=needed))
    assert asked == 3
    assert not runner.fault


def test_errand_of_a_stopped_instance_is_done_without_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C9: one stopped server doesn't keep all others from renewing."""
    monkeypatch.setattr("mcp_local.broker.session.errands._LONGEST_TURN", 0.2)
    done = settings.home / "done"
    sent = _errands(settings, _stand_in(settings, f"open({str(done)!r}, 'w')"))
    with FileLock(profile_dir(settings) / "renewal.lock"):
        asyncio.run(asyncio.wait_for(sent.renew(force=False, needed=_yes), 20))
    assert done.exists()


def test_turn_without_locks_is_no_end(settings: Settings) -> None:
    """C17: a lock file that can't be had stops nobody; the process says what it can't do."""
    runner = _runner(settings, _stand_in(settings, "raise SystemExit(0)"))
    sent = Errands(profile_dir(settings), runner)
    (profile_dir(settings) / "renewal.lock").mkdir()
    asyncio.run(sent.renew(force=False, needed=_yes))
    assert not runner.fault


def test_cancelled_errand_leaves_no_lock_and_no_process(
    settings: Settings,
) -> None:
    """A server that is closed in mid renewal leaves the turn to others."""
    environ = _stand_in(settings, "import time; time.sleep(2)")
    sent = _errands(settings, environ)

    async def story() -> None:
        renewal = asyncio.ensure_future(sent.renew(force=True, needed=_yes))
        await asyncio.sleep(0.5)
        renewal.cancel()
        with suppress(asyncio.CancelledError):
            await renewal

    asyncio.run(story())
    assert not FileLock(profile_dir(settings) / "renewal.lock").held_elsewhere()


def test_cancelled_in_a_thread_undoes_what_was_done() -> None:
    """What a thread brings after nobody waits for it any more is given back."""
    undone: list[str] = []

    async def story() -> None:
        waiting = asyncio.ensure_future(
            in_thread(lambda: time.sleep(0.2) or "lock", undo=undone.append)
        )
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(story())
    assert undone == ["lock"]


def test_cancelled_in_a_thread_that_fails_is_still_cancelled() -> None:
    """Else who was cancelled would go on as after any other failure."""

    def fail() -> None:
        time.sleep(0.2)
        raise StorageError("no locks here")

    async def story() -> None:
        waiting = asyncio.ensure_future(in_thread(fail, undo=lambda _: None))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(story())


def test_no_folder_for_locks_leaves_the_own_process_to_look_at(settings: Settings) -> None:
    """C17: whether a sign-in runs is then known of our own only."""
    settings.home.write_text("a file", encoding="utf-8")
    sent = _errands(settings, dict(os.environ))
    assert not asyncio.run(sent.sign_in_runs())
    assert not sent.shared


@pytest.mark.parametrize("signs_out", ["nobody", "here", "elsewhere"])
def test_what_a_renewal_brings_after_a_sign_out_is_ignored(
    settings: Settings, signs_out: str
) -> None:
    """C16: with storage in memory, too, a renewal under way brings nobody back."""
    brought = MemoryStore(MEMORY)
    brought.save(Entry.TOKEN, b"token")
    environ = _stand_in(
        settings,
        "import os, sys, time\n"
        "sys.stdin.read()\n"
        "time.sleep(0.5)\n"
        f"os.write(int(sys.argv[-1]), {pack(brought)!r})\n",
    )
    settings = changed(settings, cache_key=CacheKey.MEMORY)
    reader = Reader(settings, environ, time.time)
    reader.read()
    store, file = reader.store(), settings.home / "msal.bin"
    assert isinstance(store, MemoryStore)
    file.touch()
    store.save(Entry.MSAL, b"taken over")
    store.ends_with(file)
    runner = Runner(settings, environ, reader, Log(settings.home / "log"), lambda _: None)
    sent = Errands(profile_dir(settings), runner)

    async def story() -> None:
        renewal = asyncio.ensure_future(sent.renew(force=False, needed=_yes))
        await asyncio.sleep(0.2)
        if signs_out == "here":
            runner.sign_out()
        elif signs_out == "elsewhere":
            file.unlink()
        await renewal

    asyncio.run(story())
    assert store.load(Entry.TOKEN) == (b"token" if signs_out == "nobody" else None)


def test_started_sign_in_is_left_to_itself(
    settings: Settings,
) -> None:
    """Closing the server ends neither the process nor anything else."""
    environ = _stand_in(settings, "import time; time.sleep(1)")
    sent = _errands(settings, environ)

    async def story() -> None:
        asking = asyncio.ensure_future(sent.sign_in(needed=_yes, begun=_no))
        while not sent.signing_in:  # noqa: ASYNC110 - a process raises no event
            await asyncio.sleep(0.02)
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
        sent.let_go()
        assert not sent.signing_in

    asyncio.run(story())
