"""A pytest plugin: a running emulator, and a person who signs in without a screen.

Registered through the ``pytest11`` entry point, so it is imported by every run of pytest where
``mcp-local`` is installed: nothing heavy may be imported before a fixture is used.

    def test_a_reader_sees_the_weather(entra_as):
        environment = entra_as("reader")
        subprocess.run(["mcp-local", "login"], env=environment, check=True)
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from mcp_local.emulator import Directory, Emulator, Options


class SignsInAs(Protocol):
    """What the fixture ``entra_as`` hands out."""

    def __call__(self, user: str) -> dict[str, str]:
        """Make ``user`` the person at this machine's browser.

        Sets the variables of this process and returns the whole environment for others.

        Raises:
            UsageError: the emulator's directory has no such person.
        """
        ...


@pytest.fixture
def entra_directory() -> Directory:
    """Return who and what there is at the emulator; override it to bring your own."""
    from mcp_local.emulator import default_directory  # noqa: PLC0415 - start-up time of pytest

    return default_directory()


@pytest.fixture
def entra_options() -> Options:
    """Return how the emulator behaves; override it for short lifetimes or strict rotation."""
    from mcp_local.emulator import Options  # noqa: PLC0415 - start-up time of pytest

    return Options()


@pytest.fixture
def entra_emulator(entra_directory: Directory, entra_options: Options) -> Generator[Emulator]:
    """Run a local Entra ID of the test's own."""
    from mcp_local.emulator import Emulator  # noqa: PLC0415 - start-up time of pytest

    with Emulator(entra_directory, options=entra_options) as emulator:
        yield emulator


@pytest.fixture
def entra_as(
    entra_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> SignsInAs:
    """Return a function that makes somebody sign in whenever a browser is opened.

    State is kept in a folder of the test's own, its key beside it; settings of the machine are
    not seen.
    """

    def sign_in_as(user: str) -> dict[str, str]:
        home = tmp_path / "mcp-local"
        variables = entra_emulator.environment(user) | {
            "MCP_LOCAL_HOME": str(home),
            "MCP_LOCAL_CONFIG": str(home / "config.toml"),
            "MCP_LOCAL_CACHE_KEY": "file",
        }
        for name in [name for name in os.environ if name.startswith("MCP_LOCAL_")]:
            monkeypatch.delenv(name)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return dict(os.environ)

    return sign_in_as
