"""How asking a person ends: declined, unanswered, without a browser, refused by the authority."""

from __future__ import annotations

import json
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from mcp_local.broker.authority.refusal import Blocked, Declined, WrongAccount
from mcp_local.broker.signin.process import Way, run_sign_in
from mcp_local.broker.signin.unanswered import NoBrowser
from mcp_local.broker.state import Phase, Problem
from mcp_local.emulator import Fault
from mcp_local.emulator.visitor import Mood, browser_command, visit
from mcp_local.errors import McpLocalError, SettingsError, Unreachable
from mcp_local.log import Log
from tests.support.desk import PATIENCE, Desk, desk, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mcp_local.broker.state import SignInState
    from mcp_local.identity.model import VerifiedToken

SCREENLESS = pytest.mark.skipif(
    sys.platform in {"win32", "darwin"}, reason="these systems always have a screen"
)


@pytest.fixture
def here(home: Path) -> Iterator[Desk]:
    """A desk at which nobody is signed in."""
    with desk(home) as here:
        yield here


class Login:
    """What ``mcp-local login`` does, in a thread, so that the test can play the person."""

    def __init__(self, here: Desk, way: Way | None = None, timeout: float = 300.0) -> None:
        self._here = here
        self._way = way or Way()
        self._timeout = timeout
        self.shown: list[SignInState] = []
        self._result: VerifiedToken | McpLocalError | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        settings = self._here.settings()
        settings = replace(settings, signin=replace(settings.signin, timeout=self._timeout))
        log = Log(settings.home / "log" / "mcp-local.jsonl")
        try:
            self._result = run_sign_in(
                settings,
                self._here.environ,
                self._way,
                log=log,
                announce=self.shown.append,
            )
        except McpLocalError as error:
            self._result = error

    def waits(self) -> SignInState:
        """Wait until the person is asked; return what they are shown."""
        wait_for(lambda: self.shown)
        return self.shown[-1]

    def ends(self) -> VerifiedToken | McpLocalError | None:
        """Wait for the end; return who signed in, or why nobody did."""
        self._thread.join(PATIENCE)
        return self._result


def _problem(here: Desk) -> Problem:
    problem = here.state().problem
    assert problem is not None
    return problem


def test_cancelled_sign_in_ends_at_once(here: Desk) -> None:
    """Cancelling on the page says so there and in the state."""
    login = Login(here)
    outcome = here.visit("reader", mood=Mood.CANCELS)
    assert isinstance(login.ends(), Declined)
    assert "Sign-in was cancelled" in outcome.text
    state = here.state()
    assert (state.phase, state.start_url) == (Phase.SIGNED_OUT, "")
    assert _problem(here).code == "AADSTS65004"


@pytest.mark.parametrize("device", [False, True])
def test_unanswered_sign_in_ends_with_an_error_of_its_own(here: Desk, *, device: bool) -> None:
    """A closed tab, a code that nobody enters: the time limit, and its own error."""
    error = Login(here, Way(device=device), timeout=1.0).ends()
    assert isinstance(error, Declined)
    assert error.message == "Nobody finished the sign-in within 1 second."
    state = here.state()
    assert (state.phase, state.start_url, state.user_code) == (Phase.SIGNED_OUT, "", "")
    assert _problem(here).code == "timed_out"


def test_declined_device_code(here: Desk) -> None:
    """The person's no on the other device ends it."""
    login = Login(here, Way(device=True))
    state = login.waits()
    visit(state.verification_uri, "reader", user_code=state.user_code, mood=Mood.CANCELS)
    assert isinstance(login.ends(), Declined)
    assert here.state().phase is Phase.SIGNED_OUT


@SCREENLESS
def test_without_a_browser_it_says_what_to_do(here: Desk) -> None:
    """No display and no BROWSER: an error at once that names the other ways."""
    _take_browser_away(here)
    error = Login(here).ends()
    assert isinstance(error, NoBrowser)
    assert "mcp-local login --no-browser" in error.hint
    assert "mcp-local login --device" in error.hint
    assert _problem(here).code == "no_browser"
    assert here.state().last_prompt == 0.0  # nobody was asked


@SCREENLESS
@pytest.mark.parametrize("browser", ["none", "broken"])
def test_fallback_to_the_device_code(here: Desk, browser: str) -> None:
    """Where no browser can be opened, or the one that is named fails, the settings may say so."""
    _take_browser_away(here)
    if browser == "broken":
        here.environ["BROWSER"] = f"{sys.executable} -c raise(SystemExit(1)) %s"
    here.set(SIGN_IN_FALLBACK="device")
    login = Login(here)
    wait_for(lambda: login.shown and login.shown[-1].user_code)
    state = login.shown[-1]
    visit(state.verification_uri, "reader", user_code=state.user_code)
    assert not isinstance(login.ends(), McpLocalError)
    assert here.state().phase is Phase.SIGNED_IN


