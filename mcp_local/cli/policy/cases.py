"""``policy test``: a policy is tested like a program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mcp_local.cli.parser import Command
from mcp_local.cli.policy.subject import PolicyArguments, policy_alone, warn_of_mode
from mcp_local.errors import ExitCode, UsageError
from mcp_local.policy.problems import InvalidPolicy
from mcp_local.policy.views.case_file import parse_cases
from mcp_local.policy.views.cases import run_cases

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mcp_local.cli.console import Console
    from mcp_local.cli.context import Context
    from mcp_local.cli.parser import Parser
    from mcp_local.policy.model import Component, Request
    from mcp_local.policy.views.cases import Case, Results


class CasesArguments(PolicyArguments):
    """``policy test``."""

    cases: str


def _declare(parser: Parser) -> None:
    parser.add_argument("cases", metavar="CASES", help="YAML file with what is expected")
    parser.declare_policy()


def _test(arguments: CasesArguments, context: Context) -> ExitCode:
    cases = _parsed(Path(arguments.cases), context.console)
    subject = policy_alone(arguments, context)
    warn_of_mode(subject, context)
    results = run_cases(subject.policy, cases)
    text = "\n".join(_lines(results, cases, arguments.cases))
    context.console.answer(msgspec.to_builtins(results), text)
    return ExitCode.PROBLEMS if results.failed else ExitCode.OK


def _parsed(path: Path, console: Console) -> tuple[Case, ...]:
    """Read the cases; of several mistakes the error tells the first, and notes the others."""
    try:
        return parse_cases(_read(path), str(path))
    except InvalidPolicy as error:
        for other in error.problems[1:]:
            console.note(f"also: {other}")
        raise


def _read(path: Path) -> str:
    hint = "Write cases as docs/policy.md shows, and name their file."
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"The cases {path} can't be read: {error.strerror}.", hint=hint) from None
    except UnicodeDecodeError:
        raise UsageError(f"The cases {path} are not UTF-8 text.", hint="Save as UTF-8.") from None


def _lines(results: Results, cases: Sequence[Case], file: str) -> Iterator[str]:
    for failure in results.failed:
        case = cases[failure.case]
        asked = _asked(case.request, case.component)
        yield f"{file}:{failure.line}: expected {failure.expected}, got {failure.got}: {asked}"
        yield f"  by {failure.rule}: {failure.reason}"
        yield f"  for {_who(case)}"
        if failure.note:
            yield f"  note: {failure.note}"
    total = results.passed + len(results.failed)
    yield f"{results.passed} of {total} {'case holds' if total == 1 else 'cases hold'}."


def _asked(request: Request, component: Component) -> str:
    given = request.arguments
    shown = "" if given is None else f" {json.dumps(given, ensure_ascii=False)}"
    return f"{request.action} {component.name}{shown}"


def _who(case: Case) -> str:
    roles = sorted(case.identity.roles)
    return f"somebody with {', '.join(roles)}" if roles else "somebody without a role"


COMMANDS = (
    Command(
        "policy test",
        "Test a policy against a table of cases: exit code 0, or 6 when one doesn't hold.",
        CasesArguments,
        _declare,
        _test,
        """
        mcp-local policy test cases.yaml --policy policy.yaml
        mcp-local policy test cases.yaml --json
        """,
    ),
)
