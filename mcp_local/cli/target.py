"""What commands about a server take, and the server itself, loaded to be asked about."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcp_local.cli.parser import Arguments
from mcp_local.errors import TargetError
from mcp_local.guard.target import has_script_block
from mcp_local.targets import HostedTarget, find_target
from mcp_local.wiring import choose_policy

if sys.platform == "win32":
    from mcp_local.cli.replace_windows import replace_process
else:
    from mcp_local.cli.replace_posix import replace_process

if TYPE_CHECKING:
    from fastmcp import FastMCP

    from mcp_local.cli.context import Context
    from mcp_local.cli.parser import Parser
    from mcp_local.policy.model import Decides
    from mcp_local.settings import Settings

_LAYERED = "_MCP_LOCAL_LAYERED"
"""Set in a process that ``uv`` started in our place, so that it isn't done twice."""


class TargetArguments(Arguments):
    """What all commands about a server take."""

    takes_command = True
    target: str | None
    policy: str | None
    account: str | None

    def overrides(self) -> dict[str, str | None]:
        """Return what was given in place of settings."""
        return super().overrides() | {"policy": self.policy, "account": self.account}


def declare_target(parser: Parser) -> None:
    """Add the arguments of :class:`TargetArguments`."""
    parser.add_argument(
        "target",
        nargs="?",
        metavar="TARGET",
        help="FILE.py[:OBJECT], https://…, a name under [servers], or -- COMMAND ARG…; "
        "left out: the sample server",
    )
    parser.add_argument("--policy", metavar="FILE", help="policy, instead of the settings'")
    parser.add_argument("--account", metavar="NAME", help="only this user name or object id")


def target_settings(arguments: TargetArguments, context: Context) -> Settings:
    """Load the settings; what ``[servers.NAME]`` says of tenant and account holds for its target.

    Raises:
        SettingsError: something in them can't be.
    """
    settings = context.settings(arguments)
    server = settings.servers.get(arguments.target or "")
    if server is None or not (server.tenant or server.account):
        return settings
    arguments.tenant = arguments.tenant or server.tenant or None
    arguments.account = arguments.account or server.account or None
    return context.settings(arguments)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A server that is asked about, not served."""

    server: FastMCP[Any]
    policy: Decides | None


def load_target(arguments: TargetArguments, settings: Settings, context: Context) -> Loaded:
    """Load the server and its policy; the server's own code runs.

    Raises:
        TargetError: there is no such server, or it can't be loaded.
        PolicyError: the policy is broken.
    """
    target = find_target(arguments.target, settings, Path.cwd(), arguments.command)
    if not isinstance(target, HostedTarget):
        raise TargetError(
            f"{target} is not a Python file: this command asks such servers only.",
            hint="Name a file with a FastMCP server in it: mcp-local run server.py",
        )
    bring_packages(target.file.path, context)
    policy = choose_policy(settings, target.policy).now
    if policy.problem is not None:
        raise policy.problem
    context.console.reserve_stdout()
    from mcp_local.guard.loading import load_server  # noqa: PLC0415 - start-up: brings FastMCP

    server = load_server(target.file)
    if policy.decides is None:
        context.console.warn(
            "No policy is set: only what has a check of its own is served. --policy FILE names one."
        )
    return Loaded(server, policy.decides)


def bring_packages(path: Path, context: Context) -> None:
    """Return if the file's inline dependencies are there; else start again with them, by ``uv``.

    Raises:
        TargetError: they can't be brought along; the hint names the line that does.
    """
    if not has_script_block(path):
        return
    from mcp_local.guard.inline import missing_packages  # noqa: PLC0415 - start-up: for such a file

    missing = missing_packages(path)
    if not missing:
        return
    uv = context.environ.get("UV") or shutil.which("uv")  # uv and uvx set UV to their own path
    # A relative one lies in the working folder, where Windows looks first (M25).
    if uv is None or not Path(uv).is_absolute() or _LAYERED in context.environ:
        raise missing.error(path)
    line = [uv, *missing.uv_arguments(sys.executable, context.words)]
    replace_process(line, {**context.environ, _LAYERED: "1"})
