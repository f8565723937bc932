"""When keys are fetched, and what is kept when they can't be: SECURITY.md J21 to J25."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from mcp_local.errors import StorageError, Unreachable
from mcp_local.identity.keys import MAX_AGE, UNKNOWN_KEY_PAUSE, KeySource
from tests.support.tokens import (
    NOW,
    OTHER_TENANT,
    good_key,
    issuer_v2,
    jwks,
    next_key,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

URI = "https://login.example/keys"
HTML = b"<html>Sign in to this network</html>"


class Shelf:
    """A storage in memory that can be full or locked, or let somebody else in first."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.data: bytes | None = None
        self.full = False
        self.locked = False
        self.locks = 0
        self.before_me: Callable[[], object] | None = None

    def load(self) -> bytes | None:
        """What was saved."""
        return self.data

    def save(self, data: bytes) -> None:
        """Keep it, unless the disk is full."""
        if self.full:
            raise StorageError("No space left.")
        self.data = data

    @contextmanager
    def lock(self) -> Generator[None]:
        """Count who comes; somebody else may stay inside, or be served before."""
        if self.locked:
            raise StorageError("Another process holds the lock.")
        self.locks += 1
        if self.before_me:
            visitor, self.before_me = self.before_me, None
            visitor()
        yield


class World:
    """An authority, a clock and a machine's storage, and the sources that share them."""

    def __init__(self) -> None:
        """Start with two keys at the authority and nothing on the machine."""
        self.now = float(NOW)
        self.answer = jwks(good_key().jwk(), next_key().jwk())
        self.down = False
        self.fetches = 0
        self.shelf = Shelf()

    def fetch(self, url: str) -> bytes:
        """Answer as the authority, and count."""
        assert url == URI
        self.fetches += 1
        if self.down:
            raise Unreachable("No route to host.")
        return self.answer

    def source(self, *, issuer: str = issuer_v2(), uri: str = URI) -> KeySource:
        """A source as another process on this machine would make it."""
        return KeySource(
            fetch=self.fetch,
            storage=self.shelf,
            jwks_uri=uri,
            issuer=issuer,
            clock=lambda: self.now,
        )

    def knows(self, key_id: str, *, at_sign_in: bool = False) -> bool:
        """Whether a new process gets that key."""
        return self.source().get(key_id, at_sign_in=at_sign_in).find(key_id) is not None


@pytest.fixture
def world() -> World:
    """A world in which nothing has happened yet."""
    return World()


def test_keys_are_fetched_once_and_shared(world: World) -> None:
    """The first process fetches, the next ones read what it kept, without even a lock."""
    assert world.knows("current-key")
    assert world.knows("next-key")
    assert world.knows("current-key")
    assert (world.fetches, world.shelf.locks) == (1, 1)


def test_who_waited_for_the_lock_uses_what_the_other_fetched(world: World) -> None:
    """A process that found a fetch due looks again once it is let in."""
    world.shelf.before_me = lambda: world.knows("current-key")
    assert world.knows("current-key")
    assert world.fetches == 1


def test_one_source_reads_its_keys_once(world: World) -> None:
    """The same set is handed out again as long as it is the same."""
    source = world.source()
    assert source.get("current-key") is source.get("next-key")


def test_j21_unknown_keys_cause_one_fetch_in_five_minutes(world: World) -> None:
    """J21: after an answer that lacked a key, 10,000 other unknown ones cause no fetch."""
    assert world.knows("current-key")
    for number in range(1000):
        assert not world.knows(f"unknown-{number}")
    assert world.fetches == 2
    world.now += UNKNOWN_KEY_PAUSE - 1
    assert not world.knows("unknown")
    assert world.fetches == 2
    world.now += 1
    assert not world.knows("unknown")
    assert not world.knows("unknown-too")
    assert world.fetches == 3


def test_j21_a_fetch_that_brought_the_key_starts_no_pause(world: World) -> None:
    """J21: the pause follows answers that lacked a key only, so a roll-over is seen at once."""
    world.answer = jwks(good_key().jwk())
    assert world.knows("current-key")
    world.answer = jwks(good_key().jwk(), next_key().jwk())
    assert world.knows("next-key")
    assert world.fetches == 2


