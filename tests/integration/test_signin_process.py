"""The sign-in process: what a person meets, and how it ends (real processes, real MSAL)."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mcp_local.broker.state import Phase
from mcp_local.emulator import Fault
from mcp_local.emulator.visitor import Mood, browser_command, visit
from mcp_local.errors import ExitCode
from tests.support.desk import Desk, desk, wait_for

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator


@pytest.fixture
def here(home: Path) -> Iterator[Desk]:
    """A desk at which nobody is signed in."""
    with desk(home) as here:
        yield here


def _line_with(process: subprocess.Popen[str], text: str) -> str:
    """Wait for the line on standard error that holds ``text``."""
    assert process.stderr is not None
    while text not in (line := process.stderr.readline()):
        assert line, "ended before it said so"
    return line


def _rest_of(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Return what else it says, once it has ended."""
    assert process.stdout is not None
    assert process.stderr is not None
    return process.stdout.read(), process.stderr.read()


def test_login_signs_in_and_says_who(here: Desk) -> None:
    """One tab, one answer on standard output, and nothing of the browser's in it."""
    with here.command("login", "--json") as login:
        outcome = here.visit("writer")
        out, err = login.communicate(timeout=30)
    assert login.returncode == ExitCode.OK, err
    assert '"Task.Write"' in out
    assert "Opening in existing browser session" not in out + err
    assert "You\N{RIGHT SINGLE QUOTATION MARK}re signed in" in outcome.text
    assert "go back to the terminal" in outcome.text
    state = here.state()
    assert (state.phase, state.account) == (Phase.SIGNED_IN, "writer@contoso.example")
    assert state.start_url == ""


def test_start_address_is_good_once_and_a_fresh_one_takes_its_place(here: Desk) -> None:
    """Who closed the tab finds another address; the used one leads nowhere."""
    with here.command("login", "--no-browser") as login:
        first = _line_with(login, "/start/").split()[-1]
        visit(first, "nobody-there")  # looks at the account picker, and closes the tab
        wait_for(lambda: here.state().start_url not in {"", first})
        assert visit(first, "reader").status == 410
        assert visit(here.state().start_url, "reader").went_well
        assert login.wait(30) == ExitCode.OK
    assert here.tabs() == []


def test_state_file_log_and_address_hold_no_secret(here: Desk) -> None:
    """Neither state, nonce, challenge, code nor token is in any of them."""
    with here.command("login") as login:
        address = here.tab()
        state_file = here.profile / "state.json"
        waiting = state_file.read_text("utf-8")
        assert os.name == "nt" or state_file.stat().st_mode & 0o777 == 0o600
        visit(address, "reader")
        login.wait(30)
    logs = (Path(here.environ["MCP_LOCAL_HOME"]) / "log").glob("*.jsonl*")
    log = "".join(path.read_text("utf-8") for path in logs)
    assert "sign_in" in log
    for text in (waiting, state_file.read_text("utf-8"), log, address):
        for secret in ("state=", '"state"', "nonce", "code_challenge", "code_verifier", "eyJ"):
            assert secret not in text


def test_cancelled_sign_in_ends_at_once(here: Desk) -> None:
    """Cancelling on the page says so there, in the terminal, and in the state."""
    with here.command("login") as login:
        outcome = here.visit("reader", mood=Mood.CANCELS)
        _, err = login.communicate(timeout=30)
    assert login.returncode == ExitCode.SIGN_IN_NEEDED
    assert "Sign-in was cancelled" in outcome.text
    assert "declined" in err
    state = here.state()
    assert state.phase is Phase.SIGNED_OUT
    assert state.problem is not None
    assert state.problem.code == "AADSTS65004"


def test_unanswered_sign_in_ends_with_an_error_of_its_own(here: Desk) -> None:
    """A closed tab: the time limit, its own error, and the port is free again."""
    result = here.run("login", "--timeout", "1")
    assert result.returncode == ExitCode.SIGN_IN_NEEDED
    assert "Nobody finished the sign-in within 1 second" in result.stderr
    state = here.state()
    assert (state.phase, state.start_url) == (Phase.SIGNED_OUT, "")
    assert state.problem is not None
    assert state.problem.code == "timed_out"


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("way", ["browser", "device"])
def test_interrupted_by_the_person(here: Desk, number: signal.Signals, way: str) -> None:
    """Ctrl-C and SIGTERM end it at once, with exit code 130, and the state says so."""
    with here.command("login", *(["--device"] if way == "device" else [])) as login:
        wait_for(lambda: here.state().deadline)
        login.send_signal(number)
        assert login.wait(10) == ExitCode.INTERRUPTED
    state = here.state()
    assert (state.phase, state.user_code, state.start_url) == (Phase.SIGNED_OUT, "", "")
    assert state.problem is not None
    assert state.problem.code == "cancelled"


def test_device_code(here: Desk) -> None:
    """O13: the person is shown code and address, and warned of codes that others send."""
    with here.command("login", "--device") as login:
        asked = _line_with(login, "enter the code")
        state = here.state()
        assert state.phase is Phase.WAITING_FOR_DEVICE_CODE
        assert state.user_code in asked
        assert state.verification_uri in asked
        visit(state.verification_uri, "reader", user_code=state.user_code)
        out, err = _rest_of(login)
        assert login.wait(30) == ExitCode.OK
    assert "Rita Reader" in out
    assert "sent you" in err
    assert here.state().phase is Phase.SIGNED_IN
    assert here.tabs() == []


