"""What each expiry means while the authority can't be reached, by a clock that the test sets."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from mcp_local.broker.record import TokenRecord, save_record
from mcp_local.broker.session.reader import Reader
from mcp_local.broker.session.tokens import Loop, OwnTokens
from mcp_local.broker.session.view import View
from mcp_local.broker.state import Phase, Problem, Status
from mcp_local.broker.state_file import StateFile
from mcp_local.broker.status import offline_document, state_line
from mcp_local.broker.storage.store import open_store
from mcp_local.settings import CacheKey, Settings, profile_dir
from tests.support.tokens import (
    API,
    CLIENT,
    NOW,
    PERSON,
    TENANT,
    claims_v2,
    good_key,
    issuer_v1,
    issuer_v2,
    jwks,
)

if TYPE_CHECKING:
    from pathlib import Path

EXP = NOW + 3600
"""``exp`` of the forged token."""
LEEWAY, GRACE = 60, 7200


class Profile:
    """What a server sees of its person; ``now`` and ``passed`` are the two clocks."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch, **settings: object) -> None:
        self.now = float(NOW)
        self.passed = 0.0
        """Seconds that really went by, by the clock that nobody can set."""
        real = time.monotonic
        monkeypatch.setattr(time, "monotonic", lambda: real() + self.passed)
        values: dict[str, object] = {
            "home": home,
            "config_file": home / "config.toml",
            "tenant": TENANT,
            "client_id": CLIENT,
            "audiences": (API,),
            "authority": f"https://login.microsoftonline.com/{TENANT}",
            "cache_key": CacheKey.FILE,
            "offline_grace": float(GRACE),
            "offline_tags": ("safe",),
        }
        self.settings = Settings(**(values | settings))  # pyright: ignore[reportArgumentType]
        record = TokenRecord(
            token=good_key().token(claims_v2(exp=EXP)),
            keys=jwks(good_key().jwk()).decode(),
            issuer_v1=issuer_v1(),
            issuer_v2=issuer_v2(),
            tenant_id=TENANT,
            obtained_at=NOW,
            renew_at=NOW + 3300,
            username="ada@contoso.example",
            home_account_id=f"{PERSON}.{TENANT}",
        )
        save_record(open_store(self.settings, {}), record)
        self.view = self.another()

    def another(self) -> View:
        """Return the view of a server that starts now."""
        clock = lambda: self.now  # noqa: E731 - one clock for both
        reader = Reader(self.settings, {}, clock)
        view = View(self.settings, reader, StateFile(profile_dir(self.settings)), clock)
        asyncio.run(view.look())
        return view

    def tell(self, **fields: object) -> None:
        """Change the state file as another process does, and have it seen."""
        StateFile(profile_dir(self.settings)).update(lambda state: replace(state, **fields))
        asyncio.run(self.view.look())

    def at(self, moment: float) -> None:
        """Let the time go on to this moment, on both clocks."""
        self.passed += moment - self.now
        self.now = moment

    def reach(self) -> str:
        """Return for what the person's token serves now."""
        token = self.view.current()
        if token is None:
            return "nothing"
        return "all" if token.only_tags is None else ",".join(token.only_tags)

    def status(self) -> Status:
        """Return what people are shown."""
        return self.view.status(None)


@pytest.fixture
def here(home: Path, monkeypatch: pytest.MonkeyPatch) -> Profile:
    """A profile with a grace of two hours for what is tagged ``safe``, and an authority away."""
    profile = Profile(home, monkeypatch)
    profile.tell(faults=1)
    return profile


def test_at_each_expiry(here: Profile) -> None:
    """All until ``exp`` and leeway; then the tagged alone; then nothing."""
    course = {
        EXP - 1: "all",
        EXP: "all",
        EXP + LEEWAY - 1: "all",
        EXP + LEEWAY: "safe",
        EXP + LEEWAY + GRACE - 1: "safe",
        EXP + LEEWAY + GRACE: "nothing",
    }
    for moment, reach in course.items():
        here.at(moment)
        assert here.reach() == reach


