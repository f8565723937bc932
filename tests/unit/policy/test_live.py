"""The policy in force: it follows its files, and no mistake ever widens it (M24)."""

from __future__ import annotations

import asyncio
import json
import os
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from mcp_local.errors import PolicyError
from mcp_local.log import Log
from mcp_local.policy import Policy
from mcp_local.policy.live import LivePolicy, note_policy
from mcp_local.policy.model import Action, Component, Kind, Request
from tests.support.people import person

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

READ = "version: 1\nroles:\n  reader: {tools: [read]}\n"
WRITE = "version: 1\nroles:\n  reader: {tools: [read, write]}\n"
BROKEN = "version: 1\nrolls:\n  reader: {tools: [read, write]}\n"
OBSERVE = f"mode: observe\n{READ}"
READER = person("ada", "reader").identity


def usable(live: LivePolicy) -> str:
    """Return the names of the tools that a reader may call."""
    names = ("read", "write", "more")
    call = Request(Action.CALL, {})
    return " ".join(
        name for name in names if live.decide(READER, call, Component(Kind.TOOL, name)).allowed
    )


def save(path: Path, text: str) -> None:
    """Write a file as editors do: beside, and then in its place."""
    beside = path.with_name(f".{path.name}.tmp")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


async def until(happens: Callable[[], bool]) -> None:
    """Wait until something holds that nobody is told of."""
    while not happens():  # noqa: ASYNC110 - as above
        await asyncio.sleep(0.01)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A policy that lets a reader read."""
    path = tmp_path / "policy.yaml"
    path.write_text(READ, encoding="utf-8")
    return path


def test_a_good_change_takes_effect(file: Path) -> None:
    """Replaced or written in place; each change counts once."""
    live = LivePolicy(file)
    assert (usable(live), live.generation, live.notice()) == ("read", 1, "")
    assert not live.look()
    save(file, WRITE)
    assert live.look()
    assert (usable(live), live.generation) == ("read write", 2)
    assert not live.look()
    file.write_text(READ, encoding="utf-8")
    assert live.look()
    assert usable(live) == "read"


def test_a_file_that_is_no_policy_fills_no_memory(file: Path) -> None:
    """Of one that is too large no more is read than shows it."""
    live = LivePolicy(file)
    with file.open("wb") as opened:
        opened.truncate(1 << 28)
    tracemalloc.start()
    try:
        assert not live.look()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert live.problem is not None
    assert "larger than 8 MiB" in live.problem.message
    assert peak < 1 << 26
    assert usable(live) == "read"


def test_a_broken_change_keeps_the_last_good_policy(file: Path) -> None:
    """It is told of, never widens, and is forgotten once mended."""
    live = LivePolicy(file)
    save(file, BROKEN)
    assert not live.look()
    assert (usable(live), live.generation) == ("read", 1)
    assert live.problem is not None
    assert "last good policy stays in force" in live.notice()
    assert "policy.yaml:2" in live.notice()
    assert live.now.marks() == {"policy_problem": live.problem.message}
    save(file, READ)
    assert not live.look()
    assert (live.notice(), live.problem) == ("", None)
    save(file, BROKEN)
    live.look()
    save(file, WRITE)
    assert live.look()
    assert (usable(live), live.notice()) == ("read write", "")


@pytest.mark.parametrize("text", [BROKEN, "", "version: 1\nroles:\n  reader: {tools: [re", "\0"])
def test_broken_at_the_start_nothing_is_allowed(file: Path, text: str) -> None:
    """And good once mended, without a new start."""
    file.write_text(text, encoding="utf-8")
    live = LivePolicy(file)
    assert usable(live) == ""
    assert live.problem is not None
    assert "Nothing but the account tools is served" in live.notice()
    save(file, READ)
    assert live.look()
    assert (usable(live), live.notice()) == ("read", "")


def test_a_file_that_is_gone_keeps_the_last_good_policy(file: Path) -> None:
    """Deleted, or made a folder without policies; there at last, it counts."""
    live = LivePolicy(file)
    file.unlink()
    assert not live.look()
    assert usable(live) == "read"
    assert "can't be read" in live.notice()
    file.mkdir()
    live.look()
    assert "has no *.yaml file" in live.notice()
    save(file / "one.yaml", WRITE)
    assert live.look()
    assert (usable(live), live.notice()) == ("read write", "")


def test_a_policy_that_is_not_there_yet(tmp_path: Path) -> None:
    """Nothing is allowed until it comes."""
    live = LivePolicy(tmp_path / "later.yaml")
    assert usable(live) == ""
    save(tmp_path / "later.yaml", READ)
    assert live.look()
    assert usable(live) == "read"


def test_a_folder_is_followed(tmp_path: Path) -> None:
    """Files that come, change and go; what editors leave lying about doesn't count."""
    (tmp_path / "one.yaml").write_text(READ, encoding="utf-8")
    live = LivePolicy(tmp_path)
    (tmp_path / "two.yml").write_text("version: 1\nroles:\n  reader2: {tools: [x]}\n", "utf-8")
    assert live.look()
    (tmp_path / ".two.yml.swp").write_text(BROKEN, encoding="utf-8")
    (tmp_path / "two.yml~").write_text(BROKEN, encoding="utf-8")
    assert not live.look()
    assert live.problem is None
    (tmp_path / "two.yml").unlink()
    save(tmp_path / "one.yaml", WRITE)
    assert live.look()
    assert usable(live) == "read write"
    save(tmp_path / "three.yaml", BROKEN)
    assert not live.look()
    assert usable(live) == "read write"


