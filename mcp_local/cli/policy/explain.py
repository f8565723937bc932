"""``policy explain``: one decision for anybody one can think of, and what would change it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec

from mcp_local.cli.console import Cell
from mcp_local.cli.parser import Command
from mcp_local.cli.policy.question import Question, QuestionArguments, declare_question
from mcp_local.cli.policy.spoken import spoken_of
from mcp_local.cli.policy.subject import ask_server, policy_and_server, warn_of_strange_roles
from mcp_local.errors import ExitCode
from mcp_local.policy.model import Effect
from mcp_local.policy.views.explain import Explanation, explain

if TYPE_CHECKING:
    from mcp_local.cli.console import Console
    from mcp_local.cli.context import Context

_VERDICT = {Effect.ALLOW: "Yes", Effect.ASK: "Only after the person's yes", Effect.DENY: "No"}
_STYLE = {Effect.ALLOW: "green", Effect.ASK: "yellow", Effect.DENY: "red"}
_HOLDS = {True: Cell("yes", "green"), False: Cell("no", "red"), None: Cell("unknown", "yellow")}


def _explain(arguments: QuestionArguments, context: Context) -> ExitCode:
    request_for = Question(arguments)
    subject = policy_and_server(arguments, context)
    if subject.server is not None:
        component = request_for.among(ask_server(subject.server, subject.settings, context))
    else:
        component = request_for.component()
        if not component.tags and any(each.tags for each in spoken_of(subject.documents)):
            context.console.note("No server was named: it is taken to carry no tags of its own.")
    warn_of_strange_roles(subject, arguments.role, context)
    person = request_for.identity()
    decision = subject.policy.decide(person, request_for.request(component.kind), component)
    found = explain(decision)
    if context.console.as_json:
        context.console.json(msgspec.to_builtins(found))
        return ExitCode.OK
    if found.needs_roles and not person.roles:  # who asks may have some, and think it is of them
        context.console.note("For somebody without a role, whoever is signed in; --role names one.")
    _show(found, context.console)
    return ExitCode.OK


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
        QuestionArguments,
        declare_question,
        _explain,
        """
        mcp-local policy explain get_weather --role Task.Read
        mcp-local policy explain query --role Analyst --args '{"sql": "DROP TABLE x"}'
        mcp-local policy explain docs://handbook server.py --role Reader --action list --json
        """,
    ),
)
