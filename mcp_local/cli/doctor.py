"""What is wrong, and who can act: ``doctor``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mcp_local.cli.bundle import write_bundle
from mcp_local.cli.console import Cell
from mcp_local.cli.examine import examine, without_settings
from mcp_local.cli.parser import Arguments, Command
from mcp_local.desktop.doctor.finding import Verdict
from mcp_local.desktop.doctor.follow_ups import without_follow_ups
from mcp_local.desktop.doctor.secrets import known_secrets
from mcp_local.errors import ExitCode, McpLocalError
from mcp_local.log.place import early_log_file, log_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mcp_local.cli.context import Context
    from mcp_local.cli.parser import Parser
    from mcp_local.desktop.doctor.finding import Finding
    from mcp_local.settings import Settings

_SIGNS: Final = {
    Verdict.OK: ("ok", "green"),
    Verdict.NOTE: ("note", "yellow"),
    Verdict.PROBLEM: ("problem", "red"),
    Verdict.SKIPPED: ("skipped", "dim"),
}


class DoctorArguments(Arguments):
    """``doctor``."""

    bundle: str | None
    offline: bool


def _declare(parser: Parser) -> None:
    parser.add_argument(
        "--bundle", metavar="FILE", help="write a ZIP for support as well; nothing secret is in it"
    )
    parser.add_argument("--offline", action="store_true", help="ask nothing of the network")


def _doctor(arguments: DoctorArguments, context: Context) -> ExitCode:
    settings: Settings | None = None
    with context.console.progress("looking"):
        try:
            settings = context.settings(arguments)
        except McpLocalError as error:
            found = list(without_settings(error, context))
        else:
            given = arguments.overrides()
            looked_at = examine(settings, given, context, offline=arguments.offline)
            found = list(without_follow_ups(looked_at))
    # A server that crashed may have printed what it was given.
    secrets = known_secrets(context.environ, Path.cwd(), settings)
    found = [
        replace(each, evidence=secrets.hide(each.evidence), remedy=secrets.hide(each.remedy))
        for each in found
    ]
    _tell(found, context)
    if arguments.bundle:
        checks = [_document(each) for each in found]
        log = log_file(settings) if settings else early_log_file(context.environ)
        write_bundle(Path(arguments.bundle), checks, settings, log, secrets)
        context.console.note(f"{arguments.bundle} is written. Look into it before you send it.")
    problems = any(each.verdict is Verdict.PROBLEM for each in found)
    return ExitCode.PROBLEMS if problems else ExitCode.OK


def _tell(found: Sequence[Finding], context: Context) -> None:
    if context.console.as_json:
        problems = sum(each.verdict is Verdict.PROBLEM for each in found)
        context.console.json({"problems": problems, "checks": [_document(each) for each in found]})
        return
    rows = ((_sign(each), each.check, _words(each)) for each in found)
    context.console.table(("", "check", "what was found, and what helps"), rows)
    problems = [each for each in found if each.verdict is Verdict.PROBLEM]
    count = f"{len(problems)} problem{'' if len(problems) == 1 else 's'}"
    context.console.note(f"{count} found." if problems else "No problem was found.")


def _sign(finding: Finding) -> Cell:
    return Cell(*_SIGNS[finding.verdict])


def _words(finding: Finding) -> str:
    lines = [finding.evidence]
    if finding.remedy:
        lines.append(f"→ {finding.remedy}")
    if finding.verdict is Verdict.PROBLEM and finding.who:
        lines.append(f"  Who can act: {finding.who}.")
    return "\n".join(lines)


def _document(finding: Finding) -> dict[str, object]:
    return {
        "check": finding.check,
        "verdict": finding.verdict.value,
        "evidence": finding.evidence,
        "remedy": finding.remedy,
        "who": finding.who.name.lower() if finding.who else "",
    }


COMMANDS = (
    Command(
        "doctor",
        "Look at everything on the way to your tools; say what is wrong and who can act.",
        DoctorArguments,
        _declare,
        _doctor,
        """
        mcp-local doctor
        mcp-local doctor --bundle support.zip
        """,
    ),
)
