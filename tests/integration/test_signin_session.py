"""A server's session with real broker processes: renewal, refusal, change, memory-only storage."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from mcp_local.broker.state import Phase
from mcp_local.broker.state_file import StateFile
from mcp_local.emulator import Fault
from mcp_local.emulator.visitor import Mood, browser_command, visit
from mcp_local.guard.account import who
from tests.support.desk import PATIENCE, Desk, desk, wait_for
from tests.support.disk import fill, small_disk

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
    from pathlib import Path

    from mcp_local.broker.session.local import LocalSession

pytestmark = pytest.mark.usefixtures("forks")


@pytest.fixture
def here(home: Path) -> Iterator[Desk]:
    """A desk at which nobody is signed in."""
    with desk(home) as here:
        yield here


@asynccontextmanager
async def _session(
    here: Desk, clock: Callable[[], float] = time.time
) -> AsyncGenerator[LocalSession]:
    session = here.session(clock)
    session.program = "Claude Desktop"
    session.start()
    try:
        yield session
    finally:
        await session.close()


async def _until(happens: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happens():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.02)


def _in_session(
    here: Desk,
    story: Callable[[LocalSession], Coroutine[object, object, None]],
    clock: Callable[[], float] = time.time,
) -> None:
    async def run() -> None:
        async with _session(here, clock) as session:
            await story(session)

    asyncio.run(run())


def test_signed_in_from_the_first_moment(here: Desk) -> None:
    """A kept token is read, verified and told, without a process, a prompt or the network."""
    here.sign_in("manager")
    here.emulator.requests.clear()

    async def story(session: LocalSession) -> None:
        told: list[tuple[str, ...]] = []
        session.on_change(lambda: told.append(session.status().roles))
        assert session.current() is None
        await session.ready()
        token = session.current()
        assert token is not None
        status = session.status()
        assert (status.phase, status.signed_in) == (Phase.SIGNED_IN, True)
        assert status.roles == ("Task.All",)
        assert status.usable_until == token.valid_until == status.expires_at + 60
        assert status.development
        assert told == [("Task.All",)]

    _in_session(here, story)
    assert len(here.emulator.requests) == 0
    assert here.tabs() == []


def test_person_signs_in_while_the_first_list_waits(here: Desk) -> None:
    """``ready(hold)`` returns when the sign-in is done; the page names the client."""
    here.environ["BROWSER"] = browser_command("writer")

    async def story(session: LocalSession) -> None:
        changes: list[bool] = []
        session.on_change(lambda: changes.append(session.status().signed_in))
        await session.ready(hold=60)
        assert session.status().roles == ("Task.Write",)
        assert changes == [True]

    _in_session(here, story)


def test_waiting_is_bounded_by_hold(here: Desk) -> None:
    """A list isn't held longer than it may be; the status says what to do meanwhile."""

    async def story(session: LocalSession) -> None:
        await session.ready(hold=0)
        await _until(lambda: session.status().start_url)
        status = session.status()
        assert (status.phase, status.signed_in) == (Phase.WAITING_FOR_BROWSER, False)
        outcome = await asyncio.to_thread(visit, status.start_url, "reader")
        assert "go back to Claude Desktop" in outcome.text
        await session.ready(hold=60)
        assert session.status().signed_in

    _in_session(here, story)


def test_no_prompt_by_itself_when_the_settings_say_never(here: Desk) -> None:
    """``signin.when = never``: only a person causes one."""
    here.set(SIGN_IN_WHEN="never")

    async def story(session: LocalSession) -> None:
        await session.ready(hold=1, use=True)
        assert session.status().phase is Phase.SIGNED_OUT
        assert here.tabs() == []
        await session.sign_in(wait=0)
        await _until(lambda: session.status().start_url)

    _in_session(here, story)
    here.tab()


def test_first_use_asks_when_the_settings_say_call(here: Desk) -> None:
    """``signin.when = call``: lists don't ask, the first use does."""
    here.set(SIGN_IN_WHEN="call")

    async def story(session: LocalSession) -> None:
        await session.ready(hold=0.5)
        assert here.tabs() == []
        await session.ready(use=True)
        await _until(lambda: session.status().phase is Phase.WAITING_FOR_BROWSER)

    _in_session(here, story)
    here.tab()


