"""``policy init``: a first policy, from what a server has or from what was seen in the log."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_local.cli.parser import Command
from mcp_local.cli.policy.draft import write_draft
from mcp_local.cli.policy.proposal import propose
from mcp_local.cli.policy.seen import read_uses, write_least
from mcp_local.cli.policy.subject import ask_server
from mcp_local.cli.policy.write import refuse_existing, write_file
from mcp_local.cli.shell import shell_line
from mcp_local.cli.target import TargetArguments, declare_target, find_named, target_settings
from mcp_local.errors import ExitCode, StorageError, UsageError
from mcp_local.log import read_tail
from mcp_local.log.place import log_file
from mcp_local.policy.reading.parse import parse_policy
from mcp_local.wiring import log_name

if TYPE_CHECKING:
    from mcp_local.cli.context import Context
    from mcp_local.cli.parser import Parser
    from mcp_local.settings import Settings

_STDOUT = "-"


class InitArguments(TargetArguments):
    """``policy init``."""

    output: str
    force: bool
    from_log: bool


def _declare(parser: Parser) -> None:
    declare_target(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        default="policy.yaml",
        help="where to (policy.yaml); - is standard output",
    )
    parser.add_argument("--force", action="store_true", help="write over what is at FILE")
    parser.add_argument(
        "--from-log",
        action="store_true",
        help="the least policy for what `mode: observe` let through: of TARGET, or of all",
    )


def _init(arguments: InitArguments, context: Context) -> ExitCode:
    settings = target_settings(arguments, context)
    if arguments.output != _STDOUT:
        refuse_existing(Path(arguments.output), force=arguments.force)
    if arguments.from_log:
        uses = read_uses(_log_lines(settings), _logged_as(arguments, settings))
        _hand_out(write_least(uses), arguments, context)
        return ExitCode.OK
    proposals = propose(ask_server(find_named(arguments, settings), settings, context))
    _hand_out(write_draft(proposals, _called(arguments)), arguments, context)
    granted = sum(each.granted for each in proposals)
    context.console.note(
        f"Granted is what is marked read-only: {granted} of {len(proposals)}. "
        "Take up what you agree with of the rest."
    )
    return ExitCode.OK


def _called(arguments: InitArguments) -> str:
    """Return what the server is called, without what may be a secret in its address or command."""
    if arguments.command:
        return Path(arguments.command[0]).name
    return (arguments.target or "the sample server").partition("?")[0]


def _logged_as(arguments: InitArguments, settings: Settings) -> str:
    """Return how the log names the TARGET; empty where none is given: all servers are meant."""
    if not (arguments.target or arguments.command):
        return ""
    return log_name(find_named(arguments, settings))


def _log_lines(settings: Settings) -> list[str]:
    if settings.log_format != "json":
        hint = "Set `log.format` to `json`, let people use the server, and try again."
        raise UsageError("The log is kept as text, from which no policy is made.", hint=hint)
    path = log_file(settings)
    try:
        return read_tail(path, sys.maxsize)
    except OSError as error:
        raise StorageError(f"{path} can't be read: {error.strerror}.") from error


def _hand_out(text: str, arguments: InitArguments, context: Context) -> None:
    parse_policy(text, arguments.output)  # what we propose is a policy, whatever the names were
    if arguments.output != _STDOUT:
        write_file(Path(arguments.output), text, force=arguments.force)
        words = shell_line(filter(None, (arguments.output, arguments.target)))
        context.console.note(f"{arguments.output} is written. Next: mcp-local policy check {words}")
    if context.console.as_json:
        context.console.json({"policy": text})
    elif arguments.output == _STDOUT:
        context.console.data(text.rstrip("\n"))


COMMANDS = (
    Command(
        "policy init",
        "Write a first policy for a server: grants what is marked read-only, proposes the rest.",
        InitArguments,
        _declare,
        _init,
        """
        mcp-local policy init server.py
        mcp-local policy init server.py --output - | less
        mcp-local policy init --from-log --output seen.yaml
        mcp-local policy init server.py --from-log --output seen.yaml
        """,
    ),
)