def test_a_file_written_in_pieces_is_not_read_half(file: Path) -> None:
    """A change must have stood for a moment; the first half alone might allow more."""
    live = LivePolicy(file)
    file.write_text("version: 1\ndefault: allow\n", encoding="utf-8")
    assert not live.look(settle=60)
    assert not live.look(settle=60)
    assert usable(live) == "read"
    file.write_text("version: 1\ndefault: allow\nroles: {}\n", encoding="utf-8")
    assert not live.look(settle=60)
    assert live.look(settle=0)
    assert usable(live) == "read write more"


def test_a_change_that_shows_in_no_time_or_size_is_seen(file: Path) -> None:
    """Two writes within a tick of the file system's clock, as long as the first one was young."""
    live = LivePolicy(file)
    save(file, READ.replace("read]", "more]"))
    state = file.stat()
    live.look()
    assert usable(live) == "more"
    with file.open("r+", encoding="utf-8") as opened:
        opened.write(READ)
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert live.look()
    assert usable(live) == "read"


def test_the_same_again_is_no_change(file: Path) -> None:
    """Touched, or saved as it was: nobody is told."""
    live = LivePolicy(file)
    file.touch()
    save(file, READ)
    assert not live.look()
    assert live.generation == 1


def test_observing_is_told(file: Path) -> None:
    """By notice and marks, and no longer once it enforces."""
    live = LivePolicy(file)
    assert not live.observing
    save(file, OBSERVE)
    assert live.look()
    assert live.observing
    assert usable(live) == "read write more"
    assert "only observes" in live.notice()
    assert live.now.marks() == {"policy_mode": "observe"}
    save(file, READ)
    live.look()
    assert (live.observing, usable(live)) == (False, "read")


def test_policies_are_added_and_removed(file: Path, tmp_path: Path) -> None:
    """Files and policies made in Python count beside the file, and outlive its changes."""
    live = LivePolicy(file)
    (tmp_path / "more.yaml").write_text("version: 1\nroles:\n  reader: {tools: [more]}\n", "utf-8")
    name = live.add_policy(tmp_path / "more.yaml")
    assert usable(live) == "read more"
    writing = Policy.deny_by_default(name="writing").grant("reader", tools=["write"])
    assert live.add_policy(writing) == "writing"
    assert usable(live) == "read write more"
    save(file, READ.replace("read", "nothing"))
    live.look()
    save(file, READ)
    live.look()
    assert live.remove_policy(name)
    assert not live.remove_policy(name)
    assert usable(live) == "read write"
    live.add_policy(Policy.deny_by_default(name="writing").grant("reader", tools=["more"]))
    assert usable(live) == "read more"
    assert live.remove_policy("writing")
    assert usable(live) == "read"


def test_what_is_added_needs_no_file() -> None:
    """Without any policy there is none; with one added there is."""
    live = LivePolicy()
    assert live.now.decides is None
    assert usable(live) == ""
    name = live.add_policy(Policy.deny_by_default().grant("reader", tools=["read"]))
    assert usable(live) == "read"
    assert live.remove_policy(name)
    assert live.now.decides is None
    assert not live.look()
    assert not live.reload_policies()


def test_what_is_added_without_a_name_replaces_nothing() -> None:
    """Not even after one of them was taken away: rules would vanish that nobody removed."""
    live = LivePolicy()
    policies = [
        Policy.deny_by_default().grant("reader", tools=[name]) for name in ("read", "write")
    ]
    first, second = map(live.add_policy, policies)
    assert live.remove_policy(first)
    third = live.add_policy(Policy.deny_by_default().grant("reader", tools=["more"]))
    assert third != second
    assert usable(live) == "write more"


