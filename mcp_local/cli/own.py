"""``mcp_local.run``: the command line's edge for a program that serves its own server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcp_local.cli.console import Console
from mcp_local.cli.context import Context, take_environment
from mcp_local.cli.main import at_edge
from mcp_local.cli.run import serve_own
from mcp_local.policy.load import PRESET

if TYPE_CHECKING:
    from fastmcp import FastMCP

    from mcp_local.policy.building.builder import Policy


def run_own(server: FastMCP[Any], policy: Policy | Path | str) -> None:
    """Serve it until the client leaves.

    Raises:
        TargetError: the program isn't run but imported, to be served by ``mcp-local run``.
        SystemExit: it couldn't be served.
    """
    from mcp_local.guard.loading import refuse_while_loading  # noqa: PLC0415 - start-up

    refuse_while_loading()
    console = Console()
    context = Context(console, take_environment(), sys.argv[1:])
    own = str(_beside_program(policy)) if isinstance(policy, str | Path) else policy
    program = _program()
    called = str(program.resolve()) if program else server.name
    if code := at_edge(console, lambda: serve_own(server, own, context, called)):
        raise SystemExit(int(code))


def _beside_program(policy: Path | str) -> Path | str:
    """Return the path, relative to the program: a desktop client's folder is anybody's guess."""
    if not str(policy) or str(policy).startswith(PRESET):
        return policy
    program = _program()
    return (program.parent if program else Path.cwd()).resolve() / policy


def _program() -> Path | None:
    """Return the file that runs; ``None`` where there is none, as in an interactive session."""
    file = getattr(sys.modules["__main__"], "__file__", None)
    return Path(file) if file else None
