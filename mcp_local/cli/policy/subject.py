"""What a policy command is about: which policy, and for which components."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_local.cli.parser import Arguments
from mcp_local.cli.policy.spoken import spoken_of
from mcp_local.cli.target import TargetArguments, bring_packages, target_settings
from mcp_local.errors import TargetError, UsageError
from mcp_local.policy.compile import compile_policy
from mcp_local.policy.load import read_documents
from mcp_local.targets import SAMPLE, HostedTarget, find_target
from mcp_local.wiring import policy_path

if TYPE_CHECKING:
    from mcp_local.cli.context import Context
    from mcp_local.cli.parser import Parser
    from mcp_local.policy.document import Document
    from mcp_local.policy.engine import CompiledPolicy
    from mcp_local.policy.model import Component
    from mcp_local.settings import Settings
    from mcp_local.targets import Target


class PolicyArguments(Arguments):
    """What commands about a policy alone take."""

    policy: str | None

    def overrides(self) -> dict[str, str | None]:
        """Return what was given in place of settings."""
        return super().overrides() | {"policy": self.policy}


def declare_policy(parser: Parser) -> None:
    """Add the arguments of :class:`PolicyArguments`."""
    parser.add_argument("--policy", metavar="FILE", help="policy, instead of the settings'")


def declare_server(parser: Parser) -> None:
    """Add the arguments of :class:`TargetArguments`, whose server may be left out here."""
    parser.add_argument(
        "target",
        nargs="?",
        metavar="TARGET",
        help="FILE.py[:OBJECT], https://…, a name under [servers], or -- COMMAND ARG…: "
        "asks the server what it has",
    )
    declare_policy(parser)
    parser.add_argument("--account", metavar="NAME", help="only this user name or object id")


@dataclass(frozen=True, slots=True)
class Subject:
    """A policy, and the server it is looked at with."""

    path: str
    documents: tuple[Document, ...]
    policy: CompiledPolicy
    server: Target | None = None
    """``None``: none was named."""


def policy_alone(arguments: PolicyArguments, context: Context) -> Subject:
    """Load the policy of a command that needs no server.

    Raises:
        PolicyError: it is broken.
        UsageError: none is named.
    """
    return load_subject(policy_path(context.settings(arguments), ""))


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
    return load_subject(path, server)


def load_subject(path: str, server: Target | None = None) -> Subject:
    """Load the policy at ``path``.

    Raises:
        PolicyError: it is broken.
        UsageError: ``path`` is empty.
    """
    if not path:
        raise UsageError(
            "No policy is named.",
            hint="Name one with `--policy`; or write a first one: mcp-local policy init",
        )
    documents = tuple(read_documents(Path(path)))
    return Subject(path, documents, compile_policy(documents), server)


def named_server(arguments: TargetArguments, settings: Settings) -> Target | None:
    """Return the server that the command line names; ``None``: it names none.

    Raises:
        TargetError: it can't be found.
    """
    if arguments.target is None and not arguments.command:
        return None
    return find_target(arguments.target, settings, Path.cwd(), arguments.command)


def components_of(subject: Subject, context: Context) -> list[Component]:
    """Return what the server has; without a server, what the policy speaks of by name or tag.

    Raises:
        TargetError: the server can't be loaded.
    """
    if subject.server is not None:
        return ask_server(subject.server, context)
    context.console.note("No server was named: shown is what the policy itself speaks of.")
    return spoken_of(subject.documents)


def ask_server(server: Target, context: Context) -> list[Component]:
    """Return every component that a server has, whoever may see it; its own code runs.

    Raises:
        TargetError: the server can't be loaded.
    """
    if not isinstance(server, HostedTarget):
        raise TargetError(
            f"{server} is not a Python file: this command asks such servers only.",
            hint="Name a file with a FastMCP server in it.",
        )
    bring_packages(server.file.path, context)
    context.console.reserve_stdout()
    from mcp_local.guard.hosted import inventory  # noqa: PLC0415 - start-up: brings FastMCP
    from mcp_local.guard.loading import load_server  # noqa: PLC0415 - the same

    return asyncio.run(inventory(load_server(server.file)))
