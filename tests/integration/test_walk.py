"""The product's main walk, with real processes: sign in, ask, use, go offline, expire."""

from __future__ import annotations

import asyncio
import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from mcp_local.client import LEGACY, MODERN, Listing, UseFailed, connect
from mcp_local.emulator import Emulator, Options
from mcp_local.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.commands import Commands

pytestmark = pytest.mark.usefixtures("forks")

LIFETIME = 3600.0
LAST_SECONDS = 3.0
"""How long the last token lives."""
FEW_SECONDS = 8.0
"""How long one lives that is renewed beside its use: halfway to its end."""
LISTED = ["get_weather", "get_forecast", "reverse_text"]


class Machine:
    """Somebody's machine: a state folder, a browser that signs in, and our commands."""

    def __init__(self, commands: Commands, environ: Mapping[str, str], folder: Path) -> None:
        self.commands = commands
        self.environ = environ
        self.folder = folder

    def run(self, *words: str) -> tuple[int, Any, str]:
        """Run a command with ``--json``; return exit code, document, and words for people."""
        done = self.commands.run([*words, "--json"], self.environ, self.folder)
        return done.returncode, json.loads(done.stdout), done.stderr

    def session(self, mode: str) -> tuple[Listing, str]:
        """Serve the sample to a client; return what it sees and what ``get_weather`` says."""

        async def use() -> tuple[Listing, str]:
            async with connect(["run"], self.environ, mode=mode) as session:
                listing = await session.listing()
                try:
                    result = await session.call("get_weather", {"city": "Oslo"})
                except UseFailed as error:
                    return listing, error.message
                return listing, "".join(getattr(block, "text", "") for block in result.content)

        return asyncio.run(use())


class Clock:
    """The emulator's clock: it can be set back, so that its tokens are nearly at their end."""

    behind = 0.0

    def __call__(self) -> float:
        """Return seconds since the epoch."""
        return time.time() - self.behind


@pytest.fixture
def clock() -> Clock:
    """Return the authority's clock."""
    return Clock()


@pytest.fixture
def entra(clock: Clock) -> Iterator[Emulator]:
    """Run a local Entra ID with that clock."""
    with Emulator(options=Options(lifetime=LIFETIME, clock=clock)) as emulator:
        yield emulator


@pytest.fixture
def machine(commands: Commands, entra: Emulator, home: Path, tmp_path: Path) -> Machine:
    """Return the reader's machine; its program forgives no clock skew."""
    variables = {
        "MCP_LOCAL_HOME": str(home),
        "MCP_LOCAL_CACHE_KEY": "file",
        "MCP_LOCAL_TOKEN_LEEWAY": "0",
        "MCP_LOCAL_SIGN_IN_WHEN": "never",
    }
    environ = os.environ | entra.environment("reader") | variables
    return Machine(commands, environ, tmp_path)


def test_the_main_walk(entra: Emulator, clock: Clock, machine: Machine) -> None:
    """Login, whoami, can, tools, a session in each era; offline the same; expired: refused."""
    code, said, _ = machine.run("whoami")
    assert (code, said["error"]["code"]) == (ExitCode.SIGN_IN_NEEDED, "sign_in_needed")

    code, said, _ = machine.run("login")
    assert (code, said["signed_in"], said["source"]) == (ExitCode.OK, True, "network")
    code, whoami, _ = machine.run("whoami")
    assert (code, whoami["roles"], whoami["source"]) == (ExitCode.OK, ["Task.Read"], "cache")
    may, may_not = machine.run("can", "get_weather"), machine.run("can", "clear_weather_data")
    assert (may[0], may[1]["effect"]) == (ExitCode.OK, "allow")
    assert (may_not[0], may_not[1]["needs_roles"]) == (ExitCode.DENIED, ["Admin"])
    tools = machine.run("tools")
    assert [each["name"] for each in tools[1]["listed"] if each["kind"] == "tool"] == LISTED
    sessions = {mode: machine.session(mode) for mode in (LEGACY, MODERN)}
    for listing, answer in sessions.values():
        assert [name for name in listing.tools if name in LISTED] == LISTED
        assert "clear_weather_data" not in listing.tools
        assert "snowing" in answer

    with entra.switched_off():
        assert machine.run("whoami", "--offline")[:2] == (ExitCode.OK, whoami)
        assert machine.run("can", "get_weather", "--offline")[:2] == may[:2]
        assert machine.run("can", "clear_weather_data", "--offline")[:2] == may_not[:2]
        assert machine.run("tools")[:2] == tools[:2]
        assert {mode: machine.session(mode) for mode in (LEGACY, MODERN)} == sessions

    clock.behind = LIFETIME - LAST_SECONDS
    code, said, _ = machine.run("refresh", "--force")
    assert (code, said["source"]) == (ExitCode.OK, "network")
    with entra.switched_off():
        wait_until_expired(machine)
        code, said, words = machine.run("can", "get_weather", "--offline")
        assert (code, said["error"]["code"]) == (ExitCode.SIGN_IN_NEEDED, "token_rejected")
        assert "expired" in words
        code, said, _ = machine.run("can", "get_weather")
        assert (code, said["error"]["code"]) == (ExitCode.UNREACHABLE, "unreachable")
        for mode in (LEGACY, MODERN):
            listing, answer = machine.session(mode)
            assert not set(LISTED) & set(listing.tools)
            assert "Sign-in needed" in answer


def wait_until_expired(machine: Machine) -> None:
    """Wait for the end of the token."""
    deadline = time.monotonic() + 5 * LAST_SECONDS
    while machine.run("whoami", "--offline")[0] == ExitCode.OK:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_role_granted_a_minute_ago_is_seen_after_a_refresh(
    entra: Emulator, machine: Machine
) -> None:
    """The token carries the roles; ``refresh --force`` fetches a new one."""
    assert machine.run("login")[0] == ExitCode.OK
    entra.assign("reader", "Admin")
    assert machine.run("whoami")[1]["roles"] == ["Task.Read"]
    assert machine.run("refresh", "--force")[1]["roles"] == ["Admin"]


def test_signing_out_ends_what_offline_would_allow(machine: Machine) -> None:
    """After ``logout`` nothing is left to answer from."""
    assert machine.run("login")[0] == ExitCode.OK
    assert machine.run("logout")[1] == {"signed_out": ["reader@contoso.example"]}
    code, said, _ = machine.run("can", "get_weather", "--offline")
    assert (code, said["error"]["code"]) == (ExitCode.SIGN_IN_NEEDED, "sign_in_needed")


def test_a_use_near_the_end_renews_beside_it(
    entra: Emulator, clock: Clock, machine: Machine
) -> None:
    """A token of a few minutes still serves, and its use has it renewed ahead of time."""
    ends = time.monotonic() + FEW_SECONDS
    clock.behind = LIFETIME - FEW_SECONDS
    assert machine.run("login")[0] == ExitCode.OK
    clock.behind = 0

    async def use() -> None:
        async with connect(["run"], machine.environ, mode=MODERN) as session:
            while not entra.requests.matching("*/token", grant_type="refresh_token"):
                assert time.monotonic() < ends - 1, "nothing renews it before its end"
                await session.call("get_weather", {"city": "Oslo"})
                await asyncio.sleep(0.2)

    asyncio.run(use())
