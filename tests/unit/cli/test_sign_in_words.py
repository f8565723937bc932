"""What a person is told while a sign-in is under way."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

from mcp_local.broker.state import Phase, SignInState
from mcp_local.cli.console import Console
from mcp_local.cli.sign_in_words import Announcer

if TYPE_CHECKING:
    import pytest

BROWSER = SignInState(phase=Phase.WAITING_FOR_BROWSER, start_url="http://localhost:8400/start/once")
DEVICE = SignInState(
    phase=Phase.WAITING_FOR_DEVICE_CODE,
    user_code="ABC-DEF",
    verification_uri="https://microsoft.com/devicelogin",
)


def told(
    capsys: pytest.CaptureFixture[str],
    *states: SignInState,
    no_browser: bool = False,
    quiet: bool = False,
) -> str:
    """Return what was said about the states."""
    announcer = Announcer(Console(), no_browser=no_browser, quiet=quiet)
    for state in states:
        announcer.tell(state)
    said = capsys.readouterr()
    assert said.out == ""
    return said.err


def test_the_browser_is_announced_once(capsys: pytest.CaptureFixture[str]) -> None:
    """The same state seen again isn't told again."""
    text = told(capsys, BROWSER, BROWSER)
    assert text.count(BROWSER.start_url) == 1
    assert "Your browser opens" in text


def test_without_a_browser_the_way_back_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """The ssh line carries the very port of the listener."""
    text = told(capsys, BROWSER, no_browser=True)
    assert BROWSER.start_url in text
    assert "ssh -L 8400:localhost:8400 " in text


def test_a_user_without_a_name_signs_in_all_the_same(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In containers a user is often a number alone, of which Python makes several errors."""

    def getuser() -> str:
        raise KeyError("getpwuid(): uid not found: 1234")

    monkeypatch.setattr(getpass, "getuser", getuser)
    assert "ssh -L 8400:localhost:8400 you@" in told(capsys, BROWSER, no_browser=True)


def test_a_device_code_comes_with_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    """Codes that others send are how people are robbed (SECURITY.md O13)."""
    text = told(capsys, DEVICE)
    assert "ABC-DEF" in text
    assert "https://microsoft.com/devicelogin" in text
    assert "Enter only a code that you asked for yourself" in text


def test_other_states_and_the_background_are_silent(capsys: pytest.CaptureFixture[str]) -> None:
    """A process that a server started has nobody to talk to."""
    assert told(capsys, SignInState(phase=Phase.SIGNED_IN), SignInState()) == ""
    assert told(capsys, BROWSER, DEVICE, quiet=True) == ""
