"""Which commands there are. Each family is imported only when one of its commands is asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from mcp_local.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from mcp_local.cli.parser import Command

FAMILIES = {
    "Serve": {"run": ["run"]},
    "Look around": {"demo": ["demo"], "emulator": ["emulator"]},
    "Sign in": {"account": ["login", "logout", "refresh", "whoami", "token"]},
    "Ask and use": {"ask": ["tools", "can"], "use": ["call", "read", "prompt"]},
    "Look after": {"upkeep": ["logs", "settings"]},
}
"""Heading → module of ``mcp_local.cli`` → its commands."""
MODULES = {
    name: module for family in FAMILIES.values() for module in family for name in family[module]
}


def find_command(name: str) -> Command[Any]:
    """Return the command of this name.

    Raises:
        UsageError: there is none; the hint names the nearest.
    """
    if name not in MODULES:
        raise UsageError(f"There is no command {name!r}.", hint=did_you_mean(name, MODULES))
    return _load(MODULES[name])[name]


def overview() -> str:
    """Return the help for the whole program."""
    lines = [
        "usage: mcp-local COMMAND …",
        "",
        "Sign in to Microsoft Entra ID once; let the model see and use only the MCP tools that",
        "your app roles allow, over stdio.",
    ]
    for heading, family in FAMILIES.items():
        lines += ["", f"{heading}:"]
        for module in family:
            lines += [f"  {name:10}{each.summary}" for name, each in _load(module).items()]
    return "\n".join(
        [
            *lines,
            "",
            "Everywhere: --config FILE, --tenant ID, --client-id ID, --verbose, --json, --help.",
            "More about one command: mcp-local COMMAND --help.  To begin with: mcp-local demo",
        ]
    )


def _load(module: str) -> dict[str, Command[Any]]:
    commands: tuple[Command[Any], ...] = importlib.import_module(f"mcp_local.cli.{module}").COMMANDS
    return {command.name: command for command in commands}
