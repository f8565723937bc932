"""What every command is handed: the console, the environment, and the settings on demand."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mcp_local.settings import load
from mcp_local.settings.keys import PASSPHRASE_VARIABLE
from mcp_local.settings.paths import absolute

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mcp_local.cli.console import Console
    from mcp_local.cli.parser import Arguments
    from mcp_local.settings import Server, Settings


def take_environment() -> dict[str, str]:
    """Return the environment of this process, and take the cache's passphrase out of it.

    A server's code, and what it starts, run in this process or inherit from it: the passphrase is
    none of their business (SECURITY.md M14).
    """
    environ = dict(os.environ)
    os.environ.pop(PASSPHRASE_VARIABLE, None)
    return environ


@dataclass(frozen=True, slots=True)
class Context:
    """One run of the command line."""

    console: Console
    environ: Mapping[str, str] = field(repr=False)  # may hold the passphrase
    words: Sequence[str]
    """The command line, as it was given."""

    def settings(self, arguments: Arguments) -> Settings:
        """Load the settings under these arguments; warn of what was read in vain.

        Raises:
            SettingsError: something in them can't be.
        """
        return self.load(arguments.overrides())

    def load(self, given: Mapping[str, str | None]) -> Settings:
        """Load the settings under what was given in their place; warn of what was read in vain.

        Raises:
            SettingsError: something in them can't be.
        """
        settings = load(given, self.environ, argv_flags=tuple(as_flags(given)))
        for warning in settings.warnings:
            self.console.warn(warning)
        return settings


def given_for(server: Server, given: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return what holds in place of settings for one server: its own tenant and account, too."""
    own = {"tenant": server.tenant, "account": server.account}
    return dict(given) | {
        name: value for name, value in own.items() if value and not given.get(name)
    }


def global_flags(arguments: Arguments) -> list[str]:
    """Return the flags that start another process of ours with the same settings."""
    return as_flags(arguments.overrides())


def as_flags(given: Mapping[str, str | None]) -> list[str]:
    """Return what was given in place of settings as words of a command line."""
    config = given.get("config")
    flags = {
        "--config": str(absolute(config)) if config else None,
        "--tenant": given.get("tenant"),
        "--client-id": given.get("client_id"),
        "--account": given.get("account"),
    }
    return [word for flag, value in flags.items() if value is not None for word in (flag, value)]
