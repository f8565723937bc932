"""What this person may see and use, and why: ``tools``, ``can``."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, cast

from mcp_local.cli.console import Cell
from mcp_local.cli.parser import Command
from mcp_local.cli.person import look_up, require_token
from mcp_local.cli.target import (
    Loaded,
    TargetArguments,
    declare_target,
    load_target,
    target_settings,
)
from mcp_local.errors import Denied, ExitCode, McpLocalError, UsageError, did_you_mean
from mcp_local.policy.model import Action, Effect, Kind, Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.cli.context import Context
    from mcp_local.cli.parser import Parser
    from mcp_local.guard.hosted import Explained
    from mcp_local.identity.model import VerifiedToken

USE = {Kind.TOOL: Action.CALL, Kind.RESOURCE: Action.READ, Kind.PROMPT: Action.GET}
"""What using a component of each kind is called."""


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
    loaded = load_target(arguments, settings, context)
    context.console.note(f"For {who_is(token, report.status.unverified, settings.development)}:")
    explained = asyncio.run(_explain_all(loaded, token))
    if context.console.as_json:
        context.console.json(_tools_document(explained))
    else:
        context.console.table(("", "kind", "name", "why"), map(_row, explained))
    return ExitCode.OK


async def _explain_all(loaded: Loaded, token: VerifiedToken) -> list[Explained]:
    from mcp_local.guard.hosted import explain_all  # noqa: PLC0415 - start-up: brings FastMCP

    found = await explain_all(loaded.server, policy=loaded.policy, token=token)
    return sorted(found, key=lambda each: (list(Kind).index(each.component.kind), not each.listed))


def _tools_document(explained: list[Explained]) -> dict[str, object]:
    return {
        "listed": [
            {"kind": each.component.kind.value, "name": each.component.name, "rule": _rule(each)}
            for each in explained
            if each.listed
        ],
        "hidden": [
            {
                "kind": each.component.kind.value,
                "name": each.component.name,
                "reason": _reason(each),
                "needs_roles": list(each.decision.needs_roles),
            }
            for each in explained
            if not each.listed
        ],
    }


def _row(each: Explained) -> tuple[str | Cell, ...]:
    mark = Cell("listed", "green") if each.listed else Cell("hidden", "dim")
    why = _rule(each) if each.listed else _reason(each)
    return mark, each.component.kind.value, each.component.name, why


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
    parser.add_argument("--kind", choices=list(Kind), help="left out: whichever there is")
    parser.add_argument(
        "--action",
        choices=[Action.LIST, *USE.values()],
        help="left out: the use of that kind",
    )
    parser.add_argument("--args", metavar="JSON", help="the arguments of the call, as an object")
    parser.add_argument("--offline", action="store_true", help="ask nobody, use what is kept")


def _can(arguments: CanArguments, context: Context) -> ExitCode:
    given = parse_arguments(arguments.args)
    settings = target_settings(arguments, context)
    report = look_up(settings, context, offline=arguments.offline)
    token = require_token(report)
    loaded = load_target(arguments, settings, context)
    kind, explained = asyncio.run(_explain(loaded, arguments, given, token))
    who = who_is(token, report.status.unverified, settings.development)
    action = Action(arguments.action or USE[kind])
    shape = can_document(explained, arguments.name, action)
    verdict = {Effect.ALLOW: "Yes", Effect.ASK: "Only after your yes", Effect.DENY: "No"}
    text = f"{verdict[_effect(explained)]}: {_reason(explained)}"
    context.console.answer(shape, f"{text}\n  for {who}")
    return ExitCode.OK if _effect(explained) is Effect.ALLOW else ExitCode.DENIED


async def _explain(
    loaded: Loaded, arguments: CanArguments, given: Mapping[str, object], token: VerifiedToken
) -> tuple[Kind, Explained]:
    kinds = [Kind(arguments.kind)] if arguments.kind else list(Kind)
    for kind in kinds:
        if arguments.action == Action.LIST:
            explained = await _listed(loaded, kind, arguments.name, token)
        else:
            explained = await explain(loaded, kind, arguments.name, given, token)
        if explained is not None:
            return kind, explained
    raise await no_such_thing(loaded, arguments.name, kinds, token)


async def _listed(loaded: Loaded, kind: Kind, name: str, token: VerifiedToken) -> Explained | None:
    for each in await _explain_all(loaded, token):
        if each.component.kind is kind and each.component.name == name:
            return each
    return None


async def explain(
    loaded: Loaded, kind: Kind, name: str, given: Mapping[str, object], token: VerifiedToken
) -> Explained | None:
    """Return what the guard makes of using one component now; ``None`` where there is none."""
    from mcp_local.guard.hosted import explain_use  # noqa: PLC0415 - start-up: brings FastMCP

    request = Request(USE[kind], arguments=given, now=time.time())
    return await explain_use(loaded.server, name, request, policy=loaded.policy, token=token)


async def no_such_thing(
    loaded: Loaded, name: str, kinds: list[Kind], token: VerifiedToken
) -> UsageError:
    """Return the error for a name that the server doesn't have; it names the nearest."""
    there = [each.component for each in await _explain_all(loaded, token)]
    words = kinds[0].value if len(kinds) == 1 else "component"
    names = [component.name for component in there if component.kind in kinds]
    hint = did_you_mean(name, names) if names else f"The server has no {words} at all."
    return UsageError(f"The server has no {words} {name!r}.", hint=hint)


