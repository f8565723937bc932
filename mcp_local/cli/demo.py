"""Look around without a tenant: ``demo``."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mcp_local.cli.console import Cell
from mcp_local.cli.parser import Arguments, Command
from mcp_local.cli.whoami import iso_time, people_time
from mcp_local.errors import ExitCode, McpLocalError
from mcp_local.guard.account import RESERVED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mcp_local.cli.console import Console
    from mcp_local.cli.context import Context
    from mcp_local.cli.parser import Parser
    from mcp_local.cli.tour import Refusal, Result, Visit


class DemoArguments(Arguments):
    """``demo``."""

    role: list[str] | None


def _declare(parser: Parser) -> None:
    parser.add_argument(
        "--role", action="append", metavar="ROLE", help="only this role; may be repeated"
    )


def _demo(arguments: DemoArguments, context: Context) -> ExitCode:
    with TemporaryDirectory(prefix="mcp-local-demo-", ignore_cleanup_errors=True) as folder:
        result = asyncio.run(_tour(arguments, context, Path(folder)))
    if context.console.as_json:
        context.console.json(_document(result))
    if not result.same_offline:
        raise McpLocalError("The answers without the authority differ from those with it.")
    return ExitCode.OK


async def _tour(arguments: DemoArguments, context: Context, folder: Path) -> Result:
    """Walk through it, telling each step as it is done."""
    from mcp_local.cli import tour  # noqa: PLC0415 - start-up: brings the MCP SDK along
    from mcp_local.emulator import Emulator  # noqa: PLC0415 - start-up: brings its server along

    begun = time.perf_counter()
    console = context.console
    with Emulator() as emulator:
        roles = tuple(dict.fromkeys(arguments.role or tour.ROLES))
        guests = tour.choose_guests(emulator, roles, folder)
        _step(console, f"A local Entra ID runs at {emulator.pages}, for this tour only.")
        visits = await asyncio.gather(*(tour.visit(guest, context.environ) for guest in guests))
        _tell_people(console, visits)
        with emulator.switched_off():
            refusal, offline = await asyncio.gather(
                tour.ask_why(visits, context.environ),
                asyncio.gather(*(tour.look_around(guest, context.environ) for guest in guests)),
            )
    result = tour.Result(
        tuple(visits), refusal, tuple(offline), seconds=time.perf_counter() - begun
    )
    _tell_refusal(console, refusal)
    _tell_offline(console, result)
    _tell_timings(console, result)
    return result


def _step(console: Console, text: str) -> None:
    """Tell people a step; with ``--json`` that isn't data."""
    (console.note if console.as_json else console.data)(text)


def _tell_people(console: Console, visits: Sequence[Visit]) -> None:
    names = ", ".join(f"{visit.guest.person.name} ({visit.guest.role})" for visit in visits)
    _step(console, f"Signed in by real MSAL, without a screen: {names}.\n")
    if console.as_json:
        return
    console.data("What each role sees of the weather server, in a stdio session of its own:")
    most = sorted(visits, key=lambda visit: -len(visit.seen.listing.items()))
    every = dict.fromkeys(item for visit in most for item in visit.seen.listing.items())
    yes, no = Cell("yes", "green"), Cell("·", "dim")
    console.table(
        ("kind", "component", *(visit.guest.role for visit in visits)),
        [
            (kind, name, *(yes if (kind, name) in _items(visit) else no for visit in visits))
            for kind, name in every
            if name not in RESERVED
        ],
    )
    console.data(f"Always there: {', '.join(sorted(RESERVED))}.\n")


def _items(visit: Visit) -> set[tuple[str, str]]:
    return set(visit.seen.listing.items())


def _tell_refusal(console: Console, refusal: Refusal | None) -> None:
    if refusal is None:
        return
    _step(
        console,
        f"Hidden is absent. A model that works for {refusal.role} calls {refusal.tool} and hears:\n"
        f"  {refusal.to_the_model}\n"
        f"The person may ask why (mcp-local can {refusal.tool}):\n"
        f"  {refusal.to_the_person}\n",
    )


def _tell_offline(console: Console, result: Result) -> None:
    same = "all as before" if result.same_offline else "NOT as before"
    end = min(visit.expires_at for visit in result.visits)
    _step(
        console,
        f"Then the authority was switched off. New sessions list and answer: {same}.\n"
        f"That holds until the tokens end: {people_time(end)}.\n",
    )


def _tell_timings(console: Console, result: Result) -> None:
    if not console.as_json:
        console.table(
            ("role", "protocol", "sign-in", "start", "first list", "call (median)"),
            [
                (
                    visit.guest.role,
                    visit.seen.protocol,
                    f"{visit.sign_in:.1f} s",
                    f"{visit.seen.start:.1f} s",
                    f"{1000 * visit.seen.first_list:.0f} ms",
                    f"{1000 * visit.seen.call:.1f} ms",
                )
                for visit in result.visits
            ],
        )
    _step(
        console,
        f"Done in {result.seconds:.0f} s; nothing of it is kept.\n"
        "Next: mcp-local run --demo serves this to a desktop client; README says how.",
    )


def _document(result: Result) -> dict[str, object]:
    refusal = result.refusal
    return {
        "roles": [
            {
                "role": visit.guest.role,
                "person": visit.guest.person.username,
                "listed": [
                    {"kind": kind, "name": name} for kind, name in visit.seen.listing.items()
                ],
                "expires_at": iso_time(visit.expires_at),
                "protocol": visit.seen.protocol,
                "seconds": {
                    "sign_in": visit.sign_in,
                    "start": visit.seen.start,
                    "first_list": visit.seen.first_list,
                    "call": visit.seen.call,
                },
            }
            for visit in result.visits
        ],
        "refused": refusal
        and {
            "role": refusal.role,
            "tool": refusal.tool,
            "to_the_model": refusal.to_the_model,
            "reason": refusal.to_the_person,
            "needs_roles": list(refusal.needs_roles),
        },
        "same_offline": result.same_offline,
        "seconds": result.seconds,
    }


COMMANDS = (
    Command(
        "demo",
        "Take a tour: a local Entra ID, what each role sees, a refusal, offline. No tenant needed.",
        DemoArguments,
        _declare,
        _demo,
        """
        mcp-local demo
        mcp-local demo --role Task.Read --role Admin
        """,
    ),
)
