"""Renewing and forgetting, with real MSAL at the emulated authority."""

from __future__ import annotations

import json
import logging
import sys
import threading
from dataclasses import replace
from subprocess import run
from typing import TYPE_CHECKING

import pytest

from mcp_local.broker import acquire
from mcp_local.broker.authority.http import Http, Timeouts
from mcp_local.broker.authority.msal_cache import CacheChanged
from mcp_local.broker.authority.refusal import AuthorityDown, Blocked, InteractionNeeded
from mcp_local.broker.record import load_record, save_record
from mcp_local.broker.state import Phase
from mcp_local.broker.state_file import StateFile
from mcp_local.broker.storage.files import FileLock
from mcp_local.broker.storage.store import Entry, MemoryStore
from mcp_local.emulator import ConditionalAccess, Fault
from mcp_local.errors import McpLocalError, StorageError, Unreachable
from mcp_local.identity.model import Rejection, TokenRejected
from mcp_local.settings import profile_dir
from tests.support.entra import QUICK, TOKEN, Machine, machine
from tests.support.site import serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mcp_local.identity.model import VerifiedToken

HOUR = 3600.0
DUE = HOUR - 200
"""Seconds after which a token of an hour is due for renewal, and still valid."""
EXPIRED = HOUR + 100
"""Seconds after which it is valid no more, leeway included."""


@pytest.fixture
def here(home: Path) -> Iterator[Machine]:
    """A machine whose person has signed in; the authority rotates refresh tokens strictly."""
    with machine(home, strict_rotation=True) as here:
        here.sign_in("reader")
        here.emulator.requests.clear()
        yield here


def test_a_fresh_token_needs_nobody(here: Machine) -> None:
    """No request at all, not even for discovery or keys."""
    with here.emulator.switched_off(), here.broker() as broker:
        assert broker.renew() == broker.acquire() == broker.current()
    assert len(here.emulator.requests) == 0


def test_a_token_due_is_renewed(here: Machine) -> None:
    """With one request: discovery and keys are kept."""
    here.clock.offset = DUE
    with here.broker() as broker:
        old = broker.current()
        new = broker.renew()
        assert old is not None
        assert new.identity.expires_at > old.identity.expires_at
        assert broker.current() == new
        assert broker.renew() == new
    assert [entry.path.rsplit("/", 1)[1] for entry in here.emulator.requests] == ["token"]


def test_an_expired_token_is_renewed(here: Machine) -> None:
    """MSAL forgets it when it looks; the refresh token is still there."""
    here.clock.offset = EXPIRED
    with here.broker() as broker:
        assert broker.current() is None
        assert broker.renew() == broker.current()


def test_the_authoritys_advice_is_followed(home: Path) -> None:
    """``refresh_in`` makes a token due long before its end."""
    with machine(home, refresh_in=1800) as here:
        here.sign_in()
        here.clock.offset = 1700
        with here.broker() as broker:
            broker.renew()
            assert here.token_requests() == 0
            here.clock.offset = 1900
            broker.renew()
            assert here.token_requests() == 1


def test_a_short_life_is_not_renewed_at_every_call(home: Path) -> None:
    """A token of two minutes serves for one."""
    with machine(home, lifetime=120) as here:
        here.sign_in()
        with here.broker() as broker:
            broker.renew()
            assert here.token_requests() == 0
            here.clock.offset = 70
            broker.renew()
            broker.renew()
            assert here.token_requests() == 1


def test_force_fetches_the_roles_of_now(here: Machine) -> None:
    """A role granted a minute ago shows at once."""
    here.emulator.assign("reader", "Admin")
    with here.broker() as broker:
        assert broker.renew().identity.roles == {"Task.Read"}
        assert broker.renew(force=True).identity.roles == {"Admin"}
        assert broker.renew().identity.roles == {"Admin"}
    assert here.token_requests() == 1


def test_keys_roll_over(here: Machine) -> None:
    """A token signed with a new key is believed after one look at the authority's keys (J23)."""
    here.emulator.rotate_keys(retire=True)
    with here.broker() as broker:
        assert broker.renew(force=True) == broker.current()
    assert len(here.emulator.requests.matching("*/keys")) == 1


