"""What is wrong, and who can act: ``doctor``."""

from __future__ import annotations

import asyncio
import json
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mcp_local.cli.console import Cell
from mcp_local.cli.parser import Arguments, Command
from mcp_local.cli.person import look_up
from mcp_local.desktop.doctor import authority, clients, kept, machine, past, person, policies
from mcp_local.desktop.doctor.finding import Finding, Verdict, from_error, note, ok, skipped
from mcp_local.errors import ExitCode, McpLocalError, StorageError
from mcp_local.inventory import inventory
from mcp_local.log import read_tail
from mcp_local.log.place import log_file
from mcp_local.log.redact import redact
from mcp_local.policy.document import ANY_ROLE
from mcp_local.policy.engine import CompiledPolicy
from mcp_local.settings import SignInMethod, show
from mcp_local.targets import HostedTarget, find_target

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mcp_local.broker.storage.store import Store
    from mcp_local.cli.context import Context
    from mcp_local.cli.parser import Parser
    from mcp_local.policy.model import Component
    from mcp_local.settings import Settings

_SIGNS: Final = {
    Verdict.OK: ("ok", "green"),
    Verdict.NOTE: ("note", "yellow"),
    Verdict.PROBLEM: ("problem", "red"),
    Verdict.SKIPPED: ("skipped", "dim"),
}
_LOG_LINES: Final = 500
"""Lines of the log in a bundle."""


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
    found: list[Finding] = []
    try:
        settings = context.settings(arguments)
    except McpLocalError as error:
        found = [*_first(context), machine.unreadable_settings(error)]
        found += clients.clients(context.environ, Path.cwd())
    if settings is not None:
        with context.console.progress("looking"):
            found = list(_examine(settings, arguments, context))
    if arguments.bundle:
        _write_bundle(Path(arguments.bundle), found, settings)
        context.console.note(f"{arguments.bundle} is written. Look into it before you send it.")
    _tell(found, context)
    problems = any(each.verdict is Verdict.PROBLEM for each in found)
    return ExitCode.PROBLEMS if problems else ExitCode.OK


def _first(context: Context) -> Iterator[Finding]:
    yield from machine.program(context.environ)
    yield from machine.relevant_environment(context.environ)


def _examine(settings: Settings, arguments: DoctorArguments, context: Context) -> Iterator[Finding]:
    """Look at everything, from the machine to the servers, in the order in which it is needed."""
    yield from _first(context)
    yield from machine.settings_file(settings)
    yield from machine.state_folder(settings)
    if arguments.offline:
        yield skipped("connection", "--offline asks nothing of the network.")
    else:
        yield from authority.authority(settings)
    store: Store | None = None
    for each in kept.key_store(settings, context.environ):
        if isinstance(each, Finding):
            yield each
        else:
            store = each
    if store is not None:
        yield from kept.cache(settings, store)
    yield from kept.sign_in(settings)
    yield from machine.browser(settings, context.environ)
    yield from machine.loopback()
    components, looked = _servers(settings, arguments, context)
    compiled: CompiledPolicy | None = None
    for each in policies.policy(settings.policy, components):
        if isinstance(each, CompiledPolicy):
            compiled = each
        else:
            yield each
    yield from _person(settings, compiled, arguments, context)
    yield from clients.clients(context.environ, Path.cwd())
    yield from looked
    yield from past.log(log_file(settings))


def _person(
    settings: Settings,
    policy: CompiledPolicy | None,
    arguments: DoctorArguments,
    context: Context,
) -> Iterator[Finding]:
    if settings.signin.method is SignInMethod.NONE:
        yield note("account", "Nobody signs in: roles are declared in the settings, unverified.")
        return
    try:
        report = look_up(settings, context, offline=arguments.offline)
    except McpLocalError as error:
        yield from person.nobody(error)
        return
    if report.token is None:
        assert report.error is not None  # noqa: S101 - a report has a token or says why not
        yield from person.nobody(report.error)
        return
    roles = [role for role in (policy.roles if policy else ()) if role != ANY_ROLE]
    yield from person.token(report.token, roles, settings)


def _servers(
    settings: Settings, arguments: DoctorArguments, context: Context
) -> tuple[list[Component], list[Finding]]:
    """Start each configured server and ask for all that it has."""
    components: list[Component] = []
    found: list[Finding] = []
    for name, server in settings.servers.items():
        check = f"servers.{name}"
        if arguments.offline and server.url:
            found.append(skipped(check, "--offline asks nothing of the network."))
            continue
        try:
            target = find_target(name, settings, Path.cwd())
            if isinstance(target, HostedTarget):
                context.console.reserve_stdout()
            has = asyncio.run(inventory(target, settings, context.environ))
        except McpLocalError as error:
            found.append(from_error(check, error))
            continue
        components += has
        found.append(ok(check, f"It starts, and has {len(has)} tools, resources and prompts."))
    return components, found


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


def _write_bundle(path: Path, found: Iterable[Finding], settings: Settings | None) -> None:
    """Write what support needs: findings, settings, the end of the log; all of it redacted.

    Raises:
        StorageError: it can't be written.
    """
    parts = {"findings.json": json.dumps([_document(each) for each in found], indent=2)}
    if settings is not None:
        rows = [
            {"name": name, "value": value, "source": place.source.value, "place": place.place}
            for name, value, place in show(settings)
        ]
        parts["settings.json"] = json.dumps(rows, indent=2)
        try:
            parts["log.jsonl"] = "\n".join(read_tail(log_file(settings), _LOG_LINES))
        except OSError as error:
            parts["log.jsonl"] = f"The log can't be read: {error.strerror}."
    parts["system.txt"] = f"{sys.version}\n{sys.platform}\n"
    try:
        with zipfile.ZipFile(path, "x", zipfile.ZIP_DEFLATED) as bundle:
            for name, text in parts.items():
                bundle.writestr(name, redact(text))
    except FileExistsError:
        raise StorageError(f"{path} is there already.", hint="Name another file.") from None
    except OSError as error:
        raise StorageError(f"{path} can't be written: {error.strerror}.") from None


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
