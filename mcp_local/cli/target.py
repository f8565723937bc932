"""What commands about a server take, and which server that is. On the way of ``run``: light."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_local.cli.context import given_for
from mcp_local.cli.parser import Arguments
from mcp_local.cli.pass_env import check_pass_env, declare_pass_env
from mcp_local.guard.relay.environment import passed
from mcp_local.guard.target import has_script_block
from mcp_local.targets import WrappedTarget, find_target

if sys.platform == "win32":
    from mcp_local.cli.replace_windows import replace_process
else:
    from mcp_local.cli.replace_posix import replace_process

if TYPE_CHECKING:
    from mcp_local.cli.context import Context
    from mcp_local.cli.parser import Parser
    from mcp_local.settings import Settings
    from mcp_local.targets import Target

_API = "app of a remote server's API, whose token it is sent"
_LAYERED = "_MCP_LOCAL_LAYERED"
"""Set in a process that ``uv`` started in our place, so that it isn't done twice."""


class TargetArguments(Arguments):
    """What all commands about a server take."""

    takes_command = True
    target: str | None
    policy: str | None
    account: str | None
    api: str | None = None
    pass_env: list[str]

    def overrides(self) -> dict[str, str | None]:
        """Return what was given in place of settings."""
        return super().overrides() | {"policy": self.policy, "account": self.account}


def declare_target(parser: Parser, *, api: str = _API, without: str = "the sample server") -> None:
    """Add the arguments of :class:`TargetArguments`.

    ``api`` is the help of that flag; ``without`` what it is about where no TARGET is given.
    """
    parser.add_argument(
        "target",
        nargs="?",
        metavar="TARGET",
        help="FILE.py[:OBJECT], https://…, a name under [servers], or -- COMMAND ARG…; "
        f"left out: {without}",
    )
    parser.declare_policy()
    parser.declare_account()
    parser.add_argument("--api", metavar="ID", help=api)
    declare_pass_env(parser)


def target_settings(arguments: TargetArguments, context: Context) -> Settings:
    """Load the settings; what ``[servers.NAME]`` says of tenant and account holds for its target.

    Raises:
        SettingsError: something in them can't be.
    """
    settings = context.settings(arguments)
    server = settings.servers.get(arguments.target or "")
    if server is None or not (server.tenant or server.account):
        return settings
    return context.load(given_for(server, arguments.overrides()))


def find_named(arguments: TargetArguments, settings: Settings) -> Target:
    """Return the target that the command line names, with the variables that it is handed.

    Raises:
        TargetError: it means nothing that can be served.
        UsageError: such a variable is handed to nobody, or may not be.
    """
    check_pass_env(arguments.pass_env, arguments.command)
    api = arguments.api or ""
    target = find_target(arguments.target, settings, Path.cwd(), arguments.command, api=api)
    if not arguments.pass_env or not isinstance(target, WrappedTarget):
        return target
    return replace(target, server=replace(target.server, env=passed(arguments.pass_env)))


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