@pytest.mark.parametrize("why", ["declined", "unanswered"])
def test_no_nagging(here: Desk, why: str) -> None:
    """After a prompt that failed none comes by itself, in any server, until a person wants one."""
    if why == "declined":
        here.environ["BROWSER"] = browser_command("reader", Mood.CANCELS)
    else:
        here.set(SIGN_IN_TIMEOUT="1")

    async def ends(session: LocalSession) -> None:
        await session.ready(hold=60)
        status = session.status()
        assert (status.phase, status.signed_in) == (Phase.SIGNED_OUT, False)
        assert status.problem is not None
        assert status.problem.code == {"declined": "AADSTS65004", "unanswered": "timed_out"}[why]
        await session.ready(hold=60, use=True)

    async def another(session: LocalSession) -> None:
        await session.ready(hold=60, use=True)
        assert not session.status().signed_in
        assert len(here.log("sign_in_started")) == 1
        here.environ["BROWSER"] = browser_command("reader")
        here.set(SIGN_IN_TIMEOUT="60")

    async def person(session: LocalSession) -> None:
        assert (await session.sign_in(wait=60)).signed_in

    for story in (ends, another, person):
        _in_session(here, story)
    assert len(here.log("sign_in_started")) == 2


def test_prompt_comes_by_itself_again_after_a_day(here: Desk) -> None:
    """The limit on prompts ends after a day."""
    yesterday = time.time() - 25 * 3600
    StateFile(here.profile).update(lambda state: replace(state, last_prompt=yesterday))

    async def story(session: LocalSession) -> None:
        await session.ready()
        await _until(lambda: session.status().start_url)

    _in_session(here, story)


def test_token_is_renewed_before_the_list(here: Desk) -> None:
    """The list of a new morning waits for the renewal, and nobody is asked."""
    here.sign_in("reader")
    here.expire_token()

    async def story(session: LocalSession) -> None:
        await session.ready()
        assert session.status().roles == ("Task.Read",)

    _in_session(here, story)
    assert here.machine.token_requests() == 1
    assert here.tabs() == []


def test_due_token_is_renewed_without_waiting(here: Desk) -> None:
    """A token that is still good is used while a new one is fetched."""
    here.sign_in("reader")
    here.expire_token(lifetime=200.0)

    async def story(session: LocalSession) -> None:
        await session.ready()
        old = session.current()
        assert old is not None
        assert here.machine.token_requests() == 0
        await _until(lambda: session.current() is not old)
        renewed = session.current()
        assert renewed is not None
        assert renewed.valid_until > old.valid_until
        await session.ready()

    _in_session(here, story)
    assert here.machine.token_requests() == 1


def test_unreachable_authority_is_left_alone_for_a_while(here: Desk) -> None:
    """Offline: the good token serves, nobody is asked, and no server tries again at once."""
    here.sign_in("reader")
    here.expire_token(lifetime=200.0)
    began = time.time()

    async def story(session: LocalSession) -> None:
        await session.ready()
        await _until(lambda: here.state().faults)
        await session.ready(hold=5)
        assert session.current() is not None
        await _until(lambda: session.status().phase is Phase.OFFLINE)  # the process ends last
        assert session.status().signed_in

    with here.emulator.switched_off():  # its pause of five seconds doesn't end for these two
        _in_session(here, story, clock=lambda: began)
        _in_session(here, story, clock=lambda: began)
    assert here.state().faults == 1
    assert here.tabs() == []


def test_expired_and_offline_says_why(here: Desk) -> None:
    """After expiry without a network: signed out, no prompt, and the reason in words."""
    here.sign_in("reader")
    here.expire_token()

    async def story(session: LocalSession) -> None:
        await session.ready(hold=5, use=True)
        status = session.status()
        assert (status.phase, status.signed_in) == (Phase.SIGNED_OUT, False)
        assert status.problem is not None
        assert "can't be reached" in status.problem.message

    with here.emulator.switched_off():
        _in_session(here, story)
    assert here.tabs() == []


def test_revoked_sign_in_makes_exactly_one_prompt(here: Desk) -> None:
    """O15: the refresh token is refused, one tab opens, and the same person is expected."""
    here.sign_in("reader")
    here.expire_token()
    here.emulator.revoke_sessions("reader")

    async def story(session: LocalSession) -> None:
        await session.ready()
        await _until(lambda: session.status().phase is Phase.WAITING_FOR_BROWSER)
        await session.ready()
        await asyncio.to_thread(here.visit, "reader")
        await session.ready(hold=60)
        assert session.status().signed_in

    _in_session(here, story)
    assert len(here.tabs()) == 1


