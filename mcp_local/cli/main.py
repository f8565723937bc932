"""The command line's one edge: words in, exit code out, every error told in the same way."""

from __future__ import annotations

import os
import traceback
from typing import TYPE_CHECKING

from mcp_local.cli.catalogue import GROUPS, find_command, group_overview, overview
from mcp_local.cli.console import Console
from mcp_local.cli.context import Context
from mcp_local.cli.parser import HelpWanted, split_command
from mcp_local.errors import ExitCode, McpLocalError, UsageError
from mcp_local.log.redact import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def main(words: Sequence[str], environ: Mapping[str, str]) -> ExitCode:
    """Run one command line and return its exit code; never raises."""
    own = words[: words.index("--")] if "--" in words else words
    console = Console(as_json="--json" in own, verbose="--verbose" in own or "-v" in own)
    return at_edge(console, lambda: _dispatch(words, Context(console, environ, words)))


def at_edge(console: Console, action: Callable[[], ExitCode]) -> ExitCode:
    """Return the action's exit code; whatever it raises is told to the person."""
    try:
        return _told(console, action)
    except BrokenPipeError:
        console.forget_reader()
        return ExitCode.OK


def _told(console: Console, action: Callable[[], ExitCode]) -> ExitCode:
    try:
        return action()
    except HelpWanted as help_wanted:
        console.data(help_wanted.text)
        return ExitCode.OK
    except McpLocalError as error:
        console.error(error)
        return error.exit_code
    except KeyboardInterrupt:
        console.note("Interrupted.")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the edge: a fault of ours is told like any error
        console.detail(redact("".join(traceback.format_exception(error))))
        told = _no_folder() if isinstance(error, FileNotFoundError) else None
        told = told or _fault(error)
        console.error(told)
        return told.exit_code


def _dispatch(words: Sequence[str], context: Context) -> ExitCode:
    name, rest = split_command(words)
    if name in GROUPS:
        word, rest = split_command(rest)
        if not word and {"-h", "--help"} & set(rest):
            context.console.data(group_overview(name))
            return ExitCode.OK
        name = f"{name} {word}".rstrip()
    if name:
        command = find_command(name)
        return command.run(command.parse(rest), context)
    if "--version" in rest:
        from mcp_local.cli.versions import versions  # noqa: PLC0415 - start-up: slow to import

        context.console.answer(*versions())
        return ExitCode.OK
    if {"-h", "--help"} & set(rest):
        context.console.data(overview())
        return ExitCode.OK
    raise UsageError(
        f"mcp-local doesn't know {rest[0]!r}." if rest else "No command was given.",
        hint="mcp-local --help lists them; mcp-local demo shows what it is about.",
    )


def _no_folder() -> McpLocalError | None:
    """Return the error where the working folder was deleted: nearly every command looks at it."""
    try:
        os.getcwd()  # noqa: PTH109 - Path.cwd() is the same, and brings pathlib along
    except FileNotFoundError:
        return UsageError(
            "The working folder is gone.", hint="Start again from a folder that is there."
        )
    return None


def _fault(error: Exception) -> McpLocalError:
    """Say where it happened; not what the exception says, which may quote a secret."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{frame.filename}, line {frame.lineno}"
    return McpLocalError(
        f"A fault in mcp-local: {type(error).__name__} at {place}.",
        hint="Please report it, with what --verbose tells about it.",
    )