def test_what_can_not_be_added_changes_nothing(file: Path, tmp_path: Path) -> None:
    """Broken, contradicting, or beside the administrator's policy."""
    live = LivePolicy(file)
    (tmp_path / "broken.yaml").write_text(BROKEN, encoding="utf-8")
    (tmp_path / "denies.yaml").write_text("version: 1\ndefault: deny\n", encoding="utf-8")
    with pytest.raises(PolicyError, match="rolls"):
        live.add_policy(tmp_path / "broken.yaml")
    live.add_policy(str(tmp_path / "denies.yaml"))
    with pytest.raises(PolicyError, match="default"):
        live.add_policy(Policy.allow_by_default())
    assert usable(live) == "read"
    managed = LivePolicy(file, managed=True)
    with pytest.raises(PolicyError, match="administrator"):
        managed.add_policy(tmp_path / "denies.yaml")


def test_additions_never_mend_a_broken_file(file: Path) -> None:
    """Nothing is allowed while the file never was good; then both count."""
    file.write_text(BROKEN, encoding="utf-8")
    live = LivePolicy(file)
    live.add_policy(Policy.deny_by_default().grant("reader", tools=["more"]))
    assert usable(live) == ""
    save(file, READ)
    assert live.look()
    assert usable(live) == "read more"


def test_a_file_that_contradicts_what_was_added_is_broken(file: Path) -> None:
    """The last good policy stays, with what was added."""
    live = LivePolicy(file)
    live.add_policy(Policy.deny_by_default(name="more").grant("reader", tools=["more"]))
    save(file, f"default: allow\n{WRITE}")
    assert not live.look()
    assert usable(live) == "read more"
    assert live.problem is not None
    assert live.remove_policy("more")
    assert live.problem is not None, "the file is looked at when it changes, or when asked to"
    assert live.reload_policies()
    assert usable(live) == "read write more"


def test_reloading_tells_what_is_wrong(file: Path) -> None:
    """At once, and to whoever asked for it."""
    live = LivePolicy(file)
    assert not live.reload_policies()
    save(file, BROKEN)
    with pytest.raises(PolicyError, match="rolls"):
        live.reload_policies()
    assert usable(live) == "read"
    save(file, WRITE)
    assert live.reload_policies()
    assert usable(live) == "read write"


def test_early_additions_are_taken_over(file: Path) -> None:
    """What a server adds while it is loaded counts once it is served."""
    early = LivePolicy()
    early.add_policy(Policy.deny_by_default(name="m").grant("reader", tools=["more"]))
    live, managed = LivePolicy(file), LivePolicy(file, managed=True)
    assert live.take_over(early) == []
    assert usable(live) == "read more"
    assert managed.take_over(early) == ["m"]
    assert usable(managed) == "read"


def test_watching_tells_of_changes(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients hear of what is in force, the log of everything."""
    monkeypatch.setattr("mcp_local.policy.live.LOOK", 0.01)
    monkeypatch.setattr("mcp_local.policy.live.SETTLE", 0.01)
    log = tmp_path / "log.jsonl"

    async def test() -> None:
        live, changed = LivePolicy(file), asyncio.Event()
        watching = asyncio.create_task(live.watch(changed.set, Log(log)))
        save(file, WRITE)
        await asyncio.wait_for(changed.wait(), 10)
        changed.clear()
        save(file, BROKEN)
        await until(lambda: live.problem is not None)
        save(file, WRITE)
        await until(lambda: live.problem is None)
        assert not changed.is_set()
        save(file, OBSERVE)
        await asyncio.wait_for(changed.wait(), 10)
        await asyncio.sleep(0.05)
        watching.cancel()

    asyncio.run(test())
    told = [json.loads(line)["event"] for line in log.read_text("ascii").splitlines()]
    assert told[0] == "policy_changed"
    assert told[-2:] == ["policy_changed", "policy_observes"]
    assert "policy_broken" in told
    assert "policy_mended" in told


def test_what_is_told_at_the_start(file: Path, tmp_path: Path) -> None:
    """A problem and the mode, nothing in the ordinary case."""
    log = tmp_path / "log.jsonl"
    note_policy(LivePolicy(file).now, Log(log))
    assert not log.exists()
    save(file, BROKEN)
    note_policy(LivePolicy(file).now, Log(log))
    save(file, OBSERVE)
    note_policy(LivePolicy(file).now, Log(log))
    told = [json.loads(line) for line in log.read_text("ascii").splitlines()]
    assert [line["event"] for line in told] == ["policy_broken", "policy_observes"]
    assert told[0]["kept"] is False


def test_that_there_is_no_policy_is_told(file: Path) -> None:
    """Else whoever forgot to name one sees nothing but the account tools, and no reason."""
    live = LivePolicy()
    assert "No policy is set" in live.notice()
    live.add_policy(file)
    assert not live.notice()