def test_claims_challenge_is_met_by_the_next_prompt(here: Desk) -> None:
    """O15: the claims of the refusal reach the authority with the one prompt that follows."""
    here.set(SIGN_IN_WHEN="never")

    async def story(session: LocalSession) -> None:
        await session.sign_in(wait=0)
        await asyncio.to_thread(here.visit, "stepup", number=1)
        await _until(lambda: session.status().phase is Phase.NEEDS_YOU)
        assert "capolids" in here.state().claims
        await session.sign_in(wait=0)
        await asyncio.to_thread(here.visit, "stepup", number=2)
        await _until(lambda: session.status().phase is Phase.SIGNED_IN)
        assert here.state().claims == ""

    _in_session(here, story)
    assert len(here.tabs()) == 2


def test_refresh_brings_roles_granted_a_minute_ago(here: Desk) -> None:
    """A person asks for the new roles and the server tells its client of the change."""
    here.sign_in("reader")

    async def story(session: LocalSession) -> None:
        await session.ready()
        told: list[tuple[str, ...]] = []
        session.on_change(lambda: told.append(session.status().roles))
        here.emulator.assign("reader", "Task.Read", "Admin")
        status = await session.refresh()
        assert status.roles == ("Admin", "Task.Read")
        assert told == [("Admin", "Task.Read")]
        here.emulator.assign("reader", "Task.Read")

    _in_session(here, story)


def test_result_of_another_instance_is_adopted(here: Desk) -> None:
    """Somebody signs in with ``mcp-local login``; the running server sees it and tells."""
    here.set(SIGN_IN_WHEN="never")

    async def story(session: LocalSession) -> None:
        await session.ready()
        told: list[bool] = []
        session.on_change(lambda: told.append(session.status().signed_in))
        here.environ["BROWSER"] = browser_command("admin")
        assert (await asyncio.to_thread(here.run, "login")).returncode == 0
        await _until(lambda: told == [True])
        assert session.status().roles == ("Admin",)

    _in_session(here, story)


def test_sign_out_and_in_again(here: Desk) -> None:
    """Signed out everywhere at once; nothing asks by itself; the person signs in again."""
    here.sign_in("reader")

    async def story(session: LocalSession) -> None:
        await session.ready()
        told: list[bool] = []
        session.on_change(lambda: told.append(session.status().signed_in))
        status = await session.sign_out()
        assert (status.phase, status.signed_in) == (Phase.SIGNED_OUT, False)
        assert session.current() is None
        await session.ready(hold=2, use=True)
        assert here.tabs() == []
        here.environ["BROWSER"] = browser_command("writer")
        assert (await session.sign_in(wait=60)).roles == ("Task.Write",)
        assert (await session.sign_in(wait=60)).roles == ("Task.Write",)
        assert told == [False, True]

    _in_session(here, story)
    assert len(here.log("sign_in_started")) == 1


def test_device_code_is_shown_by_every_server(here: Desk) -> None:
    """``signin.method = device``: code and address stand in the status."""
    here.set(SIGN_IN="device")

    async def story(session: LocalSession) -> None:
        await session.ready()
        await _until(lambda: session.status().user_code)
        status = session.status()
        assert status.phase is Phase.WAITING_FOR_DEVICE_CODE
        await asyncio.to_thread(
            visit, status.verification_uri, "reader", user_code=status.user_code
        )
        await session.ready(hold=60)
        assert session.status().signed_in

    _in_session(here, story)


def test_memory_only_result_lives_and_dies_with_the_server(here: Desk) -> None:
    """Handed over a pipe: nothing on disk, renewed by pipe, gone with the sign-out."""
    here.set(CACHE_KEY="memory")
    here.environ["BROWSER"] = browser_command("reader")

    async def story(session: LocalSession) -> None:
        await session.ready(hold=60)
        status = session.status()
        assert status.roles == ("Task.Read",)
        assert status.storage is not None
        assert status.storage.kind == "memory"
        old = session.current()
        here.emulator.assign("reader", "Admin")
        assert (await session.refresh()).roles == ("Admin",)
        here.emulator.assign("reader", "Task.Read")
        assert session.current() is not old
        assert not (await session.sign_out()).signed_in
        assert not (await session.refresh()).signed_in

    _in_session(here, story)
    assert list(here.profile.glob("*.bin")) == []