def test_j21_a_sign_in_may_always_fetch_once(world: World) -> None:
    """J21: a person who just signed in isn't refused for a pause that a stranger caused."""
    world.answer = jwks(good_key().jwk())
    assert not world.knows("next-key")
    world.answer = jwks(good_key().jwk(), next_key().jwk())
    assert not world.knows("next-key")
    assert world.knows("next-key", at_sign_in=True)
    assert world.fetches == 2
    assert world.knows("next-key", at_sign_in=True)
    assert world.fetches == 2


def test_j21_a_sign_in_does_not_end_the_pause_for_others(world: World) -> None:
    """J21: strangers still wait out the five minutes that one of them caused."""
    assert not world.knows("unknown")
    world.answer = jwks(next_key().jwk(kid="newest-key"))
    assert world.knows("newest-key", at_sign_in=True)
    assert not world.knows("unknown")
    assert world.fetches == 2


def test_j21_a_sign_in_fetches_during_a_back_off(world: World) -> None:
    """J21: nor for a network that failed a moment ago."""
    world.down = True
    with pytest.raises(Unreachable):
        world.knows("current-key")
    world.down = False
    with pytest.raises(Unreachable, match="a moment ago"):
        world.knows("current-key")
    assert world.knows("current-key", at_sign_in=True)
    assert world.fetches == 2


def test_j21_faults_of_the_network_back_off_from_1_to_60_seconds(world: World) -> None:
    """J21: 1, 2, 4 … 60 s, for all processes together; an answer starts it anew."""
    world.down = True
    pauses: list[int] = []
    asked = -1
    for second in range(400):
        before = world.fetches
        with pytest.raises(Unreachable):
            world.knows("current-key")
        if world.fetches > before:
            pauses.append(second - asked)
            asked = second
        world.now += 1
    assert pauses == [1, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]
    world.down = False
    world.now += 60
    assert world.knows("current-key")


def test_j21_the_fault_itself_is_told_by_the_process_that_met_it(world: World) -> None:
    """J21: whoever waits out the pause is told so, whoever asked is told what went wrong."""
    world.down = True
    source = world.source()
    for _ in range(2):
        with pytest.raises(Unreachable, match="No route to host"):
            source.get("current-key")
    assert world.fetches == 1


@pytest.mark.parametrize(
    "answer",
    [HTML, b"", b'{"keys":[', b'{"keys":[]}', b" " * 10_000_000, b'{"keys":[{"kty":1}]}'],
    ids=["html", "empty", "cut", "no keys", "10 MB", "no usable key"],
)
def test_j22_a_bad_answer_changes_nothing(world: World, answer: bytes) -> None:
    """J22: the last known good serves on, and it still does when its day is over."""
    assert world.knows("current-key")
    world.answer = answer
    world.now += MAX_AGE
    assert world.knows("current-key")
    assert world.fetches == 2
    with pytest.raises(Unreachable):
        world.knows("unknown")


def test_j22_a_bad_first_answer_is_not_kept(world: World) -> None:
    """J22: without a last known good the authority counts as out of reach, then is asked again."""
    world.answer = HTML
    with pytest.raises(Unreachable, match="not a key set"):
        world.knows("current-key")
    world.answer = jwks(good_key().jwk())
    world.now += 1
    assert world.knows("current-key")


def test_j23_a_new_key_is_accepted_and_a_removed_one_dropped(world: World) -> None:
    """J23: the authority's last answer counts as a whole."""
    world.answer = jwks(good_key().jwk())
    assert world.knows("current-key")
    world.answer = jwks(next_key().jwk())
    assert world.knows("next-key")
    assert not world.knows("current-key")


def test_j23_a_day_makes_a_fetch_due(world: World) -> None:
    """J23: a removed key is seen after 24 h at the latest, even if nobody brings a new one."""
    assert world.knows("current-key")
    world.answer = jwks(next_key().jwk())
    world.now += MAX_AGE - 1
    assert world.knows("current-key")
    world.now += 1
    assert not world.knows("current-key")
    assert world.fetches == 2


