"""Microsoft Entra ID sign-in and app-role authorization for MCP servers over stdio.

For server authors::

    import mcp_local

    @mcp.tool(auth=mcp_local.require_role("Admin"))
    def tidy_up() -> str: ...

    if __name__ == "__main__":
        mcp_local.run(mcp, policy="policy.yaml")
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing itself takes its time, and every start imports this
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from fastmcp import FastMCP

    from mcp_local.guard.roles import (
        current_user,
        require_all_roles,
        require_any_role,
        require_role,
    )
    from mcp_local.guard.step_up import ClaimsNeeded, token_for
    from mcp_local.identity.model import Identity
    from mcp_local.policy.building.builder import Policy
    from mcp_local.policy.served import add_policy, reload_policies, remove_policy

__all__ = [
    "ClaimsNeeded",
    "Identity",
    "add_policy",
    "current_user",
    "reload_policies",
    "remove_policy",
    "require_all_roles",
    "require_any_role",
    "require_role",
    "run",
    "token_for",
]


def run(mcp: FastMCP[Any], *, policy: Policy | Path | str = "") -> None:
    """Serve ``mcp``, guarded, on standard input and output until the client leaves.

    ``policy`` is a policy file or folder, relative to the program's own file, or a policy made in
    Python (:class:`mcp_local.policy.Policy`); left out: the one of
    the settings. Settings come from the environment and the settings file, as for ``mcp-local
    run``. What goes wrong is told on standard error, with the command that helps.

    Raises:
        SystemExit: it couldn't be served; with the exit codes of ``mcp-local``.
    """
    from mcp_local.cli.own import run_own  # noqa: PLC0415 - everything imports this package

    run_own(mcp, policy)


_HOMES = {
    "ClaimsNeeded": "guard.step_up",
    "Identity": "identity.model",
    "add_policy": "policy.served",
    "reload_policies": "policy.served",
    "remove_policy": "policy.served",
    "token_for": "guard.step_up",
}


def __getattr__(name: str) -> object:
    # Imported when first used: every module of this package imports this one.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - as above

    home = _HOMES.get(name, "guard.roles")
    return getattr(import_module(f"{__name__}.{home}"), name)
