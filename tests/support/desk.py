"""A person's desk: an emulated authority, a browser that the test controls, real processes."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self, cast

from msgspec.structs import replace

from mcp_local.broker.record import load_record, save_record
from mcp_local.broker.session.local import LocalSession
from mcp_local.broker.state_file import StateFile
from mcp_local.emulator.visitor import Mood, visit
from mcp_local.log import Log
from mcp_local.secret import Secret
from mcp_local.settings import load, profile_dir
from tests.support import instance, tab, warm
from tests.support.entra import Machine, machine

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import TracebackType

    from mcp_local.broker.state import SignInState
    from mcp_local.emulator import Directory
    from mcp_local.emulator.visitor import Outcome
    from mcp_local.settings import Settings

PATIENCE = 20.0
"""Seconds after which a test has waited in vain."""


class Instance:
    """One server, in a process of its own."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [warm.python(), instance.__file__],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def begin(self, do: str, **arguments: object) -> None:
        """Ask for something without waiting for it."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self.process.stdin.flush()

    def result(self) -> dict[str, object]:
        """Return the answer to what was begun: the status afterwards."""
        assert self.process.stdout is not None
        return cast("dict[str, object]", json.loads(self.process.stdout.readline()))

    def ask(self, do: str = "status", **arguments: object) -> dict[str, object]:
        """Ask for something; return the status afterwards."""
        self.begin(do, **arguments)
        return self.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.process.communicate(timeout=PATIENCE)
        finally:
            self.process.kill()


class Desk:
    """What a test has at hand."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.machine = machine
        self.emulator = machine.emulator
        self._tabs = folder / "tabs"
        own = {name: value for name, value in os.environ.items() if name != "BROWSER"}
        self.environ = own | machine.environ
        self.use_browser([sys.executable, "-S", tab.__file__, str(self._tabs)])

    def use_browser(self, command: list[str]) -> None:
        """Set ``BROWSER``; by default the addresses to be opened are only noted."""
        self.environ["BROWSER"] = f"{shlex.join(command)} %s"

    def set(self, **variables: str) -> None:
        """Set ``MCP_LOCAL_…`` for what is started from now on."""
        self.environ |= {f"MCP_LOCAL_{name}": value for name, value in variables.items()}

    def settings(self) -> Settings:
        """Load the settings as every process does."""
        return load({}, self.environ)

    def session(self, clock: Callable[[], float] = time.time) -> LocalSession:
        """Make a session in this process."""
        settings = self.settings()
        log = Log(settings.home / "log" / "mcp-local.jsonl")
        return LocalSession(settings, self.environ, log=log, clock=clock)

    def instance(self) -> Instance:
        """Start a server's session in a process of its own."""
        return Instance(self.environ)

    @contextmanager
    def command(self, *words: str) -> Generator[subprocess.Popen[str]]:
        """Run ``mcp-local`` as in a terminal; it is ended with the block, if it still runs."""
        with subprocess.Popen(
            warm.ours(*words),
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run ``mcp-local`` as in a terminal, to its end."""
        with self.command(*words) as process:
            out, err = process.communicate(timeout=PATIENCE)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    @property
    def profile(self) -> Path:
        """The profile's folder."""
        return profile_dir(self.settings())

    def state(self) -> SignInState:
        """Return what the state file says."""
        return StateFile(self.profile).read()

    def tabs(self) -> list[str]:
        """Return the addresses that a browser was to open."""
        return self._tabs.read_text("utf-8").splitlines() if self._tabs.exists() else []

    def tab(self, number: int = 1) -> str:
        """Wait for the browser's nth tab; return its address."""
        wait_for(lambda: len(self.tabs()) >= number)
        return self.tabs()[number - 1]

    def visit(self, user: str, *, number: int = 1, mood: Mood = Mood.WILLING) -> Outcome:
        """Let somebody sign in in the browser's nth tab."""
        return visit(self.tab(number), user, mood=mood)

    def sign_in(self, user: str = "reader") -> None:
        """Let somebody be signed in already."""
        self.machine.sign_in(user)

    def expire_token(self, user: str = "reader", *, lifetime: float = -600.0) -> None:
        """Let the kept token be past its end, as on a new morning, or near it (seconds)."""
        store = self.machine.store()
        record = load_record(store)
        assert record is not None
        old = Secret(self.emulator.mint(user, lifetime=lifetime))
        save_record(store, replace(record, token=old, renew_at=0.0))

    def log(self, event: str) -> list[dict[str, object]]:
        """Return the log's lines of one event."""
        path = Path(self.environ["MCP_LOCAL_HOME"]) / "log" / "mcp-local.jsonl"
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        entries = [cast("dict[str, object]", json.loads(line)) for line in lines]
        return [entry for entry in entries if entry["event"] == event]


@contextmanager
def desk(home: Path, directory: Directory | None = None, **options: object) -> Generator[Desk]:
    """Set up a desk; ``options`` are those of the emulator."""
    with machine(home, directory, **{"device_interval": 1, **options}) as here:
        yield Desk(here, home.parent)


def wait_for(happens: Callable[[], object]) -> None:
    """Wait until something holds; fail after a time that is no measure of anything."""
    deadline = time.monotonic() + PATIENCE
    while not happens():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