def test_j23_age_is_never_a_refusal(world: World) -> None:
    """J23: out of reach for a month, the last known good still serves."""
    assert world.knows("current-key")
    world.down = True
    world.now += 30 * 24 * 3600
    assert world.knows("current-key")
    assert world.knows("current-key")
    assert world.fetches == 2


def test_j24_what_is_kept_for_another_issuer_is_ignored(world: World) -> None:
    """J24: keys belong to the issuer and the address they were fetched for."""
    assert world.knows("current-key")
    other = world.source(issuer=issuer_v2(OTHER_TENANT))
    assert other.get("current-key").find("current-key")
    assert world.fetches == 2


def test_j24_what_is_kept_for_another_address_is_ignored(world: World) -> None:
    """J24: a set from another place isn't this one."""
    assert world.knows("current-key")
    assert world.shelf.data is not None
    world.shelf.data = world.shelf.data.replace(URI.encode(), b"https://evil.example/keys")
    world.down = True
    with pytest.raises(Unreachable):
        world.knows("current-key")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"garbage",
        b"[]",
        b"null",
        b"{}",
        b'{"issuer":1,"jwks_uri":2}',
        b'{"issuer":"a","jwks_uri":"b","keys":[]}',
    ],
)
def test_j24_an_edited_document_is_fetched_again(world: World, data: bytes) -> None:
    """J24: what can't be read counts as nothing."""
    world.shelf.data = data
    assert world.knows("current-key")
    assert world.fetches == 1


def test_j24_kept_keys_that_cannot_be_read_are_fetched_again(world: World) -> None:
    """J24: so do keys that aren't a set."""
    assert world.knows("current-key")
    assert world.shelf.data is not None
    document = json.loads(world.shelf.data)
    world.shelf.data = json.dumps(document | {"keys": [1]}).encode()
    world.now += UNKNOWN_KEY_PAUSE
    assert world.knows("current-key")
    assert world.fetches == 2


@pytest.mark.parametrize("ahead", [7200.0, 1e9])
def test_j24_a_time_in_the_future_counts_as_never(world: World, ahead: float) -> None:
    """J24, J25: a clock that was ahead, or an edited time, doesn't keep keys for ever."""
    world.now += ahead
    assert world.knows("current-key")
    assert not world.knows("unknown")
    world.now -= ahead
    world.answer = jwks(next_key().jwk())
    assert not world.knows("current-key")
    assert world.fetches == 3


def test_j25_a_slightly_wrong_clock_causes_no_fetch(world: World) -> None:
    """J25: clocks step back by seconds when they are set; that isn't a reason to ask again."""
    assert world.knows("current-key")
    assert not world.knows("unknown")
    world.now -= 30
    assert world.knows("current-key")
    assert not world.knows("unknown")
    assert world.fetches == 2


def test_a_full_disk_stops_nobody(world: World) -> None:
    """What can't be written serves the process that fetched it, with the same pauses."""
    world.shelf.full = True
    source = world.source()
    assert source.get("current-key").find("current-key")
    assert not source.get("unknown").find("unknown")
    assert not source.get("another").find("another")
    assert world.fetches == 2


def test_what_can_be_written_again_is_shared_again(world: World) -> None:
    """Once there is space on the disk, the next fetch serves the machine."""
    world.shelf.full = True
    source = world.source()
    source.get("current-key")
    world.shelf.full = False
    world.now += MAX_AGE
    source.get("current-key")
    assert world.knows("current-key")
    assert world.fetches == 2
    world.answer = jwks(next_key().jwk())
    assert world.knows("newest-key", at_sign_in=True) is False
    assert source.get("next-key").find("current-key") is None


def test_a_lock_that_cannot_be_had_leaves_the_known_keys(world: World) -> None:
    """A process that hangs inside delays a fetch, not the keys that are there."""
    assert world.knows("current-key")
    world.shelf.locked = True
    world.now += MAX_AGE
    assert world.knows("current-key")
    with pytest.raises(StorageError):
        world.knows("unknown")
    assert world.fetches == 1
