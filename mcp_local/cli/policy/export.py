"""``policy export``: the same policy, written otherwise."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

from mcp_local.cli.parser import Command
from mcp_local.cli.policy.subject import PolicyArguments, policy_alone
from mcp_local.errors import ExitCode, UsageError
from mcp_local.policy.views.export import to_json, to_yaml
from mcp_local.policy.views.export_python import to_python

if TYPE_CHECKING:
    from mcp_local.cli.context import Context
    from mcp_local.cli.parser import Parser
    from mcp_local.policy.document import Document


class Format(StrEnum):
    """What a policy can be written as."""

    YAML = "yaml"
    JSON = "json"
    PYTHON = "python"


class ExportArguments(PolicyArguments):
    """``policy export``."""

    file: str | None
    format: str | None


def _declare(parser: Parser) -> None:
    parser.add_argument("file", nargs="?", metavar="FILE", help="policy; left out: the settings'")
    parser.declare_policy()
    parser.add_argument(
        "--format",
        choices=[each.value for each in Format],
        help="yaml in canonical form (left out), json, or python calls of the builder",
    )


def _export(arguments: ExportArguments, context: Context) -> ExitCode:
    arguments.policy = arguments.file or arguments.policy
    subject = policy_alone(arguments, context)
    document, *others = subject.documents
    if others:
        files = ", ".join(each.file for each in subject.documents)
        hint = f"Name one of them: {files}."
        raise UsageError(f"{subject.path} is {len(subject.documents)} files.", hint=hint)
    default = Format.JSON if context.console.as_json else Format.YAML
    text = _written(document, Format(arguments.format or default))
    context.console.data(text.rstrip("\n"))
    return ExitCode.OK


def _written(document: Document, form: Format) -> str:
    match form:
        case Format.YAML:
            return to_yaml(document)
        case Format.JSON:
            return to_json(document)
        case Format.PYTHON:
            return to_python(document)
        case _:
            assert_never(form)


COMMANDS = (
    Command(
        "policy export",
        "Write a policy in canonical form: YAML, JSON, or Python.",
        ExportArguments,
        _declare,
        _export,
        """
        mcp-local policy export policy.yaml
        mcp-local policy export policy.yaml --format python
        """,
    ),
)
