"""The tour of ``mcp-local demo``: real processes, real sign-ins, real stdio sessions."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from mcp_local.cli.tied import own_environment, state_in
from mcp_local.client import AUTO, LEGACY, UseFailed, connect
from mcp_local.errors import McpLocalError, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mcp_local.client import Listing, ServerSession
    from mcp_local.emulator import Emulator, Person

ROLES = ("Task.Read", "Task.Write", "Task.All", "Admin")
"""The roles of the sample's policy, from little to much."""
CALLS = 20
"""Calls whose median is shown."""
REFUSED = "clear_weather_data"
"""The tool that only the last role has."""


@dataclass(frozen=True, slots=True)
class Guest:
    """One person on the tour."""

    role: str
    person: Person
    environ: Mapping[str, str]
    era: str
    """Of the protocol, so that both are seen."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one session showed. All times are seconds."""

    protocol: str
    """Version that was agreed on."""
    listing: Listing
    answer: str
    """Of ``get_weather``."""
    refused: str
    """What a call of what isn't listed comes to; empty where all is listed."""
    start: float
    """From the start of the process until its first answer."""
    first_list: float
    call: float
    """Median."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call that the policy forbids: what the model hears, and what the person hears."""

    role: str
    tool: str
    to_the_model: str
    to_the_person: str
    needs_roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Visit:
    """What one person met."""

    guest: Guest
    sign_in: float
    """Seconds."""
    expires_at: float
    """When the token ends; seconds since the epoch."""
    seen: Seen


@dataclass(frozen=True, slots=True)
class Result:
    """The whole tour."""

    visits: tuple[Visit, ...]
    refusal: Refusal | None
    """``None`` where nothing is forbidden."""
    offline: tuple[Seen, ...]
    """The same sessions while the authority was switched off."""
    seconds: float

    @property
    def same_offline(self) -> bool:
        """Whether everybody saw and was told the same without the authority."""
        return all(
            (visit.seen.listing, visit.seen.answer) == (seen.listing, seen.answer)
            for visit, seen in zip(self.visits, self.offline, strict=True)
        )


def choose_guests(emulator: Emulator, roles: Sequence[str], folder: Path) -> list[Guest]:
    """Return one person for each role, each with a machine of their own.

    Raises:
        UsageError: nobody has such a role.
    """
    known = {
        role: person for person in reversed(emulator.directory.people) for role in person.roles
    }
    guests: list[Guest] = []
    for number, role in enumerate(roles):
        person = known.get(role)
        if person is None:
            hint = did_you_mean(role, ROLES)
            raise UsageError(f"Nobody in the demo has the role {role!r}.", hint=hint)
        home = folder / person.short_name
        environ = emulator.environment(person.short_name) | state_in(str(home))
        guests.append(Guest(role, person, environ, (LEGACY, AUTO)[number % 2]))
    return guests


async def visit(guest: Guest, environ: Mapping[str, str]) -> Visit:
    """Sign one person in, and look around as them.

    Raises:
        McpLocalError: it doesn't work.
    """
    begun = time.perf_counter()
    whoami = json.loads(await _run(["login", "--json"], _machine(guest, environ)))
    signed_in = time.perf_counter()
    expires = datetime.fromisoformat(whoami["expires_at"]).timestamp()
    return Visit(guest, signed_in - begun, expires, await look_around(guest, environ))


async def look_around(guest: Guest, environ: Mapping[str, str]) -> Seen:
    """Open a session with the sample server as this person, list everything, call something."""
    begun = time.perf_counter()
    async with connect(["run"], _machine(guest, environ), mode=guest.era) as session:
        started = time.perf_counter()
        listing = await session.listing()
        listed = time.perf_counter()
        answer, spans = "", list[float]()
        for _ in range(CALLS):
            before = time.perf_counter()
            answer = await _weather(session)
            spans.append(time.perf_counter() - before)
        return Seen(
            session.protocol_version,
            listing,
            answer,
            "" if REFUSED in listing.tools else await _refused(session),
            start=started - begun,
            first_list=listed - started,
            call=sorted(spans)[CALLS // 2],
        )


async def ask_why(visits: Sequence[Visit], environ: Mapping[str, str]) -> Refusal | None:
    """Ask as the first person whose model was refused why that was; ``None``: nobody's was."""
    visit = next((each for each in visits if each.seen.refused), None)
    if visit is None:
        return None
    words = ["can", REFUSED, "--offline", "--json"]
    answer = json.loads(await _run(words, _machine(visit.guest, environ), expected=(0, 4)))
    return Refusal(
        visit.guest.role,
        REFUSED,
        visit.seen.refused,
        answer["reason"],
        tuple(answer["needs_roles"]),
    )


async def _refused(session: ServerSession) -> str:
    try:
        await session.call(REFUSED, {})
    except UseFailed as error:
        return error.message
    raise McpLocalError(f"{REFUSED} ran, though it isn't listed.")


def _machine(guest: Guest, environ: Mapping[str, str]) -> dict[str, str]:
    return own_environment(environ) | dict(guest.environ)


async def _weather(session: ServerSession) -> str:
    result = await session.call("get_weather", {"city": "Oslo"})
    return "\n".join(block.text for block in result.content if block.type == "text")


async def _run(
    words: list[str], environ: Mapping[str, str], expected: tuple[int, ...] = (0,)
) -> str:
    """Run one of our own commands and return what it says."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "mcp_local",
        *words,
        env=dict(environ),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await process.communicate()
    if process.returncode not in expected:
        raise McpLocalError(f"mcp-local {' '.join(words)} failed: {complained.decode().strip()}")
    return said.decode()