def _take_browser_away(here: Desk) -> None:
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        here.environ.pop(name, None)
    here.environ["SSH_CONNECTION"] = "the screen of this machine is not the person's"


def test_browser_that_fails_leaves_the_address_to_the_person(here: Desk) -> None:
    """Without a fall-back the person may still follow the address that is shown."""
    here.environ["BROWSER"] = f"{sys.executable} -c raise(SystemExit(1)) %s"
    login = Login(here)
    visit(login.waits().start_url, "reader")
    assert not isinstance(login.ends(), McpLocalError)


def test_memory_only_is_refused_at_the_terminal(here: Desk) -> None:
    """A result that would be gone at once isn't asked for; the storage options are named."""
    here.set(CACHE_KEY="memory")
    error = Login(here).ends()
    assert isinstance(error, SettingsError)
    assert "so it would end with this command. The settings ask for it" in error.message
    assert "MCP_LOCAL_CACHE_PASSPHRASE" in error.hint
    assert here.tabs() == []


def test_authority_out_of_reach(here: Desk) -> None:
    """Nobody is asked, and the person is told in words."""
    with here.emulator.switched_off():
        error = Login(here).ends()
    assert isinstance(error, Unreachable)
    assert here.tabs() == []
    assert _problem(here).message == error.message
    assert here.state().last_prompt == 0.0


def test_what_an_administrator_must_do_is_said_everywhere(here: Desk) -> None:
    """A refusal at the token endpoint: the same words on the page and in the state."""
    refusal = {"error": "unauthorized_client", "error_description": "AADSTS7000112: …"}
    here.emulator.faults.add(Fault(path="*/token", status=400, body=json.dumps(refusal).encode()))
    login = Login(here)
    outcome = here.visit("reader")
    assert isinstance(login.ends(), Blocked)
    assert here.state().phase is Phase.BLOCKED
    assert _problem(here).code == "AADSTS7000112"
    assert _problem(here).message in outcome.text.replace("&#x27;", "'")


def test_wrong_account_is_refused_by_name(here: Desk) -> None:
    """With a pinned account nobody else gets in, and the page says whom the settings want."""
    here.set(ACCOUNT="writer@contoso.example")
    login = Login(here)
    outcome = here.visit("reader")
    assert isinstance(login.ends(), WrongAccount)
    assert "writer@contoso.example" in outcome.text
    assert here.state().phase is Phase.NEEDS_YOU


def test_browser_in_the_foreground_is_no_hindrance(here: Desk) -> None:
    """A ``BROWSER`` that stays open until the visit is over neither blocks nor is waited for."""
    here.environ["BROWSER"] = browser_command("reader").removesuffix(" &")
    assert not isinstance(Login(here).ends(), McpLocalError)


def test_second_sign_in_at_the_terminal_adopts_the_first(here: Desk) -> None:
    """O19: it shows where the first one stands, waits, and takes its result."""
    first = Login(here)
    first.waits()
    second = Login(here)
    assert second.waits().start_url == first.waits().start_url
    here.visit("reader")
    tokens = [first.ends(), second.ends()]
    assert tokens[0] == tokens[1]
    assert len(here.tabs()) == 1


def test_second_sign_in_gives_up_after_its_own_time(here: Desk) -> None:
    """C9: a first one that doesn't end holds the second no longer than that may take."""
    first = Login(here)
    first.waits()
    error = Login(here, timeout=0.5).ends()
    assert isinstance(error, McpLocalError)
    assert "doesn't come to an end" in error.message
    assert here.state().start_url == first.waits().start_url
    here.visit("reader")
    assert not isinstance(first.ends(), McpLocalError)


@pytest.mark.parametrize("background", [False, True])
def test_no_page_is_opened_where_the_authority_is_out_of_reach(
    here: Desk, *, background: bool
) -> None:
    """Even where its document is kept: nobody waits for a page that can't come."""
    here.sign_in("reader")
    tabs = len(here.tabs())
    with here.emulator.switched_off():
        login = Login(here, Way(background=background, again=background))
        error = login.ends()
    assert isinstance(error, Unreachable)
    assert len(here.tabs()) == tabs
    assert not login.shown
    assert _problem(here).code == Unreachable.code
