"""Somebody on a Linux desktop: a home folder with a settings file, and no variable of ours."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from mcp_local.emulator import Emulator


class Person:
    """A home, and what processes started there have in their environment."""

    def __init__(
        self, home: Path, emulator: Emulator, user: str, *, cache_key: str = "auto"
    ) -> None:
        self.desktop = {
            "HOME": str(home),
            "LOGNAME": user,
            "PATH": os.environ["PATH"],
            "SHELL": "/bin/sh",
            "TERM": "dumb",
            "USER": user,
        } | {name: os.environ[name] for name in os.environ if name.startswith("COVERAGE_")}
        """What desktop clients hand on: no display, no bus, no proxy (CLIENTS.md 8)."""
        self.terminal = self.desktop | {"BROWSER": emulator.environment(user)["BROWSER"]}
        """The same, with a browser in which ``user`` signs in."""
        self.state = home / ".local" / "state" / "mcp-local"
        settings = home / ".config" / "mcp-local" / "config.toml"
        settings.parent.mkdir(parents=True)
        settings.write_text(
            f'tenant = "{emulator.tenant_id}"\n'
            f'client_id = "{emulator.client_id}"\n'
            f'api = "{emulator.api_id}"\n'
            f'authority = "{emulator.authority}"\n'
            f'ca_file = "{emulator.ca_file}"\n'
            f'cache.key = "{cache_key}"\n',
            encoding="utf-8",
        )
