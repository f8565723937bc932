"""What this person may see and use, and why: ``tools``, ``can``."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final

from mcp_local.cli.asked import load_target
from mcp_local.cli.console import Cell
from mcp_local.cli.explain import (
    action_on,
    effect_of,
    explain_everything,
    explain_one,
    likely,
    no_such_thing,
    reason_of,
    rule_of,
)
from mcp_local.cli.parser import Command, parse_object
from mcp_local.cli.person import look_up, require_token
from mcp_local.cli.target import TargetArguments, declare_target, target_settings
from mcp_local.cli.whoami import who_is
from mcp_local.errors import ExitCode
from mcp_local.policy.model import Action, Effect, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.cli.asked import Asked
    from mcp_local.cli.context import Context
    from mcp_local.cli.parser import Parser
    from mcp_local.guard.explained import Explained
    from mcp_local.identity.model import VerifiedToken

_NEXT_SENTENCE: Final = re.compile(r"(?<=[.!?]) (?=[A-Z])")


class ToolsArguments(TargetArguments):
    """``tools``."""

    offline: bool


def _declare_tools(parser: Parser) -> None:
    declare_target(parser)
    parser.add_argument("--offline", action="store_true", help="ask nobody, use what is kept")


def _tools(arguments: ToolsArguments, context: Context) -> ExitCode:
    settings = target_settings(arguments, context)
    report = look_up(settings, context, offline=arguments.offline)
    token = require_token(report)
    server = load_target(arguments, settings, context, offline=arguments.offline)
    context.console.note(f"For {who_is(report)}:")
    explained = asyncio.run(explain_everything(server, token))
    if context.console.as_json:
        context.console.json(_tools_document(explained))
    else:
        context.console.table(("", "kind", "name", "why"), map(_row, explained))
        more = dict.fromkeys(_in_short(each)[1] for each in explained if not each.listed)
        context.console.lines(Cell(text, "dim") for text in more if text)
    return ExitCode.OK


def _tools_document(explained: list[Explained]) -> dict[str, object]:
    return {
        "listed": [
            {"kind": each.component.kind.value, "name": each.component.name, "rule": rule_of(each)}
            for each in explained
            if each.listed
        ],
        "hidden": [
            {
                "kind": each.component.kind.value,
                "name": each.component.name,
                "reason": reason_of(each),
                "needs_roles": list(each.decision.needs_roles),
            }
            for each in explained
            if not each.listed
        ],
    }


def _row(each: Explained) -> tuple[str | Cell, ...]:
    mark = Cell("listed", "green") if each.listed else Cell("hidden", "dim")
    why = rule_of(each) if each.listed else _in_short(each)[0]
    return mark, each.component.kind.value, each.component.name, why


def _in_short(each: Explained) -> tuple[str, str]:
    """Return the first sentence of why something is hidden, and the others, told once for all."""
    first, *others = _NEXT_SENTENCE.split(reason_of(each), maxsplit=1)
    return first, "".join(others)


class CanArguments(TargetArguments):
    """``can``."""

    name: str
    kind: str | None
    action: str | None
    args: str | None
    offline: bool


def _declare_can(parser: Parser) -> None:
    parser.add_argument("name", metavar="NAME", help="a tool's or prompt's name, a resource's URI")
    declare_target(parser)
    parser.add_argument(
        "--kind", choices=[kind.value for kind in Kind], help="left out: whichever there is"
    )
    parser.add_argument(
        "--action",
        choices=[action.value for action in Action],
        help="left out: the use of that kind",
    )
    parser.add_argument("--args", metavar="JSON", help="the arguments of the call, as an object")
    parser.add_argument("--offline", action="store_true", help="ask nobody, use what is kept")


def _can(arguments: CanArguments, context: Context) -> ExitCode:
    given = parse_object(arguments.args)
    settings = target_settings(arguments, context)
    report = look_up(settings, context, offline=arguments.offline)
    token = require_token(report)
    server = load_target(arguments, settings, context, offline=arguments.offline)
    kind, explained = asyncio.run(_explain(server, arguments, given, token))
    action = action_on(kind, arguments.action)
    shape = can_document(explained, arguments.name, action)
    verdict = {Effect.ALLOW: "Yes", Effect.ASK: "Only after your yes", Effect.DENY: "No"}
    text = f"{verdict[effect_of(explained)]}: {reason_of(explained)}"
    context.console.answer(shape, f"{text}\n  for {who_is(report)}")
    return ExitCode.OK if effect_of(explained) is Effect.ALLOW else ExitCode.DENIED


async def _explain(
    server: Asked, arguments: CanArguments, given: Mapping[str, object], token: VerifiedToken
) -> tuple[Kind, Explained]:
    kinds = [Kind(arguments.kind)] if arguments.kind else list(Kind)
    for kind in likely(kinds, arguments.action):
        if arguments.action == Action.LIST:
            explained = await _listed(server, kind, arguments.name, token)
        else:
            action = Action(arguments.action) if arguments.action else None
            explained = await explain_one(server, kind, arguments.name, given, token, action=action)
        if explained is not None:
            return kind, explained
    raise await no_such_thing(server, arguments.name, kinds, token)


async def _listed(server: Asked, kind: Kind, name: str, token: VerifiedToken) -> Explained | None:
    for each in await explain_everything(server, token):
        if each.component.kind is kind and each.component.name == name:
            return each
    return None


def can_document(explained: Explained, name: str, action: Action) -> dict[str, object]:
    """Return the answer of ``can`` for scripts."""
    effect = effect_of(explained)
    return {
        "effect": effect.value,
        "allowed": effect is Effect.ALLOW,
        "action": action.value,
        "name": name,
        "rule": rule_of(explained),
        "reason": reason_of(explained),
        "needs_roles": list(explained.decision.needs_roles),
    }


COMMANDS = (
    Command(
        "tools",
        "Show what you see of a server, what is hidden from you, and why.",
        ToolsArguments,
        _declare_tools,
        _tools,
        """
        mcp-local tools
        mcp-local tools server.py --policy policy.yaml --json
        mcp-local tools --policy policy.yaml -- uvx mcp-server-git
        """,
    ),
    Command(
        "can",
        "Ask whether you may use one thing: exit code 0 yes, 4 no.",
        CanArguments,
        _declare_can,
        _can,
        """
        mcp-local can get_weather
        mcp-local can weather://cities/oslo --kind resource
        mcp-local can query server.py --args '{"sql": "SELECT 1"}' --json
        """,
    ),
)
