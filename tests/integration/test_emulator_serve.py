"""The emulator as a program in the foreground, and the visitor as one."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mcp_local.emulator import Emulator
from mcp_local.emulator.serve import serve
from mcp_local.emulator.visitor import visit
from mcp_local.errors import SettingsError, UsageError
from tests.support.msal_client import listening, msal_app

SERVE = """
import json, sys
from mcp_local.emulator.serve import serve

def announce(emulator):
    facts = emulator.environment() | {"pages": emulator.pages}
    sys.stdout.write(json.dumps(facts) + "\\n")
    sys.stdout.flush()

serve(announce=announce, until_stdin_closes=len(sys.argv) > 1)
"""


def started(*arguments: str) -> tuple[subprocess.Popen[str], dict[str, str]]:
    """Start the emulator as a process; return it with what it announced."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    return process, json.loads(process.stdout.readline())


@pytest.mark.skipif(sys.platform == "win32", reason="signals of another kind")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it(number: signal.Signals) -> None:
    """It runs until it is interrupted, and leaves no CA file behind."""
    process, facts = started()
    with process:
        ca_file = facts["MCP_LOCAL_CA_FILE"]
        assert visit(facts["pages"], "reader").page == "start"
        assert Path(ca_file).exists()
        process.send_signal(number)
        assert process.wait(10) == 0
        assert not Path(ca_file).exists()


def test_end_of_input_ends_it() -> None:
    """Told so, it ends when its standard input does."""
    process, _ = started("until-stdin-closes")
    with process:
        assert process.stdin
        process.stdin.close()
        assert process.wait(10) == 0


def test_the_last_port_of_all_has_none_behind_it() -> None:
    """The pages take a free one then."""
    pages: list[str] = []

    def announce(entra: Emulator) -> None:
        pages.append(entra.pages)
        signal.raise_signal(signal.SIGINT)

    serve(port=65535, announce=announce)
    assert pages
    assert not pages[0].endswith(":65536")


def test_announced_once_it_runs(tmp_path: Path) -> None:
    """What is announced runs already, with the people of the file, at the port asked for."""
    users = tmp_path / "users.yaml"
    users.write_text("users: [{username: ada, roles: [Admin]}]", encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    seen: list[str] = []

    def announce(emulator: Emulator) -> None:
        seen.extend(person.username for person in emulator.directory.people)
        seen.append(emulator.authority.removesuffix(emulator.tenant_id))
        signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    serve(port=port, users_file=users, announce=announce)

    assert seen == ["ada@contoso.example", f"https://localhost:{port}/"]
    assert signal.getsignal(signal.SIGINT) is before


def test_a_broken_file_starts_nothing(tmp_path: Path) -> None:
    """A users file that means nothing is an error before anything is served."""
    users = tmp_path / "users.yaml"
    users.write_text("users: []", encoding="utf-8")

    with pytest.raises(SettingsError, match="nobody"):
        serve(users_file=users, announce=lambda _: None)


def test_a_port_in_use() -> None:
    """A port that is in use is an error that says so; the other one is given back."""
    with Emulator() as emulator:
        port = int(emulator.authority.split(":")[2].split("/")[0])
        pages_port = int(emulator.pages.split(":")[2])
        with pytest.raises(UsageError, match=f"port {port} is in use"):
            Emulator(port=port).start()
        with pytest.raises(UsageError, match=f"port {pages_port} is in use"):
            Emulator(pages_port=pages_port).start()


class TestVisitor:
    """``python -m mcp_local.emulator.visitor``."""

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the visitor as a program."""
        return subprocess.run(
            [sys.executable, "-m", "mcp_local.emulator.visitor", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def test_device_code(self, entra_emulator: Emulator) -> None:
        """It enters a code, and writes nothing to standard output."""
        app = msal_app(entra_emulator)
        flow = app.initiate_device_flow([entra_emulator.scope])

        done = self.run(
            "--user", "reader", "--code", str(flow["user_code"]), str(flow["verification_uri"])
        )

        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert "access_token" in app.acquire_token_by_device_flow(flow)

    def test_refusals_are_told(self, entra_emulator: Emulator) -> None:
        """A refusal is named on standard error, with exit code 1."""
        app = msal_app(entra_emulator)
        with listening() as listener:
            flow = app.initiate_auth_code_flow(
                [entra_emulator.scope], redirect_uri=listener.url, response_mode="form_post"
            )
            done = self.run("--user", "disabled", str(flow["auth_uri"]))

        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == "visitor: error: AADSTS50057\n"

    def test_imports_little(self) -> None:
        """It starts without the servers' libraries, and without asyncio."""
        script = (
            "import sys, mcp_local.emulator.visitor\n"
            "print([name for name in ('asyncio', 'starlette', 'cryptography', 'yaml', 'jwt')"
            " if name in sys.modules])"
        )
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
        )

        assert done.stdout == "[]\n"

    def test_an_answer_that_never_comes(self) -> None:
        """An address that doesn't answer is an error of its own."""
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            port = closed.getsockname()[1]
        done = self.run("--user", "reader", f"http://localhost:{port}/?code=secret")

        assert done.returncode == 5
        assert "secret" not in done.stderr


def test_two_at_once() -> None:
    """Two emulators in one process have tenants, ports and CAs of their own."""
    with Emulator() as first, Emulator() as second:
        assert first.tenant_id != second.tenant_id
        assert first.ca_file.read_bytes() != second.ca_file.read_bytes()
        threads = [thread for thread in threading.enumerate() if "emulator" in thread.name]
        assert len(threads) == 2
