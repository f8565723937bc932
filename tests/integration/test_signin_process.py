"""``mcp-local login`` as a person runs it in a terminal: a real process, real MSAL."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mcp_local.broker.state import Phase
from mcp_local.emulator.visitor import visit
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


def test_where_nothing_can_be_kept_both_say_what_helps(here: Desk) -> None:
    """C12: ``login`` refuses there, so ``whoami`` sends nobody to it."""
    here.set(CACHE_KEY="memory")
    for command, code in (("login", ExitCode.USAGE), ("whoami", ExitCode.SIGN_IN_NEEDED)):
        done = here.run(command)
        assert done.returncode == code
        assert "in a file, named by MCP_LOCAL_CACHE_PASSPHRASE_FILE" in done.stderr
        assert "mcp-local login" not in done.stderr


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


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize(
    ("number", "way"),
    [(signal.SIGINT, "browser"), (signal.SIGTERM, "browser"), (signal.SIGINT, "device")],
)
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


def test_chosen_port_is_used_and_a_taken_one_refused(here: Desk) -> None:
    """``--port`` is for ``ssh -L``: that port, or an error."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with here.command("login", "--no-browser", "--port", str(port)) as login:
        _line_with(login, f"http://localhost:{port}/start/")
        login.kill()
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        taken = str(squatter.getsockname()[1])
        result = here.run("login", "--no-browser", "--port", taken)
    assert result.returncode == ExitCode.SIGN_IN_NEEDED
    assert "taken by another program" in result.stderr
