"""``pin``: which definitions of a server were approved, and what has changed since (M7)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_local.cli.parser import Arguments, Command
from mcp_local.cli.pinned import (
    SHORT,
    approved_rows,
    change_lines,
    changes_in_short,
    count_of,
    server_document,
)
from mcp_local.cli.shell import shell_line
from mcp_local.errors import Denied, ExitCode, UsageError, did_you_mean
from mcp_local.guard.definition_changes import approve, changes
from mcp_local.guard.definition_record import Record, ServerKey
from mcp_local.guard.record_file import RecordFile, all_records
from mcp_local.targets import HostedTarget, find_target
from mcp_local.wiring import server_key

if TYPE_CHECKING:
    from mcp_local.cli.context import Context
    from mcp_local.cli.parser import Parser
    from mcp_local.guard.definition_changes import Change


class PinArguments(Arguments):
    """``pin show`` and ``pin reset``."""

    takes_command = True
    target: str | None


class ApproveArguments(PinArguments):
    """``pin approve``."""

    only: list[str] | None
    seen: str | None


def _declare(parser: Parser) -> None:
    parser.add_argument(
        "target",
        nargs="?",
        metavar="TARGET",
        help="https://…, a name under [servers], or -- COMMAND ARG…",
    )


def _declare_required(parser: Parser, flags: str = "") -> None:
    """Add a TARGET that must be there, unless a command stands in its place."""
    parser.usage = f"%(prog)s {flags}(TARGET | -- COMMAND ARG…)"
    _declare(parser)


def _declare_approve(parser: Parser) -> None:
    _declare_required(parser, "[--only NAME] [--seen SHA256] ")
    parser.add_argument(
        "--only",
        action="append",
        metavar="NAME",
        help="only this tool, prompt or template; may be given again",
    )
    parser.add_argument(
        "--seen", metavar="SHA256", help="only if this is what `pin show` showed, and not more"
    )


def _show(arguments: PinArguments, context: Context) -> ExitCode:
    if arguments.target is None and not arguments.command:
        return _show_all(arguments, context)
    key, file = _server(arguments, context)
    record = _known(key, file, arguments)
    found = changes(record.approved, record.seen)
    if context.console.as_json:
        context.console.json(server_document(key, record, found))
    elif not found:
        context.console.table(("", "name", "sha256"), approved_rows(record.approved))
        context.console.note(f"All of {key.title} is as it was approved.")
    else:
        context.console.lines(line for change in found for line in change_lines(change))
        context.console.note(
            f"\nIf that is as it should be: mcp-local pin approve --seen {record.offer[:SHORT]} "
            f"{_words(arguments)}"
        )
    return ExitCode.PROBLEMS if found else ExitCode.OK


def _show_all(arguments: PinArguments, context: Context) -> ExitCode:
    files = (
        RecordFile(path.parent.parent, ServerKey(path.stem, ""))
        for path in all_records(context.settings(arguments).home)
    )
    records = [record for file in files if (record := file.load()) is not None]
    known = [(record, changes(record.approved, record.seen)) for record in records]
    if context.console.as_json:
        servers = [
            {"server": each.title, "approved": count_of(each.approved), "changes": len(found)}
            for each, found in known
        ]
        context.console.json({"servers": servers})
    elif not known:
        context.console.note("No server's definitions are known yet.")
    else:
        context.console.table(
            ("server", "approved", "since then"),
            [
                (each.title, str(count_of(each.approved)), changes_in_short(found))
                for each, found in known
            ],
        )
    return ExitCode.PROBLEMS if any(found for _, found in known) else ExitCode.OK


def _approve(arguments: ApproveArguments, context: Context) -> ExitCode:
    if arguments.seen is not None and len(arguments.seen) < SHORT:
        raise UsageError(
            f"--seen takes the {SHORT} digits or more that `pin show` shows.",
            hint=f"Look at it: mcp-local pin show {_words(arguments)}",
        )
    key, file = _server(arguments, context)
    record = _known(key, file, arguments)
    if arguments.seen and not record.offer.startswith(arguments.seen.lower()):
        raise Denied(
            f"{key.title} has said something else since.",
            hint=f"Look again: mcp-local pin show {_words(arguments)}",
        )
    found = changes(record.approved, record.seen)
    if arguments.only:
        found = _chosen(found, arguments.only)

    def change(current: Record) -> Record:
        if current.offer != record.offer:
            raise Denied(f"{key.title} said something else this moment.", hint="Look again.")
        return replace(current, approved=approve(current.approved, found))

    file.update(change)
    told = {"server": key.title, "approved": [str(change) for change in found]}
    names = ", ".join(map(str, found)) or "nothing, as nothing has changed"
    context.console.answer(told, f"Approved of {key.title}: {names}.")
    return ExitCode.OK


def _reset(arguments: PinArguments, context: Context) -> ExitCode:
    key, file = _server(arguments, context)
    forgotten = file.forget()
    text = f"What {key.title} says next is approved." if forgotten else "Nothing was known of it."
    context.console.answer({"server": key.title, "forgotten": forgotten}, text)
    return ExitCode.OK


def _chosen(found: list[Change], only: list[str]) -> list[Change]:
    names = {str(change) for change in found}
    for name in only:
        if name not in names:
            hint = did_you_mean(name, names) if names else "Nothing has changed."
            raise UsageError(f"{name!r} is not among what has changed.", hint=hint)
    return [change for change in found if str(change) in only]


def _server(arguments: PinArguments, context: Context) -> tuple[ServerKey, RecordFile]:
    """Return which server is meant, and where what is known of it is kept.

    Raises:
        UsageError: none, or one of the person's own.
    """
    if arguments.target is None and not arguments.command:
        raise UsageError("No server is named.", hint="All that are known: mcp-local pin show")
    settings = context.settings(arguments)
    target = find_target(arguments.target, settings, Path.cwd(), arguments.command)
    if isinstance(target, HostedTarget):
        raise UsageError(f"{target.file} is a server of your own: nothing of it is pinned.")
    key = server_key(target)
    return key, RecordFile(settings.home, key)


def _known(key: ServerKey, file: RecordFile, arguments: PinArguments) -> Record:
    record = file.load()
    if record is None:
        raise UsageError(
            f"Nothing is known of {key.title}: it was never asked.",
            hint=f"Ask it: mcp-local tools {_words(arguments)}",
        )
    return record


def _words(arguments: PinArguments) -> str:
    """Return what names the same server of the same settings in another command."""
    settings = ["--config", arguments.config] if arguments.config else []
    server = [arguments.target] if arguments.target else ["--", *arguments.command]
    return shell_line([*settings, *server])


COMMANDS = (
    Command(
        "pin show",
        "Show what was approved of a server, and what has changed since.",
        PinArguments,
        _declare,
        _show,
        """
        mcp-local pin show                       every server that is known
        mcp-local pin show sqlite
        mcp-local pin show -- uvx mcp-server-git
        """,
    ),
    Command(
        "pin approve",
        "Approve what a server says of its tools now.",
        ApproveArguments,
        _declare_approve,
        _approve,
        """
        mcp-local pin approve sqlite
        mcp-local pin approve sqlite --only read_query
        """,
    ),
    Command(
        "pin reset",
        "Forget what was approved: what the server says next is approved.",
        PinArguments,
        _declare_required,
        _reset,
        "mcp-local pin reset sqlite",
    ),
)
