"""``policy matrix``: what each role may, as a table for the terminal or as a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mcp_local.cli.console import Cell
from mcp_local.cli.parser import Command
from mcp_local.cli.policy.page import matrix_page
from mcp_local.cli.policy.subject import (
    components_of,
    declare_server,
    policy_and_server,
    warn_of_mode,
    warn_of_strange_roles,
)
from mcp_local.cli.policy.words import EFFECTS, placed, role_name
from mcp_local.cli.policy.write import write_file
from mcp_local.cli.target import TargetArguments
from mcp_local.errors import ExitCode
from mcp_local.policy.views.matrix import CellEffect, matrix

if TYPE_CHECKING:
    from mcp_local.cli.context import Context
    from mcp_local.cli.parser import Parser
    from mcp_local.policy.views.matrix import Cell as MatrixCell, Row

_STYLES = {
    CellEffect.ALLOW: "green",
    CellEffect.ASK: "yellow",
    CellEffect.CONDITIONAL: "cyan",
    CellEffect.DENY: "dim",
}


class MatrixArguments(TargetArguments):
    """``policy matrix``."""

    role: list[str]
    html: str | None
    force: bool


def _declare(parser: Parser) -> None:
    declare_server(parser)
    parser.add_argument(
        "--role", action="append", default=[], help="only this role; repeatable; left out: all"
    )
    parser.add_argument("--html", metavar="FILE", help="write a page that needs nothing else")
    parser.add_argument("--force", action="store_true", help="write over what is at FILE")


def _matrix(arguments: MatrixArguments, context: Context) -> ExitCode:
    subject = policy_and_server(arguments, context)
    warn_of_strange_roles(subject, arguments.role, context)
    warn_of_mode(subject, context)
    found = matrix(subject.policy, components_of(subject, context), arguments.role)
    if not found.roles:
        context.console.note("No role is spoken of, and nobody may use any of it.")
    if arguments.html:
        path = Path(arguments.html)
        write_file(path, matrix_page(found, Path(subject.path).name), force=arguments.force)
        context.console.note(f"{path} is written; open it in a browser.")
    if context.console.as_json:
        context.console.json(msgspec.to_builtins(found))
    elif not arguments.html:
        columns = ("kind", "component", *map(role_name, found.roles))
        context.console.table(columns, map(_row, found.rows))
    return ExitCode.OK


def _row(row: Row) -> tuple[str | Cell, ...]:
    return row.kind, placed(row.namespace, row.name), *map(_cell, row.cells)


def _cell(cell: MatrixCell) -> Cell:
    word = EFFECTS[cell.effect]
    if cell.listed is (cell.effect is CellEffect.DENY):  # against the rule that both go together
        word += ", listed" if cell.listed else ", hidden"
    return Cell(word, _STYLES[cell.effect])


COMMANDS = (
    Command(
        "policy matrix",
        "Show what each role may, as a table; --html writes it as a page.",
        MatrixArguments,
        _declare,
        _matrix,
        """
        mcp-local policy matrix
        mcp-local policy matrix server.py --policy policy.yaml --html matrix.html
        mcp-local policy matrix server.py --role Reader --role Admin --json
        """,
    ),
)
