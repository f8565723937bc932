"""A local Entra ID: ``emulator``."""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mcp_local.cli.parser import Arguments, Command, port
from mcp_local.cli.shell import set_line
from mcp_local.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.cli.context import Context
    from mcp_local.cli.parser import Parser
    from mcp_local.emulator import Emulator


class EmulatorArguments(Arguments):
    """``emulator``."""

    port: int
    users: str | None
    tied: bool


def _declare(parser: Parser) -> None:
    parser.add_argument("--port", type=port, default=0, metavar="N", help="of HTTPS (any free one)")
    parser.add_argument("--users", metavar="FILE", help="a directory of your own (YAML)")
    parser.add_argument("--tied", action="store_true", help=argparse.SUPPRESS)


def _emulator(arguments: EmulatorArguments, context: Context) -> ExitCode:
    if not arguments.tied:
        _serve(arguments, context, {})
        return ExitCode.OK
    with TemporaryDirectory(prefix="mcp-local-demo-", ignore_cleanup_errors=True) as home:
        _serve(arguments, context, {"home": home})
    return ExitCode.OK


def _serve(arguments: EmulatorArguments, context: Context, more: Mapping[str, str]) -> None:
    from mcp_local.emulator.serve import serve  # noqa: PLC0415 - start-up: brings its server along

    def announce(emulator: Emulator) -> None:
        variables = emulator.environment()
        people = [person.short_name for person in emulator.directory.people]
        apis = {api.name: api.identifier_uri for api in emulator.directory.apis[1:]}
        context.console.answer(
            {"environment": variables, "people": people, "apis": apis, **more},
            "\n".join(set_line(name, value) for name, value in variables.items()),
        )
        told = [
            f"People: {', '.join(people)}.",
            *(f"Another API, for remote servers: {name}, {uri}" for name, uri in apis.items()),
            "For development only. Ctrl-C ends it.",
        ]
        context.console.note("\n".join(told))

    serve(
        port=arguments.port,
        users_file=Path(arguments.users) if arguments.users else None,
        announce=announce,
        until_stdin_closes=arguments.tied,
    )


COMMANDS = (
    Command(
        "emulator",
        "Run a local Entra ID for development and tests.",
        EmulatorArguments,
        _declare,
        _emulator,
        """
        mcp-local emulator
        mcp-local emulator --port 8443 --users people.yaml
        """,
    ),
)