def test_a_lost_record_is_made_again(here: Machine) -> None:
    """From MSAL's cache and the kept keys, without a network."""
    here.store().delete(Entry.TOKEN)
    with here.emulator.switched_off(), here.broker() as broker:
        assert broker.renew() == broker.current()


# Nobody is asked twice


_RENEW_16_TIMES = """
import multiprocessing, os, sys
from mcp_local.broker.acquire import Broker
from mcp_local.broker.storage.store import open_store
from mcp_local.settings import load

def renew(barrier, results):
    barrier.wait()
    settings = load({}, os.environ)
    with Broker(settings, open_store(settings, os.environ)) as broker:
        results.put(broker.renew().identity.expires_at)

if __name__ == "__main__":
    how = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    barrier, results = how.Barrier(16), how.Queue()
    processes = [how.Process(target=renew, args=(barrier, results)) for _ in range(16)]
    for process in processes:
        process.start()
    print(sorted(results.get(timeout=60) for _ in processes))
    for process in processes:
        process.join()
        assert process.exitcode == 0
"""


def test_sixteen_processes_make_one_request(home: Path, tmp_path: Path) -> None:
    """Expired token, strict rotation: one refresh, the same token for all, no prompt (O14)."""
    script = tmp_path / "renew.py"
    script.write_text(_RENEW_16_TIMES, encoding="utf-8")
    with machine(home, strict_rotation=True) as here:
        here.clock.offset = -2 * HOUR
        here.sign_in()
        here.clock.offset = 0
        done = run(
            [sys.executable, str(script)],
            env=here.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )
        assert done.returncode == 0, done.stderr
        ends = json.loads(done.stdout)
        assert len(ends) == 16
        assert len(set(ends)) == 1
        assert here.token_requests() == 1


def test_the_one_who_waited_asks_nobody(here: Machine) -> None:
    """Whoever gets the lock second finds the work done (O14)."""
    here.clock.offset = DUE
    slow = Fault(path=TOKEN, delay=0.4)
    here.emulator.faults.add(slow)
    got: list[VerifiedToken] = []

    def renew() -> None:
        with here.broker(timeouts=Timeouts()) as broker:
            got.append(broker.renew())

    first, second = threading.Thread(target=renew), threading.Thread(target=renew)
    first.start()
    while not here.emulator.faults.happened(slow):
        first.join(0.02)
    second.start()
    first.join()
    second.join()
    assert got[0] == got[1]
    assert here.token_requests() == 1


