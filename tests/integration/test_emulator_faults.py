"""A bad day at the authority: faults, the emulator switched off, and what the log keeps."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
import requests

from mcp_local.emulator import Emulator, Fault
from tests.support.msal_client import desktop, session

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.fixture
def http(entra_emulator: Emulator) -> Generator[requests.Session]:
    """A session that trusts the emulator."""
    with session(entra_emulator) as made:
        yield made


def metadata(emulator: Emulator) -> str:
    """Return the address of the metadata."""
    return f"{emulator.authority}/v2.0/.well-known/openid-configuration"


def test_status_and_retry_after(entra_emulator: Emulator, http: requests.Session) -> None:
    """A fault answers in the endpoint's place, as often as it was told to."""
    fault = Fault(path="*/openid-configuration", status=503, retry_after=7, times=2)
    entra_emulator.faults.add(fault)

    answers = [http.get(metadata(entra_emulator), timeout=10) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert answers[0].headers["Retry-After"] == "7"
    assert entra_emulator.faults.happened(fault) == 2


def test_only_matching_paths(entra_emulator: Emulator, http: requests.Session) -> None:
    """A fault on one path leaves the others alone."""
    entra_emulator.faults.add(Fault(path="*/token", status=500, times=None))

    assert http.get(metadata(entra_emulator), timeout=10).status_code == 200
    token = f"{entra_emulator.authority}/oauth2/v2.0/token"
    assert http.post(token, data={}, timeout=10).status_code == 500


def test_garbage_body(entra_emulator: Emulator, http: requests.Session) -> None:
    """A body of garbage comes with status 200 and a JSON content type, or with the one given."""
    headers = {"Content-Type": "text/html"}
    entra_emulator.faults.add(Fault(body=b"\x00garbage"))
    entra_emulator.faults.add(Fault(body=b"<html>", headers=headers))

    first, second = (http.get(metadata(entra_emulator), timeout=10) for _ in range(2))

    assert (first.status_code, first.content) == (200, b"\x00garbage")
    assert first.headers["Content-Type"] == "application/json"
    assert second.headers["Content-Type"] == "text/html"


def test_delay(entra_emulator: Emulator, http: requests.Session) -> None:
    """A delayed answer comes late, and is the real one."""
    entra_emulator.faults.add(Fault(delay=0.2))
    started = time.monotonic()

    assert http.get(metadata(entra_emulator), timeout=10).json()["issuer"]
    assert time.monotonic() - started >= 0.2


def test_hang(entra_emulator: Emulator, http: requests.Session) -> None:
    """A request that hangs gets no answer, others do, and the log has it with status 0."""
    entra_emulator.faults.add(Fault(hang=True))

    with pytest.raises(requests.ReadTimeout):
        http.get(metadata(entra_emulator), timeout=0.2)
    assert http.get(metadata(entra_emulator), timeout=10).status_code == 200
    deadline = time.monotonic() + 10
    while len(entra_emulator.requests) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sorted(entry.status for entry in entra_emulator.requests) == [0, 200]


@pytest.mark.parametrize("fault", [Fault(hang=True), Fault(delay=600.0)])
def test_stopping_ends_what_waits(fault: Fault) -> None:
    """A stopping emulator breaks off what hangs or is delayed, and doesn't wait for it."""
    failures: list[Exception] = []
    with Emulator() as emulator:
        emulator.faults.add(fault)
        with session(emulator) as http:
            address = metadata(emulator)

            def ask() -> None:
                try:
                    http.get(address, timeout=60)
                except requests.ConnectionError as error:
                    failures.append(error)

            thread = threading.Thread(target=ask)
            thread.start()
            deadline = time.monotonic() + 10
            while not emulator.faults.happened(fault) and time.monotonic() < deadline:
                time.sleep(0.01)
            emulator.stop()
            thread.join(10)

    assert len(failures) == 1
    assert not thread.is_alive()


@pytest.mark.parametrize("body", [None, b"x" * 1000])
def test_cut(entra_emulator: Emulator, http: requests.Session, body: bytes | None) -> None:
    """A cut answer ends in its middle, be it the real one or one made for the fault."""
    entra_emulator.faults.add(Fault(cut=True, body=body))

    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        http.get(metadata(entra_emulator), timeout=10)


def test_switched_off(entra_emulator: Emulator, http: requests.Session) -> None:
    """Switched off, the emulator refuses connections; then it goes on where it was."""
    with desktop(entra_emulator) as pc:
        pc.sign_in("reader")
        with entra_emulator.switched_off(), pytest.raises(requests.ConnectionError):
            http.get(metadata(entra_emulator), timeout=10)

        assert "access_token" in pc.renew()


def test_the_log_holds_no_secret(entra_emulator: Emulator) -> None:
    """The log has path, grant type, status and time, and nothing a client sent or got."""
    with desktop(entra_emulator) as pc:
        result = pc.sign_in("reader")
        pc.renew()

    log = entra_emulator.requests
    entry = log.matching("*/token", grant_type="refresh_token")[0]
    assert (entry.method, entry.status, log[-1]) == ("POST", 200, entry)
    assert log.matching("*/token")[0].grant_type == "authorization_code"
    assert entry.at <= time.time()
    assert 0 <= entry.seconds < 60
    for secret in (str(result["refresh_token"]), pc.listener.answers[0]["code"]):
        assert secret not in repr(list(log))
    log.clear()
    assert len(log) == 0
