"""Which commands there are. Each family is imported only when one of its commands is asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from mcp_local.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from mcp_local.cli.parser import Command

FAMILIES = {
    "Serve": ("run", ["run"]),
    "Look around": ("demo", ["demo", "emulator"]),
    "Sign in": ("account", ["login", "logout", "refresh", "whoami", "token"]),
    "Ask and use": ("use", ["tools", "can", "call", "read", "prompt"]),
    "Look after": ("upkeep", ["logs", "settings"]),
}
"""Heading → (module of ``mcp_local.cli``, its commands)."""


def find_command(name: str) -> Command[Any]:
    """Return the command of this name.

    Raises:
        UsageError: there is none; the hint names the nearest.
    """
    for module, names in FAMILIES.values():
        if name in names:
            return _load(module)[name]
    known = [each for _, names in FAMILIES.values() for each in names]
    raise UsageError(f"There is no command {name!r}.", hint=did_you_mean(name, known))


def overview() -> str:
    """Return the help for the whole program."""
    lines = [
        "usage: mcp-local COMMAND …",
        "",
        "Sign in to Microsoft Entra ID once; let the model see and use only the MCP tools that",
        "your app roles allow, over stdio.",
    ]
    for heading, (module, names) in FAMILIES.items():
        commands = _load(module)
        lines += ["", f"{heading}:"]
        lines += [f"  {name:10}{commands[name].summary}" for name in names]
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
