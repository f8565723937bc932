"""``policy schema``: the language for editors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_local.cli.parser import Arguments, Command
from mcp_local.errors import ExitCode
from mcp_local.policy.reading.schema import schema_text

if TYPE_CHECKING:
    from mcp_local.cli.context import Context
    from mcp_local.cli.parser import Parser


class SchemaArguments(Arguments):
    """``policy schema``."""


def _declare(parser: Parser) -> None:
    del parser  # it takes nothing


def _schema(arguments: SchemaArguments, context: Context) -> ExitCode:
    del arguments
    context.console.data(schema_text().rstrip("\n"))
    return ExitCode.OK


COMMANDS = (
    Command(
        "policy schema",
        "Print the JSON Schema of the policy language, for editors.",
        SchemaArguments,
        _declare,
        _schema,
        "mcp-local policy schema > policy.schema.json",
    ),
)
