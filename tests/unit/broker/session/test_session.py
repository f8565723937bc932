"""A server's session without processes: what is kept, what is declared, what the clock does."""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
import time
import timeit
from dataclasses import replace as changed
from typing import TYPE_CHECKING

import msgspec
import pytest
from msgspec.structs import replace

from mcp_local.broker.record import TokenRecord, save_record
from mcp_local.broker.session.local import DeclaredSession, LocalSession
from mcp_local.broker.state import Phase, Problem, SignInState, Status
from mcp_local.broker.state_file import StateFile
from mcp_local.broker.storage.store import Entry, open_store
from mcp_local.log import Log
from mcp_local.settings import (
    CacheKey,
    Settings,
    SignIn,
    SignInMethod,
    SignInWhen,
    profile_dir,
)
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
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from mcp_local.guard.session import Session

END = NOW + 3600 + 60
"""Until when the forged token is good, with leeway."""


class Desk:
    """A profile with files, and a clock that the test sets."""

    def __init__(self, home: Path) -> None:
        self.now = float(NOW)
        self.settings = Settings(
            home=home,
            config_file=home / "config.toml",
            tenant=TENANT,
            client_id=CLIENT,
            audiences=(API,),
            authority=f"https://login.microsoftonline.com/{TENANT}",
            cache_key=CacheKey.FILE,
            signin=SignIn(when=SignInWhen.NEVER),
        )

    def keep(self, **claims: object) -> None:
        """Keep a token as a sign-in does."""
        record = TokenRecord(
            token=good_key().token(claims_v2(**claims)),
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

    def state(self, **fields: object) -> None:
        """Change the state file as another process does."""
        StateFile(profile_dir(self.settings)).update(lambda state: replace(state, **fields))

    def session(self) -> LocalSession:
        """Make a session that can't start any process worth the name."""
        log = Log(self.settings.home / "log" / "mcp-local.jsonl")
        return LocalSession(self.settings, {}, log=log, clock=lambda: self.now)

    def run(self, story: Callable[[LocalSession], Awaitable[None]]) -> None:
        """Tell a story with a session that has read the store."""

        async def told() -> None:
            session = self.session()
            session.start()
            await session.ready()
            await story(session)
            await session.close()

        asyncio.run(told())


async def _until(happens: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not happens():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.02)


@pytest.fixture
def here(home: Path) -> Desk:
    """A profile in which nobody is signed in."""
    return Desk(home)


def test_sessions_are_what_the_guard_is_handed(here: Desk) -> None:
    """Both kinds have the shape that the guard asks for; pyright checks it here."""
    sessions: list[Session] = [here.session(), DeclaredSession(here.settings)]
    assert [session.program for session in sessions] == ["", ""]


def test_servers_import_nothing_heavy() -> None:
    """What the verifier and MSAL bring along isn't loaded before the first answer."""
    program = (
        "import sys, mcp_local.broker.session.local\n"
        "heavy = {'jwt', 'cryptography', 'msal', 'requests', 'urllib3', 'truststore'}\n"
        "sys.exit(' '.join(heavy & set(sys.modules)) or None)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_nobody_is_signed_in_before_the_store_was_read(here: Desk) -> None:
    """Fail closed: a token that lies there counts only once it was verified."""
    here.keep()
    session = here.session()
    assert session.current() is None
    assert session.status() == Status(Phase.SIGNED_OUT, signed_in=False)


def test_token_is_valid_to_its_end_and_not_beyond(here: Desk) -> None:
    """``exp`` plus leeway, to the second; the change is told when the time comes."""
    here.keep()

    async def story(session: LocalSession) -> None:
        told: list[bool] = []
        session.on_change(lambda: told.append(session.status().signed_in))
        here.now = END - 1
        assert session.current() is not None
        assert session.status().usable_until == END
        here.now = END
        assert session.current() is None
        assert session.status().phase is Phase.SIGNED_OUT
        await _until(lambda: bool(told))
        assert told == [False]

    here.run(story)


def test_clock_put_back_gives_no_more_time(here: Desk) -> None:
    """J25: a token ends when its time has passed, whatever was done to the clock meanwhile."""
    here.keep()
    here.now = END - 1.0

    async def story(session: LocalSession) -> None:
        assert session.current() is not None
        here.now -= 7200
        await asyncio.sleep(1.1)
        assert session.current() is None
        here.keep()  # the same token once more
        await asyncio.sleep(0.7)
        assert session.current() is None

    here.run(story)


def test_looking_at_the_identity_is_quick(here: Desk) -> None:
    """No I/O and no signature check; the figure is in the benchmark, this is a gross limit."""
    here.keep()

    async def story(session: LocalSession) -> None:
        assert timeit.timeit(session.current, number=1_000) < 1.0

    here.run(story)


def test_expired_token_says_so(here: Desk) -> None:
    """Nobody is signed in, and the person reads why."""
    here.keep()
    here.now = END + 10

    async def story(session: LocalSession) -> None:
        status = session.status()
        assert not status.signed_in
        assert status.problem is not None
        assert status.problem.code == "token_rejected"
        assert "expired" in status.problem.message

    here.run(story)


def test_token_of_other_settings_is_not_used(here: Desk) -> None:
    """What was verified for one API is nothing for another."""
    here.keep()
    here.settings = changed(here.settings, audiences=("another",))

    async def story(session: LocalSession) -> None:
        assert session.current() is None
        assert session.status().problem is not None

    here.run(story)


def test_changes_of_roles_are_told_once(here: Desk) -> None:
    """A new token with the same roles changes nothing; one with other roles does."""
    here.keep(roles=["A"])

    async def story(session: LocalSession) -> None:
        told: list[tuple[str, ...]] = []
        session.on_change(lambda: told.append(session.status().roles))
        first = session.current()
        here.keep(roles=["A"], uti="another")
        await _until(lambda: session.current() is not first)
        here.keep(roles=["A", "B"])
        await _until(lambda: bool(told))
        assert told == [("A", "B")]

    here.run(story)


@pytest.mark.parametrize(
    ("phase", "shown"),
    [
        (Phase.SIGNED_OUT, Phase.SIGNED_IN),
        (Phase.SIGNED_IN, Phase.SIGNED_IN),
        (Phase.INTERRUPTED, Phase.SIGNED_IN),
        (Phase.NEEDS_YOU, Phase.NEEDS_YOU),
        (Phase.BLOCKED, Phase.BLOCKED),
    ],
)
def test_phase_of_somebody_with_a_good_token(here: Desk, phase: Phase, shown: Phase) -> None:
    """Signed in, unless the authority has asked for the person meanwhile."""
    here.keep()
    here.state(phase=phase, problem=Problem("code", "message"))

    async def story(session: LocalSession) -> None:
        status = session.status()
        assert (status.phase, status.signed_in) == (shown, True)

    here.run(story)


@pytest.mark.parametrize("phase", list(Phase))
def test_phase_of_nobody(here: Desk, phase: Phase) -> None:
    """Without a token nobody is signed in, whatever the file says; a dead wait is interrupted."""
    here.state(phase=phase, start_url="http://localhost:1/start/x")
    dead = {
        Phase.WAITING_FOR_BROWSER: Phase.INTERRUPTED,
        Phase.WAITING_FOR_DEVICE_CODE: Phase.INTERRUPTED,
        Phase.WAITING_FOR_WINDOW: Phase.INTERRUPTED,
        Phase.SIGNED_IN: Phase.SIGNED_OUT,
        Phase.REFRESHING: Phase.SIGNED_OUT,
        Phase.OFFLINE: Phase.SIGNED_OUT,
    }

    async def story(session: LocalSession) -> None:
        status = session.status()
        assert (status.phase, status.signed_in) == (dead.get(phase, phase), False)

    here.run(story)


def test_state_file_that_cannot_be_trusted_is_not_read(here: Desk, tmp_path: Path) -> None:
    """C11: a link in its place tells nothing, and the server goes on."""
    here.keep()
    (tmp_path / "planted").write_bytes(msgspec.json.encode(SignInState(phase=Phase.BLOCKED)))
    (profile_dir(here.settings) / "state.json").symlink_to(tmp_path / "planted")

    async def story(session: LocalSession) -> None:
        assert session.status().phase is Phase.SIGNED_IN

    here.run(story)


def test_store_that_cannot_be_opened_is_told(here: Desk) -> None:
    """The settings ask for a place that isn't there: no sign-in is even tried."""
    here.settings = changed(here.settings, cache_key=CacheKey.PASSPHRASE)

    async def story(session: LocalSession) -> None:
        status = await session.sign_in(wait=5)
        assert not status.signed_in
        assert status.storage is None
        assert status.problem is not None
        assert "passphrase" in status.problem.message

    here.run(story)


def test_unreadable_record_is_nobody(here: Desk) -> None:
    """C7: garbage under a good seal is no token."""
    open_store(here.settings, {}).save(Entry.TOKEN, b"[]")

    async def story(session: LocalSession) -> None:
        assert session.current() is None

    here.run(story)


def test_requests_before_the_start_wait_for_the_first_read(
    here: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bounded wait, shorter here: a session that never starts holds nobody for ever."""
    monkeypatch.setattr("mcp_local.broker.session.local._FIRST_READ", 0.1)

    async def story() -> None:
        session = here.session()
        await session.ready()
        assert session.current() is None
        await session.close()

    asyncio.run(story())


def test_declared_roles_are_marked_unverified(here: Desk) -> None:
    """``signin.method = none``: roles for trying things out, an empty token, no person."""
    signin = SignIn(method=SignInMethod.NONE, roles=("Task.Read", "Admin"))
    session = DeclaredSession(changed(here.settings, signin=signin))
    token = session.current()
    assert token is not None
    assert token.identity.roles == {"Task.Read", "Admin"}
    assert token.claims["roles"] == ["Task.Read", "Admin"]
    assert token.token.reveal() == ""
    assert token.valid_until == math.inf
    assert token.identity.expires_at > time.time()
    status = session.status()
    assert (status.unverified, status.signed_in) == (True, True)
    assert status.roles == ("Task.Read", "Admin")
    assert (status.expires_at, status.tenant_id, status.username) == (0.0, "", "")


def test_declared_session_has_nothing_to_wait_for(here: Desk) -> None:
    """All that a person could ask for answers at once, and nothing changes."""

    async def story() -> None:
        session = DeclaredSession(here.settings)
        session.on_change(lambda: pytest.fail("nothing changes"))
        session.start()
        await session.ready(hold=60, use=True)
        for status in (
            await session.sign_in(wait=60),
            await session.sign_out(),
            await session.refresh(),
        ):
            assert status == session.status()
        await session.close()

    asyncio.run(story())
