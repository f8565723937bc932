"""An emulator in a process of its own that ends with ours, for ``run --demo``.

It is told of our end by the pipe to its standard input, which the system closes however we end;
then it also removes the state folder that it made for us.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Self

import msgspec

from mcp_local.errors import McpLocalError, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping


_GRACE = 0.5
"""Seconds that it is given to remove its folder before we end; it goes on without us."""


class Announcement(msgspec.Struct, frozen=True):
    """What ``mcp-local emulator --json`` says once it runs."""

    environment: dict[str, str]
    """Variables that point mcp-local at it."""
    people: tuple[str, ...]
    home: str = ""
    """State folder that lasts as long as the emulator; only when it is tied."""


class TiedEmulator:
    """Started at once; ready when :meth:`environment` returns."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        line = [sys.executable, "-P", "-m", "mcp_local", "--json", "emulator", "--tied"]
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            line,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=own_environment(environ),
        )

    def environment(self, environ: Mapping[str, str], user: str | None) -> dict[str, str]:
        """Return ``environ`` changed so that mcp-local uses the emulator; waits until it runs.

        With ``user`` that person signs in without a screen, else the browser shows who there is.

        Raises:
            UsageError: there is no such person.
            McpLocalError: the emulator doesn't start.
        """
        said = self._announcement()
        changed = own_environment(environ) | said.environment | state_in(said.home)
        if user is not None:
            if user not in said.people:
                hint = did_you_mean(user, said.people)
                raise UsageError(f"The emulator has nobody called {user!r}.", hint=hint)
            from mcp_local.emulator.visitor import browser_command  # noqa: PLC0415 - start-up

            changed["BROWSER"] = browser_command(user)
        return changed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Tell it the end, which it also notices when this process is killed."""
        with suppress(subprocess.TimeoutExpired):
            self._process.communicate(timeout=_GRACE)
        if self._process.stdout:
            self._process.stdout.close()

    def _announcement(self) -> Announcement:
        line = self._process.stdout.readline() if self._process.stdout else b""
        try:
            return msgspec.json.decode(line, type=Announcement)
        except msgspec.DecodeError as error:
            raise McpLocalError(
                "The emulator doesn't start.", hint="mcp-local emulator --verbose tells why."
            ) from error


def own_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without the person's settings for mcp-local."""
    return {name: value for name, value in environ.items() if not name.startswith("MCP_LOCAL_")}


def state_in(folder: str) -> dict[str, str]:
    """Return the variables that keep all state in a folder that is soon removed."""
    return {
        "MCP_LOCAL_HOME": folder,
        "MCP_LOCAL_CONFIG": f"{folder}/config.toml",
        "MCP_LOCAL_CACHE_KEY": "file",  # nobody's keyring is touched
    }
