"""``policy check``: mistakes, and what looks like one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mcp_local.cli.parser import Command
from mcp_local.cli.policy.subject import (
    Subject,
    ask_server,
    declare_server,
    load_subject,
    named_server,
)
from mcp_local.cli.target import TargetArguments, target_settings
from mcp_local.errors import ExitCode, PolicyError
from mcp_local.policy.load import PRESET
from mcp_local.policy.problems import InvalidPolicy, Problem
from mcp_local.policy.views.check import Findings, warnings
from mcp_local.wiring import policy_path

if TYPE_CHECKING:
    from mcp_local.cli.console import Console
    from mcp_local.cli.context import Context
    from mcp_local.cli.parser import Parser
    from mcp_local.settings import Settings


class CheckArguments(TargetArguments):
    """``policy check``."""

    file: str | None


def _declare(parser: Parser) -> None:
    parser.add_argument("file", nargs="?", metavar="FILE", help="policy; left out: the settings'")
    declare_server(parser)


def _check(arguments: CheckArguments, context: Context) -> ExitCode:
    settings = target_settings(arguments, context)
    _sort_words(arguments, settings)
    server = named_server(arguments, settings)
    path = arguments.file or policy_path(settings, server.policy if server else "")
    try:
        subject = load_subject(path, settings, server)
    except PolicyError as error:
        if not (isinstance(error, InvalidPolicy) or context.console.as_json):
            raise
        _tell(Findings(errors=_problems(error, path)), context.console)
        return ExitCode.USAGE
    components = ask_server(server, settings, context) if server else []
    ours = path.startswith(PRESET)  # nobody can mend what comes with the program
    found = () if ours else warnings(subject.documents, subject.policy, components)
    _tell(Findings(warnings=found), context.console)
    if not context.console.as_json:
        context.console.answer({}, _summary(subject, len(found)))
    return ExitCode.OK


def _sort_words(arguments: CheckArguments, settings: Settings) -> None:
    """Take a lone word that names a server for TARGET."""
    word = arguments.file
    if word is None or arguments.target is not None or arguments.command:
        return
    if word in settings.servers or "://" in word or word.partition(":")[0].endswith(".py"):
        arguments.file, arguments.target = None, word


def _problems(error: PolicyError, path: str) -> tuple[Problem, ...]:
    if isinstance(error, InvalidPolicy):
        return error.problems
    return (Problem(error.message, path, 1, 1, "", error.hint),)


def _tell(found: Findings, console: Console) -> None:
    if console.as_json:
        console.json(msgspec.to_builtins(found))
        return
    for word, problems in (("error", found.errors), ("warning", found.warnings)):
        for problem in problems:
            console.answer({}, f"{word}: {problem}")
            if problem.hint:
                console.answer({}, f"  {problem.hint}")


def _summary(subject: Subject, warned: int) -> str:
    roles = len(subject.policy.roles)
    rules = sum(len(document.rules) for document in subject.documents)
    files = len(subject.documents)
    in_files = f" in {files} files" if files > 1 else ""
    told = f"{_count(warned, 'warning')}" if warned else "no mistakes"
    return f"{subject.path}: {_count(roles, 'role')}, {_count(rules, 'rule')}{in_files}; {told}."


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


COMMANDS = (
    Command(
        "policy check",
        "Find mistakes in a policy, and what looks like one: exit code 0, or 2 for mistakes.",
        CheckArguments,
        _declare,
        _check,
        """
        mcp-local policy check policy.yaml
        mcp-local policy check policy.yaml server.py
        mcp-local policy check policy.yaml --json
        """,
    ),
)
