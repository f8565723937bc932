"""What a policy command is about: which policy, and for which components."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_local.cli.parser import Arguments
from mcp_local.cli.pass_env import check_pass_env, declare_pass_env
from mcp_local.cli.policy.spoken import spoken_of
from mcp_local.cli.target import TargetArguments, bring_packages, find_named, target_settings
from mcp_local.errors import UsageError, did_you_mean
from mcp_local.policy.deciding.compile import compile_policy
from mcp_local.policy.in_force import OBSERVES
from mcp_local.policy.load import read_documents
from mcp_local.targets import SAMPLE, HostedTarget, WrappedTarget
from mcp_local.wiring import policy_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mcp_local.cli.context import Context
    from mcp_local.cli.parser import Parser
    from mcp_local.policy.deciding.engine import CompiledPolicy
    from mcp_local.policy.document import Document
    from mcp_local.policy.model import Component
    from mcp_local.settings import Settings
    from mcp_local.targets import Target


class PolicyArguments(Arguments):
    """What commands about a policy alone take."""

    policy: str | None

    def overrides(self) -> dict[str, str | None]:
        """Return what was given in place of settings."""
        return super().overrides() | {"policy": self.policy}


def declare_server(parser: Parser) -> None:
    """Add the arguments of :class:`TargetArguments`, whose server may be left out here."""
    parser.add_argument(
        "target",
        nargs="?",
        metavar="TARGET",
        help="FILE.py[:OBJECT], https://…, a name under [servers], or -- COMMAND ARG…: "
        "asks the server what it has",
    )
    parser.declare_policy()
    parser.declare_account()
    parser.add_argument(
        "--api", metavar="ID", help="app of a remote server's API, whose token it is sent"
    )
    declare_pass_env(parser)


@dataclass(frozen=True, slots=True)
class Subject:
    """A policy, and the server it is looked at with."""

    path: str
    documents: tuple[Document, ...]
    policy: CompiledPolicy
    settings: Settings
    server: Target | None = None
    """``None``: none was named."""


def policy_alone(arguments: PolicyArguments, context: Context) -> Subject:
    """Load the policy of a command that needs no server.

    Raises:
        PolicyError: it is broken.
        UsageError: none is named.
    """
    settings = context.settings(arguments)
    return load_subject(policy_path(settings, ""), settings)


def policy_and_server(arguments: TargetArguments, context: Context) -> Subject:
    """Load the policy; nothing named anywhere means the sample server and its policy.

    Raises:
        PolicyError: the policy is broken.
        TargetError: the server can't be found.
        UsageError: no policy is named.
    """
    settings = target_settings(arguments, context)
    server = named_server(arguments, settings)
    path = policy_path(settings, server.policy if server else "")
    if not path and server is None:
        server, path = SAMPLE, SAMPLE.policy
    return load_subject(path, settings, server)


def load_subject(path: str, settings: Settings, server: Target | None = None) -> Subject:
    """Load the policy at ``path``; where a wrapped server runs is where ``under`` begins.

    Raises:
        PolicyError: it is broken.
        UsageError: ``path`` is empty.
    """
    if not path:
        raise UsageError(
            "No policy is named.",
            hint="Give its file, or set `policy`; to write a first one: mcp-local policy init "
            "TARGET -o FILE",
        )
    documents = tuple(read_documents(Path(path)))
    folder = server.folder if isinstance(server, WrappedTarget) else None
    policy = compile_policy(documents, folder=folder)
    return Subject(path, documents, policy, settings, server)


def named_server(arguments: TargetArguments, settings: Settings) -> Target | None:
    """Return the server that the command line names; ``None``: it names none.

    Raises:
        TargetError: it can't be found.
        UsageError: a variable is handed to nobody.
    """
    check_pass_env(arguments.pass_env, arguments.command)
    if arguments.target is None and not arguments.command:
        return None
    return find_named(arguments, settings)


def warn_of_strange_roles(subject: Subject, roles: Sequence[str], context: Context) -> None:
    """Tell of roles that the policy doesn't speak of: mostly they are misspelt."""
    known = subject.policy.roles
    for role in roles:
        if known and role not in known:
            hint = did_you_mean(role, known)
            context.console.warn(f"The policy speaks of no role {role!r}. {hint}")


def warn_of_mode(subject: Subject, context: Context) -> None:
    """Tell that the policy only observes: what is let through now isn't what it grants."""
    if subject.policy.observing:
        context.console.warn(f"{subject.path}: {OBSERVES}")


def components_of(subject: Subject, context: Context) -> list[Component]:
    """Return what the server has; without a server, what the policy speaks of by name or tag.

    Raises:
        TargetError: the server can't be loaded.
        Unreachable: it doesn't answer.
    """
    if subject.server is not None:
        return ask_server(subject.server, subject.settings, context)
    context.console.note("No server was named: shown is what the policy itself speaks of.")
    return spoken_of(subject.documents)


def ask_server(server: Target, settings: Settings, context: Context) -> list[Component]:
    """Return every component that a server has, whoever may see it.

    A server's own code runs in this process; a wrapped one is started, a remote one reached.

    Raises:
        TargetError: the server can't be loaded.
        Unreachable: it doesn't answer.
    """
    if isinstance(server, HostedTarget):
        bring_packages(server.file.path, context)
    context.console.reserve_stdout()
    from mcp_local.inventory import inventory  # noqa: PLC0415 - start-up: not without a server

    return asyncio.run(inventory(server, settings, context.environ))