def test_memory_only_servers_sign_in_one_after_the_other(here: Desk) -> None:
    """They can't adopt each other's result, so each asks, but never two at once."""
    here.set(CACHE_KEY="memory")

    async def story(session: LocalSession) -> None:
        async with _session(here) as other:
            await session.ready()
            await other.ready()
            await asyncio.to_thread(here.visit, "reader", number=1)
            await asyncio.to_thread(here.visit, "reader", number=2)
            await session.ready(hold=60)
            await other.ready(hold=60)
            assert session.status().signed_in
            assert other.status().signed_in

    _in_session(here, story)
    assert len(here.tabs()) == 2


def test_home_that_cannot_be_written(here: Desk) -> None:
    """C12: memory only, and the state still reaches the person, over the pipe."""
    blocker = here.machine.settings().home
    blocker.parent.mkdir(parents=True, exist_ok=True)
    blocker.write_text("a file where the folder should be", encoding="utf-8")

    async def story(session: LocalSession) -> None:
        await session.ready()
        await _until(lambda: session.status().start_url)
        await asyncio.to_thread(visit, session.status().start_url, "reader")
        await session.ready(hold=60)
        status = session.status()
        assert (status.phase, status.signed_in) == (Phase.SIGNED_IN, True)
        assert status.storage is not None
        assert status.storage.kind == "memory"

    _in_session(here, story)


@pytest.mark.parametrize("known", [True, False])
def test_home_that_is_full(known: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """C5, C12: who is signed in stays so; else it is memory, with a warning, and a renewal too."""
    with small_disk() as disk, desk(disk / "home") as here:
        here.sign_in("reader") if known else here.machine.store()
        fill(disk)

        async def story(session: LocalSession) -> None:
            await session.ready()
            if not known:
                await _until(lambda: session.status().start_url)
                await asyncio.to_thread(visit, session.status().start_url, "reader")
                await session.ready(hold=60)
            here.emulator.assign("reader", "Admin")
            status = await session.refresh()
            assert (status.phase, status.roles) == (Phase.SIGNED_IN, ("Admin",))
            assert status.storage is not None
            assert status.storage.kind == "memory"
            assert "No space left" in status.storage.detail
            assert "Nothing is kept on disk" in who(status)

        _in_session(here, story)
        assert here.run("login").returncode == 2


def test_sign_out_elsewhere_is_heard_where_the_disk_is_full() -> None:
    """C5, C16: what memory took over from the files ends with them."""
    with small_disk() as disk, desk(disk / "home") as here:
        here.sign_in("reader")
        fill(disk)

        async def story(session: LocalSession) -> None:
            await session.ready()
            assert session.status().signed_in
            assert (await asyncio.to_thread(here.run, "logout")).returncode == 0
            await _until(lambda: not session.status().signed_in)
            assert not (await session.refresh()).signed_in

        here.set(SIGN_IN_WHEN="never")
        _in_session(here, story)


def test_process_that_cannot_start_is_told(here: Desk) -> None:
    """A broken installation ends in a word to the person, not in silence."""
    here.environ["PYTHONPATH"] = str(here.machine.settings().home)
    package = here.machine.settings().home / "msgspec.py"
    package.parent.mkdir(parents=True, exist_ok=True)
    package.write_text("raise SystemExit(9)", encoding="utf-8")

    async def story(session: LocalSession) -> None:
        status = await session.sign_in(wait=30)
        assert status.problem is not None
        assert status.problem.code == "not_started"
        assert "mcp-local login" in status.problem.hint

    _in_session(here, story)
    wait_for(lambda: here.log("errand_failed"))


def test_authority_that_hangs_holds_no_list_for_ever(
    here: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A renewal is awaited for some seconds (shorter here), then the list goes on without."""
    monkeypatch.setattr("mcp_local.broker.session.renewing._PATIENCE", 1.0)
    here.sign_in("reader")
    here.expire_token()
    here.emulator.faults.add(Fault(path="*/token", hang=True, times=None))

    async def story(session: LocalSession) -> None:
        await session.ready()
        assert not session.status().signed_in

    here.set(SIGN_IN_WHEN="never")
    _in_session(here, story)
    here.emulator.faults.clear()
