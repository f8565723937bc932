"""Keys over real HTTPS, with real files and processes: SECURITY.md J21 to J23."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING, cast

import pytest

from mcp_local.errors import Unreachable
from mcp_local.identity.keys import MAX_AGE, UNKNOWN_KEY_PAUSE
from tests.support import ask_for_keys
from tests.support.site import Reply, Site, serve
from tests.support.tokens import NOW, good_key, jwks, next_key

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("forks")

PROCESSES = 8


@pytest.fixture
def authority(tmp_path: Path) -> Generator[Site]:
    """A server with a key set at /keys."""
    with serve(tmp_path) as site:
        site.replies["/keys"] = Reply(jwks(good_key().jwk(), next_key().jwk()))
        yield site


class Machine:
    """Starts processes that share one folder."""

    def __init__(self, folder: Path, site: Site) -> None:
        """Share ``folder`` among processes that ask ``site``."""
        folder.mkdir(mode=0o700)
        self.folder = folder
        self.site = site

    def start(self, now: float, *key_ids: str) -> subprocess.Popen[str]:
        """Start a process and wait until it is ready to ask."""
        arguments = [str(self.folder), f"{self.site.url}/keys", str(self.site.ca_file), str(now)]
        process = subprocess.Popen(
            [sys.executable, ask_for_keys.__file__, *arguments, *key_ids],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        return process

    def ask_all_at_once(self, now: float, count: int) -> Counter[str]:
        """Let eight processes ask for ``count`` unknown keys each; add up what came of it."""
        processes = [
            self.start(now, *(f"unknown-{process}-{number}" for number in range(count)))
            for process in range(PROCESSES)
        ]
        for process in processes:
            assert process.stdin
            process.stdin.write("\n")
            process.stdin.flush()
        outcomes: Counter[str] = Counter()
        for process in processes:
            output, _ = process.communicate(timeout=100)
            assert process.returncode == 0
            outcomes.update(cast("dict[str, int]", json.loads(output)))
        return outcomes

    def ask(self, now: float, key_id: str) -> bool:
        """Whether this process gets that key."""
        source = ask_for_keys.key_source(
            self.folder, f"{self.site.url}/keys", self.site.ca_file, now
        )
        return source.get(key_id).find(key_id) is not None

    @property
    def fetches(self) -> int:
        """How often the authority was asked."""
        return len(self.site.requests)


@pytest.fixture
def machine(tmp_path: Path, authority: Site) -> Machine:
    """A machine on which nobody asked yet."""
    return Machine(tmp_path / "state", authority)


@pytest.mark.parametrize(
    "count", [50, pytest.param(10_000, marks=[pytest.mark.heavy, pytest.mark.timeout(0)])]
)
def test_j21_eight_processes_fetch_once_in_five_minutes(machine: Machine, count: int) -> None:
    """J21: 8 processes with 10,000 unknown keys each cause one fetch, one more after the pause."""
    assert machine.ask_all_at_once(NOW, count) == {"missing": PROCESSES * count}
    assert machine.fetches == 1
    assert machine.ask(NOW, "current-key")
    assert machine.ask_all_at_once(NOW + UNKNOWN_KEY_PAUSE, count)["missing"] == PROCESSES * count
    assert machine.fetches == 2


@pytest.mark.parametrize(
    "count", [50, pytest.param(10_000, marks=[pytest.mark.heavy, pytest.mark.timeout(0)])]
)
def test_j21_eight_processes_back_off_together(machine: Machine, count: int) -> None:
    """J21: with the endpoint down, they all wait out the same pause."""
    machine.site.replies["/keys"] = Reply(b"", 500)
    for fetches, now in enumerate([NOW, NOW + 1], start=1):
        assert machine.ask_all_at_once(now, count) == {"unreachable": PROCESSES * count}
        assert machine.fetches == fetches


def test_a_process_that_dies_while_it_asks_holds_up_nobody(machine: Machine) -> None:
    """The lock goes with its holder, so the next process asks at once."""
    asked, go_on = threading.Event(), threading.Event()

    def hang(_write: Callable[[bytes], object]) -> None:
        asked.set()
        go_on.wait(30)

    good = machine.site.replies["/keys"]
    machine.site.replies["/keys"] = Reply(write=hang)
    process = machine.start(NOW, "current-key")
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()
    assert asked.wait(30)
    process.kill()
    process.communicate()
    machine.site.replies["/keys"] = good
    assert machine.ask(NOW, "current-key")
    go_on.set()


def endless(write: Callable[[bytes], object]) -> None:
    """10 MB of blanks around a key set."""
    for _ in range(160):
        write(b" " * 65536)


BAD = {
    "500": Reply(b"", 500),
    "404": Reply(b"", 404),
    "302": Reply(b"", 302, {"Location": "/elsewhere"}),
    "html": Reply(b"<html>Sign in to this network</html>", 200, {"Content-Type": "text/html"}),
    "empty": Reply(b""),
    "cut": Reply(jwks(good_key().jwk())[:-20]),
    "cut short of its length": Reply(jwks(good_key().jwk()), 200, {"Content-Length": "100000"}),
    "10 MB": Reply(write=endless),
    "no keys": Reply(b'{"keys":[]}'),
}


@pytest.mark.parametrize("kind", [*BAD, "hang"])
def test_j22_the_last_known_good_is_kept(machine: Machine, kind: str) -> None:
    """J22: whatever the endpoint answers, known keys serve on and unknown ones are unreachable."""
    go_on = threading.Event()
    hang = Reply(write=lambda _write: go_on.wait(30))
    machine.site.replies["/elsewhere"] = Reply(jwks(good_key().jwk(kid="planted")))
    try:
        assert machine.ask(NOW, "current-key")
        machine.site.replies["/keys"] = BAD.get(kind, hang)
        later = NOW + MAX_AGE
        assert machine.ask(later, "current-key")
        assert machine.fetches == 2
        with pytest.raises(Unreachable):
            machine.ask(later, "planted")
        assert machine.fetches == 2
    finally:
        go_on.set()


def test_j23_a_roll_over_is_seen_by_the_next_process(machine: Machine) -> None:
    """J23: the new key is fetched when the first token brings it, the removed one is gone."""
    machine.site.replies["/keys"] = Reply(jwks(good_key().jwk()))
    assert machine.ask(NOW, "current-key")
    machine.site.replies["/keys"] = Reply(jwks(next_key().jwk()))
    assert machine.ask(NOW + 10, "next-key")
    assert not machine.ask(NOW + 20, "current-key")


def test_j23_switched_off_the_known_keys_stay(tmp_path: Path) -> None:
    """J23: with no server at all, a set of a month ago still verifies."""
    with serve(tmp_path) as site:
        site.replies["/keys"] = Reply(jwks(good_key().jwk()))
        machine = Machine(tmp_path / "state", site)
        assert machine.ask(NOW, "current-key")
    assert machine.ask(NOW + 30 * MAX_AGE, "current-key")
    with pytest.raises(Unreachable):
        machine.ask(NOW + 30 * MAX_AGE, "next-key")