def test_device_code_that_nobody_enters(here: Desk) -> None:
    """The time limit holds for the device code too."""
    result = here.run("login", "--device", "--timeout", "1")
    assert result.returncode == ExitCode.SIGN_IN_NEEDED
    assert "Nobody finished the sign-in within 1 second" in result.stderr


def test_declined_device_code(here: Desk) -> None:
    """The person's no on the other device ends it."""
    with here.command("login", "--device") as login:
        _line_with(login, "enter the code")
        state = here.state()
        visit(state.verification_uri, "reader", user_code=state.user_code, mood=Mood.CANCELS)
        assert login.wait(30) == ExitCode.SIGN_IN_NEEDED
    problem = here.state().problem
    assert problem is not None
    assert problem.code == "AADSTS65004"


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="always has a screen")
def test_without_a_browser_it_says_what_to_do(here: Desk) -> None:
    """No display and no BROWSER: an error at once that names the other ways."""
    _take_browser_away(here)
    result = here.run("login")
    assert result.returncode == ExitCode.SIGN_IN_NEEDED
    assert "mcp-local login --no-browser" in result.stderr
    assert "mcp-local login --device" in result.stderr


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="always has a screen")
@pytest.mark.parametrize("broken", [False, True])
def test_fallback_to_the_device_code(
    here: Desk,
    broken: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Where no browser can be opened, or the one that is named fails, the settings may say so."""
    _take_browser_away(here)
    if broken:
        here.environ["BROWSER"] = f"{sys.executable} -c raise(SystemExit(1)) %s"
    here.set(SIGN_IN_FALLBACK="device")
    with here.command("login") as login:
        _line_with(login, "enter the code")
        state = here.state()
        visit(state.verification_uri, "reader", user_code=state.user_code)
        assert login.wait(30) == ExitCode.OK


def _take_browser_away(here: Desk) -> None:
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        here.environ.pop(name, None)


def test_chosen_port_is_used_and_a_taken_one_refused(here: Desk) -> None:
    """``--port`` is for ``ssh -L``: that port, or an error."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with here.command("login", "--no-browser", "--port", str(port)) as login:
        _line_with(login, f"http://localhost:{port}/start/")
        second = here.run("login", "--no-browser", "--port", str(port), "--timeout", "2")
        assert second.returncode == ExitCode.SIGN_IN_NEEDED  # it waited for the first
        login.kill()
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        taken = str(squatter.getsockname()[1])
        result = here.run("login", "--no-browser", "--port", taken)
    assert result.returncode == ExitCode.SIGN_IN_NEEDED
    assert "taken by another program" in result.stderr


def test_memory_only_is_refused_at_the_terminal(here: Desk) -> None:
    """A result that would be gone at once isn't asked for; the storage options are named."""
    here.set(CACHE_KEY="memory")
    result = here.run("login")
    assert result.returncode == ExitCode.USAGE
    assert "MCP_LOCAL_CACHE_PASSPHRASE" in result.stderr
    assert here.tabs() == []


def test_authority_out_of_reach(here: Desk) -> None:
    """Nobody is asked, and the person is told in words."""
    with here.emulator.switched_off():
        result = here.run("login")
    assert result.returncode == ExitCode.UNREACHABLE
    assert here.tabs() == []
    problem = here.state().problem
    assert problem is not None
    assert "can't be reached" in problem.message


def test_what_an_administrator_must_do_is_said_everywhere(here: Desk) -> None:
    """A refusal at the token endpoint: on the page, in the terminal and in the state."""
    refusal = {"error": "unauthorized_client", "error_description": "AADSTS7000112: …"}
    here.emulator.faults.add(Fault(path="*/token", status=400, body=json.dumps(refusal).encode()))
    with here.command("login") as login:
        outcome = here.visit("reader")
        _, err = login.communicate(timeout=30)
    assert login.returncode == ExitCode.SIGN_IN_NEEDED
    state = here.state()
    assert state.phase is Phase.BLOCKED
    assert state.problem is not None
    assert state.problem.code == "AADSTS7000112"
    for text in (outcome.text, err):
        assert state.problem.message in text.replace("&#x27;", "'")


def test_wrong_account_is_refused_by_name(here: Desk) -> None:
    """With a pinned account nobody else gets in, and the page says whom the settings want."""
    here.set(ACCOUNT="writer@contoso.example")
    with here.command("login") as login:
        outcome = here.visit("reader")
        assert login.wait(30) == ExitCode.SIGN_IN_NEEDED
    assert "writer@contoso.example" in outcome.text
    assert here.state().phase is Phase.NEEDS_YOU


def test_browser_in_the_foreground_is_no_hindrance(here: Desk) -> None:
    """A ``BROWSER`` that stays open until the visit is over neither blocks nor is waited for."""
    here.environ["BROWSER"] = browser_command("reader").removesuffix(" &")
    assert here.run("login").returncode == ExitCode.OK