def test_a_stopped_process_does_not_stop_the_others(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait for the lock is bounded, and a valid token serves meanwhile (C9)."""
    monkeypatch.setattr(acquire, "_PATIENCE", 0.2)
    here.clock.offset = DUE
    holder = FileLock(profile_dir(here.settings()) / "refresh.lock")
    assert holder.acquire(1)
    with here.broker() as broker:
        with pytest.raises(StorageError):
            broker.renew()
        assert broker.acquire() == broker.current()
        here.clock.offset = EXPIRED
        with pytest.raises(StorageError):
            broker.acquire()
    holder.release()


# The person is needed


def test_a_revoked_session_needs_the_person(here: Machine) -> None:
    """Plain words, and the token that is still valid stays (O15)."""
    here.emulator.revoke_sessions("reader")
    here.clock.offset = DUE
    with here.broker() as broker:
        with pytest.raises(InteractionNeeded, match="AADSTS50173") as caught:
            broker.renew()
        assert caught.value.problem.code == "AADSTS50173"
        assert broker.acquire() == broker.current()
        here.clock.offset = EXPIRED
        with pytest.raises(InteractionNeeded):
            broker.acquire()
        here.clock.offset = DUE
    here.sign_in("reader")
    with here.broker() as broker:
        broker.renew(force=True)


def test_a_claims_challenge_is_met_by_one_sign_in(here: Machine) -> None:
    """Its claims come out of the refusal and go into the sign-in (O15)."""
    person = here.emulator.person("stepup")
    here.emulator.put_person(replace(person, conditional_access=ConditionalAccess.NONE))
    here.sign_in("stepup")
    here.emulator.put_person(person)
    with here.broker() as broker:
        with pytest.raises(InteractionNeeded) as caught:
            broker.renew(force=True)
        assert "access_token" in json.loads(caught.value.claims)
    here.sign_in("stepup", claims=caught.value.claims)
    with here.broker() as broker:
        assert broker.renew(force=True).identity.username == "stepup@contoso.example"


def test_a_refusal_is_asked_anew(here: Machine) -> None:
    """MSAL keeps a 400 for a minute; what an administrator has healed works at once."""
    person = here.emulator.person("reader")
    here.emulator.put_person(replace(person, enabled=False))
    with here.broker() as broker:
        with pytest.raises(InteractionNeeded, match="AADSTS50057"):
            broker.renew(force=True)
        here.emulator.put_person(person)
        broker.renew(force=True)


def test_a_policy_that_no_screen_meets(here: Machine) -> None:
    """``message_only``: somebody else must act, and no prompt is due."""
    person = here.emulator.person("reader")
    here.emulator.put_person(replace(person, conditional_access=ConditionalAccess.BLOCK))
    with here.broker() as broker, pytest.raises(Blocked, match="AADSTS53003") as caught:
        broker.renew(force=True)
    assert "administrator" in caught.value.hint


def test_nobody_signed_in(home: Path) -> None:
    """Says so, and the next command."""
    with machine(home) as here, here.broker() as broker:
        assert broker.current() is None
        with pytest.raises(InteractionNeeded, match="Nobody is signed in") as caught:
            broker.acquire()
        assert "mcp-local login" in caught.value.hint
        assert len(here.emulator.requests) == 0


def test_a_cache_without_a_refresh_token(here: Machine) -> None:
    """An account alone can renew nothing."""
    store = here.store()
    cache = json.loads(store.load(Entry.MSAL) or b"")
    store.save(Entry.MSAL, json.dumps(cache | {"RefreshToken": {}}).encode())
    with here.broker(store) as broker, pytest.raises(InteractionNeeded, match="Nobody"):
        broker.renew(force=True)


@pytest.mark.parametrize("damage", [b"", b"[]", b'{"Account": 1}', b"\xff"])
def test_a_damaged_cache_is_one_prompt(here: Machine, damage: bytes) -> None:
    """No traceback (C7)."""
    store = here.store()
    store.save(Entry.MSAL, damage)
    with here.broker(store) as broker, pytest.raises(InteractionNeeded, match="Nobody"):
        broker.renew(force=True)


def test_a_cache_that_only_msal_cannot_read(here: Machine) -> None:
    """What MSAL stumbles over is an error of ours."""
    store = here.store()
    cache = json.loads(store.load(Entry.MSAL) or b"")
    cache["RefreshToken"] = {"x": 1}
    store.save(Entry.MSAL, json.dumps(cache).encode())
    with here.broker(store) as broker, pytest.raises(AuthorityDown):
        broker.renew(force=True)


# The authority is in trouble


FAULTS = {
    "500": Fault(path=TOKEN, status=500, times=None),
    "503": Fault(path=TOKEN, status=503, body=b"busy", retry_after=9, times=None),
    "429": Fault(path=TOKEN, status=429, body=b"{}", times=None),
    "page": Fault(path=TOKEN, body=b"<html>hello", times=None),
    "string": Fault(path=TOKEN, body=b'"hello"', times=None),
    "list": Fault(path=TOKEN, body=b"[]", times=None),
    "empty": Fault(path=TOKEN, body=b"", times=None),
    "nothing": Fault(path=TOKEN, body=b"{}", times=None),
    "types": Fault(path=TOKEN, body=b'{"access_token": [], "expires_in": "soon"}', times=None),
    "id token": Fault(path=TOKEN, body=b'{"access_token": "x", "id_token": "y"}', times=None),
    "client_info": Fault(
        path=TOKEN,
        body=b'{"access_token": "x", "client_info": "y", "id_token": "a.b.c"}',
        times=None,
    ),
    "cut": Fault(path=TOKEN, cut=True, times=None),
    "hang": Fault(path=TOKEN, hang=True, times=None),
    "transient": Fault(
        path=TOKEN, status=400, body=b'{"error": "temporarily_unavailable"}', times=None
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_while_the_authority_is_in_trouble_a_valid_token_serves(home: Path, name: str) -> None:
    """Until its end, and then the refusal names the authority, not the person (O16)."""
    with machine(home) as here:
        here.sign_in()
        here.emulator.faults.add(FAULTS[name])
        with here.broker() as broker:
            here.clock.offset = DUE
            kept = broker.current()
            assert kept is not None
            with pytest.raises(Unreachable):
                broker.renew()
            assert broker.acquire() == kept
            here.clock.offset = EXPIRED
            with pytest.raises(Unreachable):
                broker.acquire()
            here.emulator.faults.clear()
            assert broker.renew() == broker.current()


def test_the_pause_that_the_authority_asks_for(here: Machine) -> None:
    """Comes out, for whoever tries again."""
    here.emulator.faults.add(FAULTS["503"])
    with here.broker() as broker, pytest.raises(AuthorityDown) as caught:
        broker.renew(force=True)
    assert caught.value.retry_after == 9


def test_the_authority_switched_off(here: Machine) -> None:
    """The same: valid serves, expired is a clear refusal."""
    here.clock.offset = DUE
    with here.emulator.switched_off(), here.broker() as broker:
        with pytest.raises(Unreachable, match="can't be reached"):
            broker.renew()
        assert broker.acquire() == broker.current()
        with pytest.raises(Unreachable):
            broker.renew(force=True)
        here.clock.offset = EXPIRED
        with pytest.raises(Unreachable):
            broker.acquire()


def test_discovery_is_out_of_order(here: Machine) -> None:
    """MSAL starts with what is kept, however old it is."""
    here.emulator.faults.add(Fault(path="*/openid-configuration", status=503, times=None))
    here.clock.offset = 90000
    with here.broker() as broker:
        assert broker.renew()
    assert len(here.emulator.requests.matching("*/openid-configuration")) >= 1


def test_keys_out_of_reach(here: Machine) -> None:
    """A token of a new key can't be verified; the refresh token that came with it is kept."""
    here.emulator.rotate_keys()
    here.emulator.faults.add(Fault(path="*/keys", status=503, times=1))
    with here.broker() as broker, pytest.raises(Unreachable):
        broker.renew(force=True)
    here.clock.offset = 120
    with here.broker() as broker:
        assert broker.renew(force=True)


def test_a_certificate_of_somebody_else(here: Machine, tmp_path: Path) -> None:
    """TLS is never bypassed; the text names the setting (O16)."""
    with serve(tmp_path) as other:
        here.environ["MCP_LOCAL_CA_FILE"] = str(other.ca_file)
    with here.broker() as broker:
        with pytest.raises(Unreachable, match="can't be trusted") as caught:
            broker.renew(force=True)
        assert "ca_file" in caught.value.hint
        assert broker.acquire() == broker.current()
    assert here.token_requests() == 0


def test_a_token_that_is_not_believed(here: Machine) -> None:
    """The kept one stays, and the reason is named (M6, J10)."""
    minted = here.emulator.mint("admin", aud="33333333-3333-4333-8333-333333333333")
    body = json.dumps({"access_token": minted, "expires_in": 3600, "token_type": "Bearer"})
    here.emulator.faults.add(Fault(path=TOKEN, body=body.encode()))
    with here.broker() as broker:
        before = broker.current()
        with pytest.raises(TokenRejected) as caught:
            broker.renew(force=True)
        assert caught.value.reason is Rejection.AUDIENCE
        assert broker.current() == before


# Signing out


def test_signing_out_leaves_nothing(here: Machine) -> None:
    """Tokens, record and state; without a network."""
    with here.emulator.switched_off(), here.broker() as broker:
        assert [account.username for account in broker.sign_out()] == ["reader@contoso.example"]
        assert broker.current() is None
        with pytest.raises(InteractionNeeded):
            broker.renew()
        assert broker.sign_out() == []
    assert StateFile(profile_dir(here.settings())).read().phase is Phase.SIGNED_OUT
    store = here.store()
    assert (store.load(Entry.MSAL), store.load(Entry.TOKEN)) == (None, None)


def while_refreshing(here: Machine, act: str) -> list[object]:
    """Do something while a renewal waits for its answer; return what became of the renewal."""
    slow = Fault(path=TOKEN, delay=0.5)
    here.emulator.faults.add(slow)
    outcome: list[object] = []

    def renew() -> None:
        with here.broker(timeouts=Timeouts()) as broker:
            try:
                outcome.append(broker.renew(force=True))
            except McpLocalError as error:
                outcome.append(error)

    thread = threading.Thread(target=renew)
    thread.start()
    while not here.emulator.faults.happened(slow):
        thread.join(0.02)
    if act == "sign out":
        with here.broker() as broker:
            broker.sign_out()
    else:
        here.sign_in(act)
    thread.join()
    return outcome


def test_a_sign_out_is_not_undone_by_a_renewal(here: Machine) -> None:
    """It doesn't wait for the renewal, and what that brings is dropped (C16)."""
    outcome = while_refreshing(here, "sign out")
    assert isinstance(outcome[0], CacheChanged)
    store = here.store()
    assert (store.load(Entry.MSAL), store.load(Entry.TOKEN)) == (None, None)


def test_a_sign_in_is_not_undone_by_a_renewal(here: Machine) -> None:
    """Whoever signed in last is the one whom the renewal returns."""
    outcome = while_refreshing(here, "admin")
    assert getattr(outcome[0], "identity").username == "admin@contoso.example"  # noqa: B009
    with here.broker() as broker:
        assert broker.renew(force=True).identity.roles == {"Admin"}


def test_a_sign_out_between_renewal_and_verification(here: Machine) -> None:
    """The record isn't written for somebody who has just signed out (C16)."""
    store = here.store()
    with here.broker(store) as broker:
        tokens = broker.entra.silent(force=True)
        with here.broker() as other:
            other.sign_out()
        with pytest.raises(CacheChanged):
            broker._keep_renewed(tokens)  # pyright: ignore[reportPrivateUsage]
    assert load_record(here.store()) is None


# Other APIs, other storage, logs


def test_a_token_for_another_api(here: Machine) -> None:
    """Fetched once with the same refresh token, then from MSAL's cache; ours stays."""
    reports = here.emulator.directory.apis[1]
    scope = f"{reports.api_id}/{reports.scopes[0]}"
    with here.broker() as broker:
        before = broker.current()
        first = broker.token_for([scope])
        assert broker.token_for([scope, "openid"]).token == first.token
        assert first.expires_at > here.clock() + 3000
        assert before is not None
        assert first.token != before.token
        assert broker.current() == before
        assert broker.renew(force=True)
    assert here.token_requests() == 2


def test_memory_only(here: Machine) -> None:
    """The broker works on any store; entries can be carried from one to another."""
    files = here.store()
    memory = MemoryStore(files.storage)
    for entry in Entry:
        memory.save(entry, files.load(entry) or b"")
    with here.broker(memory) as broker:
        renewed = broker.renew(force=True)
    record = load_record(memory)
    assert record is not None
    assert record.token == renewed.token
    assert load_record(files) != record
    save_record(files, record)


def test_debug_logs_hold_no_secret(here: Machine, caplog: pytest.LogCaptureFixture) -> None:
    """With everything at DEBUG, neither tokens nor codes stand in any log (O17)."""
    caplog.set_level(logging.DEBUG)
    with here.broker() as broker:
        flow, form = here.answer(broker, "reader")
        tokens = broker.entra.finish_browser(flow, form)
        broker.complete(tokens)
        broker.renew(force=True)
        here.emulator.faults.add(Fault(path=TOKEN, body=b'{"access_token": "canary-in-half'))
        with pytest.raises(AuthorityDown):
            broker.renew(force=True)
    cache = json.loads(here.store().load(Entry.MSAL) or b"")
    secrets = [form["code"], str(flow.msal_flow["code_verifier"]), form["state"], "canary"]
    secrets += [tokens.access_token.reveal()]
    secrets += [each["secret"] for each in cache["RefreshToken"].values()]
    # uvicorn speaks for the emulated authority, which may know them
    ours = [record for record in caplog.records if not record.name.startswith("uvicorn")]
    text = repr(tokens) + repr(flow) + "".join(record.getMessage() for record in ours)
    assert any(record.name.startswith("urllib3") for record in ours)
    assert [secret for secret in secrets if secret in text] == []
    assert not any(record.name.startswith("msal") for record in ours)


def test_the_http_client_is_closed(here: Machine) -> None:
    """A broker that never spoke closes too; and may be used again."""
    with here.broker() as broker:
        pass
    broker.renew(force=True)
    broker.close()
    assert Http(here.settings(), QUICK).get(here.emulator.authority).status_code == 404
