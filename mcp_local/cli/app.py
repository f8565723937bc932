"""The app registrations as code: ``app manifest``, ``graph``, ``az``, …, and ``app check``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_local.cli.parser import Command, Parser
from mcp_local.cli.person import look_up, require_token
from mcp_local.cli.policy.subject import PolicyArguments
from mcp_local.desktop.app.az import az
from mcp_local.desktop.app.bicep import bicep
from mcp_local.desktop.app.check import check_token
from mcp_local.desktop.app.graph import graph, manifest
from mcp_local.desktop.app.plan import make_plan
from mcp_local.desktop.app.terraform import terraform
from mcp_local.errors import ExitCode, PolicyError
from mcp_local.policy.document import ANY_ROLE
from mcp_local.policy.load import load_policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp_local.cli.context import Context
    from mcp_local.desktop.app.plan import AppPlan
    from mcp_local.settings import Settings


class AppArguments(PolicyArguments):
    """``app manifest`` and its like."""

    name: str
    role: list[str]
    assign: list[str]
    device_code: bool
    broker: bool


def _declare(parser: Parser) -> None:
    parser.declare_policy()
    parser.add_argument(
        "--name", default="mcp-local", help="what the API app is called (mcp-local)"
    )
    parser.add_argument(
        "--role", action="append", default=[], metavar="ROLE", help="a role beside the policy's"
    )
    parser.add_argument(
        "--assign",
        action="append",
        default=[],
        metavar="ROLE=ID",
        help="give it to a person or group",
    )
    parser.add_argument("--device-code", action="store_true", help="allow sign-in by device code")
    parser.add_argument(
        "--broker", action="store_true", help="with redirect URIs for the systems' account brokers"
    )


def _app(write: Callable[[AppPlan], str], arguments: AppArguments, context: Context) -> ExitCode:
    settings = context.settings(arguments)
    roles = [*arguments.role]
    if settings.policy or not roles:
        roles += _roles(settings)
    plan = make_plan(
        arguments.name,
        roles,
        arguments.assign,
        device_code=arguments.device_code,
        broker=arguments.broker,
    )
    text = write(plan).rstrip("\n")
    document = {"roles": [{"id": role.id, "value": role.value} for role in plan.roles]}
    context.console.answer(document | {"text": text}, text)
    return ExitCode.OK


def _check(arguments: PolicyArguments, context: Context) -> ExitCode:
    settings = context.settings(arguments)
    roles = _roles(settings)
    token = require_token(look_up(settings, context))
    found = list(check_token(token, roles, settings))
    serious = [each for each in found if each.serious]
    lines = [
        f"{'!' if each.serious else '·'} {each.message}\n    {each.remedy}" for each in found
    ] or ["The token shows nothing that differs from the policy."]
    document = {
        "findings": [
            {"message": each.message, "remedy": each.remedy, "serious": each.serious}
            for each in found
        ]
    }
    context.console.answer(document, "\n".join(lines))
    return ExitCode.PROBLEMS if serious else ExitCode.OK


def _roles(settings: Settings) -> list[str]:
    """Return the roles that the policy names.

    Raises:
        PolicyError: there is none, or it is broken.
    """
    if not settings.policy:
        raise PolicyError(
            "There is no policy whose roles could be registered.",
            hint="Name one: --policy FILE. Or name the roles: --role ROLE.",
        )
    policy = load_policy(Path(settings.policy))
    return [role for role in policy.roles if role != ANY_ROLE]


def _command(
    name: str, summary: str, write: Callable[[AppPlan], str], examples: str
) -> Command[AppArguments]:
    return Command(f"app {name}", summary, AppArguments, _declare, partial(_app, write), examples)


COMMANDS = (
    _command(
        "az",
        "Write a script that makes the app registrations by the Azure command line.",
        az,
        """
        mcp-local app az --policy policy.yaml > register.sh
        mcp-local app az --policy policy.yaml --assign Task.Read=<object id of a group>
        """,
    ),
    _command(
        "bicep",
        "Write them in Bicep.",
        bicep,
        "mcp-local app bicep --policy policy.yaml > app.bicep",
    ),
    _command(
        "terraform",
        "Write them in Terraform.",
        terraform,
        "mcp-local app terraform --policy policy.yaml > app.tf",
    ),
    _command(
        "graph",
        "Write them as requests to Microsoft Graph.",
        graph,
        "mcp-local app graph --policy policy.yaml",
    ),
    _command(
        "manifest",
        "Write both apps' manifests.",
        manifest,
        "mcp-local app manifest --policy policy.yaml",
    ),
    Command(
        "app check",
        "Say where the token of the person signed in differs from what the policy wants.",
        PolicyArguments,
        Parser.declare_policy,
        _check,
        "mcp-local app check --policy policy.yaml",
    ),
)
