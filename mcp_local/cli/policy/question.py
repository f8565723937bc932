"""A question to a policy about anybody one can think of, as the command line asks it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from mcp_local.cli.explain import action_on, likely
from mcp_local.cli.parser import parse_object
from mcp_local.cli.policy.subject import declare_server
from mcp_local.cli.target import TargetArguments
from mcp_local.errors import UsageError, did_you_mean
from mcp_local.guard.explained import Relayed
from mcp_local.policy.model import Action, ClientInfo, Component, Kind, Request
from mcp_local.policy.views.people import imagined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mcp_local.cli.parser import Parser
    from mcp_local.identity.model import Identity


class QuestionArguments(TargetArguments):
    """What is asked, and by whom."""

    name: str
    kind: str | None
    action: str | None
    args: str | None
    role: list[str]
    group: list[str]
    scope: list[str]
    claim: list[str]
    tag: list[str]
    user_id: str | None
    agent_id: str | None
    namespace: str | None
    time: str | None


def declare_question(parser: Parser) -> None:
    """Add the arguments of :class:`QuestionArguments`."""
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
    who.add_argument(
        "--claim",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a claim of their token, JSON or a text; repeatable",
    )
    who.add_argument("--user-id", metavar="ID", help="their object id")
    who.add_argument("--agent-id", metavar="NAME", help="what their client calls itself")
    who.add_argument("--time", metavar="WHEN", help="like 2026-05-04T09:30; left out: now")


class Question:
    """The command line as a question to the policy."""

    def __init__(self, arguments: QuestionArguments) -> None:
        self._given = arguments
        self._arguments = None if arguments.args is None else parse_object(arguments.args)
        self._claims = _claims(arguments.claim)
        self._now = _time(arguments.time)

    def component(self) -> Component:
        """Return the component as it is described."""
        name = self._given.name
        kind = Kind(self._given.kind) if self._given.kind else self._looks_like()
        tags, namespace = frozenset(self._given.tag), self._given.namespace or ""
        template = kind is Kind.RESOURCE and "{" in name
        return Component(kind, name, tags, namespace, template=template)

    def _looks_like(self) -> Kind:
        if "://" in self._given.name:
            return Kind.RESOURCE
        return likely((Kind.TOOL, Kind.PROMPT), self._given.action)[0]

    def among(self, components: list[Component]) -> Component:
        """Return the server's component of this name; of a URI, the template that makes it."""
        kinds = [Kind(self._given.kind)] if self._given.kind else list(Kind)
        for kind in likely(kinds, self._given.action):
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
            claims=self._claims,
        )

    def request(self, kind: Kind) -> Request:
        """Return what they want of a component of this kind.

        Raises:
            UsageError: nobody can do that with it.
        """
        action = action_on(kind, self._given.action)
        if action is Action.LIST:
            return Request(action)  # arguments, client and time aren't known in lists
        agent = self._given.agent_id
        return Request(action, self._arguments, ClientInfo(agent) if agent else None, self._now)


def _claims(given: Sequence[str]) -> dict[str, object]:
    """Return the claims by name; a value is JSON, or else a text as it stands."""
    claims: dict[str, object] = {}
    for each in given:
        name, equals, text = each.partition("=")
        if not (name and equals):
            hint = "Write it like --claim department=Finance."
            raise UsageError(f"--claim {each!r} must be a name and a value.", hint=hint)
        if name in claims:
            hint = f"""Several values are one list: --claim '{name}=["a", "b"]'."""
            raise UsageError(f"--claim {name} stands there twice.", hint=hint)
        try:
            claims[name] = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            claims[name] = text
    return claims


def _time(text: str | None) -> float:
    try:
        when = datetime.fromisoformat(text) if text else datetime.now().astimezone()
        return when.timestamp()
    except (ValueError, OverflowError, OSError):
        hint = "Write it like 2026-05-04T09:30, or with its offset: 2026-05-04T09:30+02:00."
        raise UsageError(f"--time {text!r} is no date with a time.", hint=hint) from None
