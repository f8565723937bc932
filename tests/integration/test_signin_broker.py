"""``signin.method = broker``: real MSAL, and what it meets of an operating system's broker."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from mcp_local.broker.record import load_record
from mcp_local.broker.state import Phase, Problem
from mcp_local.broker.storage.store import Entry
from mcp_local.identity.verify import decode_unverified
from mcp_local.secret import Secret
from tests.support import account_broker
from tests.support.desk import desk, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.desk import Desk


class System:
    """The operating system's account broker, as a test wants it."""

    def __init__(self, here: Desk, file: Path) -> None:
        self._here = here
        self._file = file
        here.environ |= {
            "PYTHONPATH": str(Path(account_broker.__file__).parent),
            "ACCOUNT_BROKER": str(file),
        }

    def says(self, **what: object) -> None:
        """Answer so from now on."""
        self._file.write_text(json.dumps(what), "utf-8")

    def knows(self, user: str) -> None:
        """Hand out tokens of somebody from now on."""
        token = self._here.emulator.mint(user)
        claims = decode_unverified(Secret(token))[1]
        client_info = json.dumps({"uid": claims["oid"], "utid": claims["tid"]}).encode()
        names = {"preferred_username": f"{user}@contoso.example", "aud": "client", "iss": "x"}
        self.says(
            access_token=token,
            id_token=token,
            claims={**claims, **names},
            client_info=urlsafe_b64encode(client_info).decode().rstrip("="),
            scopes=list(self._here.settings().scopes),
        )

    def asked(self) -> list[dict[str, object]]:
        """Return what MSAL asked of it."""
        file = self._file.with_name(self._file.name + ".asked")
        lines = file.read_text("utf-8").splitlines() if file.exists() else []
        return [cast("dict[str, object]", json.loads(line)) for line in lines]


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Desk]:
    """Return a desk whose settings want the system's broker."""
    with desk(tmp_path / "home") as made:
        made.set(SIGN_IN="broker")
        yield made


@pytest.fixture
def system(here: Desk, tmp_path: Path) -> System:
    """Return a system with a broker."""
    return System(here, tmp_path / "broker.json")


def test_the_extra_is_named(here: Desk) -> None:
    """Without the package for it, the error says what to install and what to set instead."""
    done = here.run("login")
    assert done.returncode == 2
    assert "mcp-local[broker]" in done.stderr
    assert "Traceback" not in done.stderr
    assert here.state().phase is Phase.SIGNED_OUT
    assert here.tabs() == []


def test_a_window_signs_in_and_the_broker_renews(here: Desk, system: System) -> None:
    """The main thread asks in a window; what comes is verified, kept, and renewed the same way."""
    system.knows("reader")
    done = here.run("login", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["roles"] == ["Task.Read"]
    assert "in a window of its own" in done.stderr
    asked = next(each for each in system.asked() if each["what"] == "signin_interactively")
    assert asked["main"] is True
    assert asked["requested_scopes"] == list(here.settings().scopes)
    assert here.tabs() == []
    assert here.machine.token_requests("authorization_code") == 0
    done = here.run("refresh", "--force")
    assert done.returncode == 0, done.stderr
    assert system.asked()[-1]["what"] == "acquire_token_silently"
    assert here.machine.token_requests() == 0


def test_without_one_the_browser_is_used_and_that_is_said(here: Desk, system: System) -> None:
    """MSAL's own listener never opens; our flow takes its place, in words, state and log."""
    system.says(broken=True)
    with here.command("login") as process:
        wait_for(lambda: here.state().phase is Phase.WAITING_FOR_BROWSER)
        problem = here.state().problem
        assert problem is not None
        assert problem.code == "no_account_broker"
        here.visit("reader")
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert "account broker isn't available here; the browser is used" in err
    assert "Rita" in out or "reader" in out
    assert here.state().problem is None
    assert len(here.tabs()) == 1
    assert here.tabs()[0].startswith("http://localhost:")
    assert [line["outcome"] for line in here.log("account_broker")] == ["no_account_broker"]


def test_whoever_wants_an_address_gets_no_window(here: Desk, system: System) -> None:
    """``--no-browser`` prints the address, whatever the method is."""
    system.knows("reader")
    with here.command("login", "--no-browser"):
        wait_for(lambda: here.state().start_url)
    assert [each["what"] for each in system.asked()] == []


def test_its_no_is_told_like_any_other(here: Desk, system: System) -> None:
    """A cancelled window ends the sign-in; a registration that lacks the broker is named."""
    system.says(status="UserCanceled")
    assert here.run("login").returncode == 3
    assert (here.state().phase, here.state().problem) == (
        Phase.SIGNED_OUT,
        Problem("cancelled", "The sign-in was cancelled.", "Start it again."),
    )
    system.says(status="IncorrectConfiguration", text="AADSTS50011: no such redirect")
    done = here.run("login")
    assert done.returncode == 2
    assert "ms-appx-web://Microsoft.AAD.BrokerPlugin/" in done.stderr
    assert here.tabs() == []


def test_window_that_nobody_answers(here: Desk, system: System) -> None:
    """The time limit ends the process, and says so; the next sign-in may come at once."""
    system.says(hangs=True)
    done = here.run("login", "--timeout", "1")
    assert done.returncode == 3
    assert "Nobody finished the sign-in within 1 second." in done.stderr
    assert here.state().problem is not None
    system.knows("reader")
    assert here.run("login").returncode == 0


def test_pinned_account_is_known_by_its_object_id(here: Desk, system: System) -> None:
    """The broker has ids of its own for accounts; the pin holds all the same."""
    system.knows("reader")
    assert here.run("login").returncode == 0
    record = load_record(here.machine.store())
    assert record is not None
    claims = decode_unverified(record.token)[1]
    here.set(ACCOUNT=str(claims["oid"]))
    done = here.run("refresh", "--force")
    assert done.returncode == 0, done.stderr
    assert here.machine.store().load(Entry.MSAL) is not None
