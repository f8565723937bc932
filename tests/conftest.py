"""Shared fixtures: every test has a state folder of its own and no settings from outside."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import Commands
from tests.support.warm import cool, python

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

MACHINE_MARKERS = ("browser", "secret_service", "node", "uvx")

# Hundreds of processes are started: without bytecode each would compile FastMCP anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# A shell's background job ignores Ctrl-C, and so would every process that it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of the test's own; nothing of the machine's settings is seen."""
    for name in [name for name in os.environ if name.startswith("MCP_LOCAL_")]:
        monkeypatch.delenv(name)
    # The person's own keyring and browser are never touched.
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("BROWSER", "false %s")
    folder = tmp_path / "home"
    monkeypatch.setenv("MCP_LOCAL_HOME", str(folder))
    monkeypatch.setenv("MCP_LOCAL_CONFIG", str(folder / "config.toml"))
    return folder


@pytest.fixture(scope="session")
def commands() -> Commands:
    """Our command line, for tests of what it says: each command a fork, not a start."""
    return Commands()


@pytest.fixture
def forks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What our code starts in this process, and what that starts, are forks, too."""
    monkeypatch.setattr(sys, "executable", python())


def pytest_sessionfinish() -> None:
    """End the process that was forked."""
    cool()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where the gate runs, a test that needs a browser, a key store or a registry must run."""
    report = yield
    if (
        report.skipped
        and os.environ.get("REQUIRE_MACHINE_TESTS")
        and any(item.get_closest_marker(marker) for marker in MACHINE_MARKERS)
    ):
        report.outcome = "failed"
    return report
