"""``policy explain``: one decision for anybody one can think of, and what would change it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from mcp_local.cli.console import Cell
from mcp_local.cli.parser import Command, parse_object
from mcp_local.cli.policy.spoken import spoken_of
from mcp_local.cli.policy.subject import (
    ask_server,
    declare_server,
    policy_and_server,
    warn_of_strange_roles,
)
from mcp_local.cli.target import TargetArguments
from mcp_local.errors import ExitCode, UsageError, did_you_mean
from mcp_local.guard.explained import Relayed
from mcp_local.policy.model import Action, ClientInfo, Component, Effect, Kind, Request
from mcp_local.policy.views.explain import Explanation, explain
from mcp_local.policy.views.people import USE, imagined

if TYPE_CHECKING:
    from mcp_local.cli.console import Console
    from mcp_local.cli.context import Context
    from mcp_local.cli.parser import Parser
    from mcp_local.identity.model import Identity

_VERDICT = {Effect.ALLOW: "Yes", Effect.ASK: "Only after the person's yes", Effect.DENY: "No"}
_STYLE = {Effect.ALLOW: "green", Effect.ASK: "yellow", Effect.DENY: "red"}
_HOLDS = {True: Cell("yes", "green"), False: Cell("no", "red"), None: Cell("unknown", "yellow")}


class ExplainArguments(TargetArguments):
    """``policy explain``."""

    name: str
    kind: str | None
    action: str | None
    args: str | None
    role: list[str]
    group: list[str]
    scope: list[str]
    tag: list[str]
    user_id: str | None
    agent_id: str | None
    namespace: str | None
    time: str | None


def _declare(parser: Parser) -> None:
    parser.add_argument("name", metavar="NAME", help="a tool's or prompt's name, a resource's URI")
    declare_server(parser)
    asked = parser.add_argument_group("what is asked")
    asked.add_argument("--kind", choices=[k.value for k in Kind], help="left out: as NAME looks")
    asked.add_argument(
        "--action", choices=[a.value for a in Action], help="left out: the use of that kind"
    )
    asked.add_argument("--args", metavar="JSON", help="the arguments of the call, as an object")
    asked.add_argument("--tag", action="append", default=[], help="a tag it carries; repeatable")
    asked.add_argument("--namespace", metavar="NAME", help="the namespace it is in")
    who = parser.add_argument_group("by whom (left out: somebody signed in who has no role)")
    who.add_argument("--role", action="append", default=[], help="a role they have; repeatable")
    who.add_argument("--group", action="append", default=[], metavar="ID", help="likewise")
    who.add_argument("--scope", action="append", default=[], help="likewise")
    who.add_argument("--user-id", metavar="ID", help="their object id")
    who.add_argument("--agent-id", metavar="NAME", help="what their client calls itself")
    who.add_argument("--time", metavar="WHEN", help="like 2026-05-04T09:30; left out: now")


def _explain(arguments: ExplainArguments, context: Context) -> ExitCode:
    request_for = _Question(arguments)
    subject = policy_and_server(arguments, context)
    if subject.server is not None:
        component = request_for.among(ask_server(subject.server, subject.settings, context))
    else:
        component = request_for.component()
        if not component.tags and any(each.tags for each in spoken_of(subject.documents)):
            context.console.note("No server was named: it is taken to carry no tags of its own.")
    warn_of_strange_roles(subject, arguments.role, context)
    decision = subject.policy.decide(
        request_for.identity(), request_for.request(component.kind), component
    )
    found = explain(decision)
    if context.console.as_json:
        context.console.json(msgspec.to_builtins(found))
    else:
        _show(found, context.console)
    return ExitCode.OK


class _Question:
    """The command line as a question to the policy."""

    def __init__(self, arguments: ExplainArguments) -> None:
        self._given = arguments
        self._arguments = None if arguments.args is None else parse_object(arguments.args)
        self._now = _time(arguments.time)

    def component(self) -> Component:
        """Return the component as it is described."""
        name = self._given.name
        kind = Kind(self._given.kind or (Kind.RESOURCE if "://" in name else Kind.TOOL))
        tags, namespace = frozenset(self._given.tag), self._given.namespace or ""
        template = kind is Kind.RESOURCE and "{" in name
        return Component(kind, name, tags, namespace, template=template)

    def among(self, components: list[Component]) -> Component:
        """Return the server's component of this name; of a URI, the template that makes it."""
        kinds = [Kind(self._given.kind)] if self._given.kind else list(Kind)
        for kind in kinds:
            if found := Relayed(tuple(components)).find(kind, self._given.name):
                return found[0]
        there = [each for each in components if each.kind in kinds]
        what = kinds[0].value if len(kinds) == 1 else "component"
        names = [each.name for each in there]
        hint = did_you_mean(self._given.name, names) if names else f"It has no {what} at all."
        raise UsageError(f"The server has no {what} {self._given.name!r}.", hint=hint)

    def identity(self) -> Identity:
        """Return whoever is described; no token stands behind them."""
        given = self._given
        return imagined(
            frozenset(given.role),
            user_id=given.user_id or "somebody",
            tenant=given.tenant or "some-tenant",
            groups=frozenset(given.group),
            scopes=frozenset(given.scope),
        )

    def request(self, kind: Kind) -> Request:
        """Return what they want of a component of this kind."""
        action = Action(self._given.action or USE[kind])
        if action is Action.LIST:
            return Request(action)  # arguments, client and time aren't known in lists
        agent = self._given.agent_id
        return Request(action, self._arguments, ClientInfo(agent) if agent else None, self._now)


def _time(text: str | None) -> float:
    try:
        when = datetime.fromisoformat(text) if text else datetime.now().astimezone()
        return when.timestamp()
    except (ValueError, OverflowError, OSError):
        hint = "Write it like 2026-05-04T09:30, or with its offset: 2026-05-04T09:30+02:00."
        raise UsageError(f"--time {text!r} is no date with a time.", hint=hint) from None


def _show(found: Explanation, console: Console) -> None:
    where = f" ({found.origin})" if found.origin else ""
    lines = [f"{_VERDICT[found.effect]}: {found.reason}", f"  decided by {found.rule}{where}"]
    if found.would_change:
        lines += ["", "What would change it:", *(f"  - {each}" for each in found.would_change)]
    console.answer({}, "\n".join(lines))
    if found.conditions:
        console.table(
            ("condition on", "operator", "value", "saw", "holds"),
            [
                (each.field, each.operator, _said(each.value), _said(each.seen), _HOLDS[each.holds])
                for each in found.conditions
            ],
        )
    if found.considered:
        console.table(
            ("", "rule", "applies", "why not"),
            [
                (
                    Cell(each.effect.value, _STYLE[each.effect]),
                    each.rule,
                    "yes" if each.applies else "no",
                    each.why_not,
                )
                for each in found.considered
            ],
        )


def _said(value: object) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False)


COMMANDS = (
    Command(
        "policy explain",
        "Explain one decision: the rule, its conditions, and what would change it.",
        ExplainArguments,
        _declare,
        _explain,
        """
        mcp-local policy explain get_weather --role Task.Read
        mcp-local policy explain query --role Analyst --args '{"sql": "DROP TABLE x"}'
        mcp-local policy explain docs://handbook server.py --role Reader --action list --json
        """,
    ),
)