def test_a_server_that_starts_late_sees_the_same(here: Profile) -> None:
    """An expired token is still read and verified within the grace, and not beyond."""
    for moment, reach in {
        EXP + LEEWAY + 1: "safe",
        EXP + LEEWAY + GRACE - 1: "safe",
        EXP + LEEWAY + GRACE: "nothing",
    }.items():
        here.at(moment)
        here.view = here.another()
        assert here.reach() == reach


@pytest.mark.parametrize(
    "settings", [{"offline_grace": 0.0}, {"offline_tags": ()}], ids=["no grace", "no tags"]
)
def test_without_both_settings_the_end_is_the_end(
    home: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, object]
) -> None:
    """Nothing is granted by default, nor by half of it."""
    here = Profile(home, monkeypatch, **settings)
    here.tell(faults=3)
    here.at(EXP + LEEWAY)
    assert here.reach() == "nothing"
    here.view = here.another()
    assert here.reach() == "nothing"


def test_only_while_the_authority_was_tried_in_vain(here: Profile) -> None:
    """Where nobody has tried, or the last try went well, the next thing is a renewal."""
    here.at(EXP + LEEWAY)
    here.tell(faults=0)
    assert here.reach() == "nothing"
    here.tell(faults=1)
    assert here.reach() == "safe"


@pytest.mark.parametrize(
    "fields",
    [
        {"refused": True},
        {"phase": Phase.NEEDS_YOU},
        {"phase": Phase.BLOCKED},
    ],
    ids=str,
)
def test_never_once_the_authority_has_refused(here: Profile, fields: dict[str, object]) -> None:
    """Reached, and said no: nothing expired goes on, even if it is away again."""
    here.at(EXP + LEEWAY)
    here.tell(**fields)
    assert here.reach() == "nothing"


def test_never_past_a_clock_that_is_set_back(here: Profile) -> None:
    """J25: two hours back on the wall clock give no minute more; forward, they end it at once."""
    here.at(EXP + LEEWAY + 1)
    here.now -= GRACE
    here.passed += GRACE
    assert here.reach() == "nothing"
    here.passed -= GRACE
    here.now += 3 * GRACE
    assert here.reach() == "nothing"


def test_the_expired_token_is_sent_nowhere(here: Profile) -> None:
    """The bridge gets the token within its time only."""

    class Person:
        current = here.view.current

    own = OwnTokens(Person(), Loop())  # pyright: ignore[reportArgumentType] - the part that is used
    assert own.held(()) is not None
    here.at(EXP + LEEWAY)
    assert here.reach() == "safe"
    assert own.held(()) is None


def test_it_is_shown(here: Profile) -> None:
    """State, end and tags, in words and for scripts; before the expiry and after it."""
    status = here.status()
    assert (status.phase, status.in_grace) == (Phase.OFFLINE, False)
    assert state_line(status, str) == f"offline until {float(EXP + LEEWAY)}"
    assert offline_document(status, str)["grace"] == {
        "seconds": float(GRACE),
        "tags": ["safe"],
        "until": str(float(EXP + LEEWAY + GRACE)),
        "in_use": False,
    }
    here.at(EXP + LEEWAY)
    status = here.status()
    assert (status.phase, status.signed_in, status.in_grace) == (Phase.OFFLINE, True, True)
    end = float(EXP + LEEWAY + GRACE)
    assert state_line(status, str) == f"offline until {end}: expired, and good for safe only"
    assert offline_document(status, str)["until"] == str(end)


def test_a_person_may_sign_in_meanwhile(here: Profile) -> None:
    """In grace nobody counts as done with signing in."""
    here.at(EXP + LEEWAY)
    assert here.view.current() is not None
    assert not here.view.settled
    here.tell(phase=Phase.WAITING_FOR_BROWSER, problem=Problem("x", "y"))
    assert (here.reach(), here.status().phase) == ("safe", Phase.WAITING_FOR_BROWSER)
