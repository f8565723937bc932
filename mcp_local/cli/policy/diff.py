"""``policy diff``: two policies side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mcp_local.cli.console import Cell
from mcp_local.cli.parser import Command
from mcp_local.cli.policy.spoken import spoken_of
from mcp_local.cli.policy.subject import (
    ask_server,
    declare_server,
    load_subject,
    named_server,
    warn_of_mode,
)
from mcp_local.cli.policy.words import EFFECTS, placed, role_name
from mcp_local.cli.target import TargetArguments, target_settings
from mcp_local.errors import ExitCode
from mcp_local.policy.views.diff import PolicyDiff, diff

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mcp_local.cli.context import Context
    from mcp_local.cli.parser import Parser
    from mcp_local.policy.views.diff import Change


class DiffArguments(TargetArguments):
    """``policy diff``."""

    old: str
    new: str


def _declare(parser: Parser) -> None:
    parser.add_argument("old", metavar="OLD", help="policy as it was: a file or folder")
    parser.add_argument("new", metavar="NEW", help="policy as it is to be")
    declare_server(parser)


def _diff(arguments: DiffArguments, context: Context) -> ExitCode:
    settings = target_settings(arguments, context)
    server = named_server(arguments, settings)
    old, new = (load_subject(path, settings, server) for path in (arguments.old, arguments.new))
    for subject in (old, new):
        warn_of_mode(subject, context)
    if server is None:
        context.console.note("No server was named: compared is what the policies speak of.")
        components = spoken_of((*old.documents, *new.documents))
    else:
        components = ask_server(server, settings, context)
    found = diff(old.policy, new.policy, components)
    if context.console.as_json:
        context.console.json(msgspec.to_builtins(found))
    elif found.same:
        context.console.answer({}, "Nobody gains or loses anything.")
    else:
        columns = ("", "who", "action", "component", "change", "by")
        context.console.table(columns, _rows(found), whole=True)
    return ExitCode.OK


def _rows(found: PolicyDiff) -> Iterator[tuple[str | Cell, ...]]:
    for changes, mark in (
        (found.gains, Cell("gains", "yellow")),
        (found.loses, Cell("loses", "cyan")),
        (found.changed, Cell("changed", "")),
    ):
        for row, actions in _by_action(changes).items():
            who, *rest = row
            yield mark, who, ", ".join(actions), *rest


def _by_action(changes: Sequence[Change]) -> dict[tuple[str, ...], list[str]]:
    """Return the rows with what is done, where all else is the same: mostly list and use."""
    rows: dict[tuple[str, ...], list[str]] = {}
    for change in changes:
        rows.setdefault(_row(change), []).append(change.action)
    return rows


def _row(change: Change) -> tuple[str, ...]:
    component = f"{change.kind} {placed(change.namespace, change.name)}"
    by = change.after_rule if change.after_rule != "default" else f"no longer {change.before_rule}"
    before, after = EFFECTS[change.before], EFFECTS[change.after]
    return role_name(change.who), component, f"{before} → {after}", by


COMMANDS = (
    Command(
        "policy diff",
        "Compare two policies: who gains and who loses what.",
        DiffArguments,
        _declare,
        _diff,
        """
        mcp-local policy diff old.yaml policy.yaml
        mcp-local policy diff old.yaml policy.yaml server.py --json
        """,
    ),
)
