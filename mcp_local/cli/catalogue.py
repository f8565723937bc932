"""Which commands there are. Each family is imported only when one of its commands is asked for.

A command's name is one word, or two where the first is a group: ``policy check``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from mcp_local.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from mcp_local.cli.parser import Command

FAMILIES = {
    "Serve": {"run": ["run"]},
    "Look around": {"demo": ["demo"], "emulator": ["emulator"]},
    "Set up": {"init": ["init"]},
    "Sign in": {"account": ["login", "logout", "refresh", "whoami", "token"]},
    "Ask and use": {"ask": ["tools", "can"], "use": ["call", "read", "prompt"]},
    "Write policies": {
        "policy.check": ["policy check"],
        "policy.explain": ["policy explain"],
        "policy.matrix": ["policy matrix"],
        "policy.cases": ["policy test"],
        "policy.diff": ["policy diff"],
        "policy.init": ["policy init"],
        "policy.export": ["policy export"],
        "policy.schema": ["policy schema"],
    },
    "Approve servers": {"pin": ["pin show", "pin approve", "pin reset"]},
    "In clients": {"install": ["install"], "desktop": ["uninstall", "guard", "unguard"]},
    "In Entra ID": {
        "app": ["app az", "app bicep", "app terraform", "app graph", "app manifest", "app check"]
    },
    "Look after": {
        "doctor": ["doctor"],
        "upkeep": ["logs", "settings"],
        "explain_error": ["explain-error"],
        "completion": ["completion"],
    },
}
"""Heading → module of ``mcp_local.cli`` → its commands."""
MODULES = {
    name: module for family in FAMILIES.values() for module in family for name in family[module]
}
GROUPS = frozenset(name.split()[0] for name in MODULES if " " in name)
"""Words that want another after them."""

_WIDTH = max(map(len, MODULES)) + 2


def find_command(name: str) -> Command[Any]:
    """Return the command of this name.

    Raises:
        UsageError: there is none; the hint names the nearest.
    """
    if name in GROUPS:
        raise UsageError(
            f"{name!r} needs a word after it.", hint=f"Known are: {', '.join(_words(name))}."
        )
    if name not in MODULES:
        group, _, word = name.partition(" ")
        known = _words(group) if word else [*GROUPS, *(n for n in MODULES if " " not in n)]
        hint = did_you_mean(word or name, known)
        raise UsageError(f"There is no command {name!r}.", hint=hint)
    return _load(MODULES[name])[name]


def group_overview(group: str) -> str:
    """Return the help for the commands of one group."""
    names = [name for name in MODULES if name.split()[0] == group]
    width = max(map(len, names)) + 2
    lines = [f"  {name:{width}}{find_command(name).summary}" for name in names]
    more = f"More about one: mcp-local {names[0]} --help"
    return "\n".join([f"usage: mcp-local {group} COMMAND …", "", *lines, "", more])


def _words(group: str) -> list[str]:
    """Return what may stand after the group's name."""
    return [name.split()[1] for name in MODULES if name.split()[0] == group]


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
            lines += [f"  {name:{_WIDTH}}{each.summary}" for name, each in _load(module).items()]
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