def refusal(explained: Explained, name: str) -> McpLocalError | None:
    """Return why a use was refused; ``None`` if it is allowed."""
    if _effect(explained) is Effect.ALLOW:
        return None
    hint = "Who administers the API grants roles; then: mcp-local refresh --force"
    needs = bool(explained.decision.needs_roles)
    return Denied(f"{name}: {_reason(explained)}", hint=hint if needs else "")


def can_document(explained: Explained, name: str, action: Action) -> dict[str, object]:
    """Return the answer of ``can`` for scripts."""
    effect = _effect(explained)
    return {
        "effect": effect.value,
        "allowed": effect is Effect.ALLOW,
        "action": action.value,
        "name": name,
        "rule": _rule(explained),
        "reason": _reason(explained),
        "needs_roles": list(explained.decision.needs_roles),
    }


def parse_arguments(text: str | None) -> dict[str, object]:
    """Return the object that ``--args`` holds.

    Raises:
        UsageError: it isn't a JSON object.
    """
    hint = 'For example: --args \'{"city": "Oslo"}\''
    try:
        given: object = json.loads(text) if text is not None else {}
    except ValueError as error:
        raise UsageError(f"--args isn't JSON: {error}", hint=hint) from error
    if not isinstance(given, dict):
        raise UsageError("--args must be a JSON object.", hint=hint)
    return cast("dict[str, object]", given)


def who_is(token: VerifiedToken, unverified: bool, development: bool) -> str:  # noqa: FBT001 - both are marks
    """Name the person, their roles, and what isn't as in earnest."""
    roles = ", ".join(sorted(token.identity.roles)) or "no roles"
    marks = "".join(
        f" ({mark})"
        for mark, holds in (("unverified", unverified), ("development authority", development))
        if holds
    )
    return f"{token.identity.name or token.identity.object_id}, {roles}{marks}"


def _effect(explained: Explained) -> Effect:
    return explained.decision.effect if explained.own_auth else Effect.DENY


def _rule(explained: Explained) -> str:
    return explained.decision.rule if _by_policy(explained) else "auth="


def _reason(explained: Explained) -> str:
    return explained.decision.reason if _by_policy(explained) else "Its own `auth=` check says no."


def _by_policy(explained: Explained) -> bool:
    """Whether the policy's word settles it; when both refuse, the policy names what is missing."""
    return explained.own_auth or explained.decision.effect is Effect.DENY


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
