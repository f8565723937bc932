"""A server as desktop clients' configurations hold it, whatever each client's words for it are."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Format(StrEnum):
    """The language of a configuration file."""

    JSON = "JSON"
    """With comments and trailing commas, where the client allows them."""
    TOML = "TOML"
    YAML = "YAML"


class Scope(StrEnum):
    """Whose configuration it is."""

    USER = "user"
    WORKSPACE = "workspace"
    LOCAL = "local"
    """The person's own for one folder: what `claude mcp add` writes unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One server: a command to start, or an address to reach."""

    command: str = ""
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """May hold secrets of the server's own: never shown."""
    cwd: str = ""
    url: str = ""
    has_headers: bool = False
    """Whether the client sends headers of its own to ``url``; they are often secrets."""

    @property
    def line(self) -> tuple[str, ...]:
        """The command with its arguments."""
        return (self.command, *self.args)


@dataclass(frozen=True, slots=True)
class Shape:
    """The words a client uses for an entry."""

    command: str = "command"
    env: str = "env"
    url: tuple[str, ...] = ("url",)
    """Any of these; the first is written."""
    constant: Mapping[str, object] = field(default_factory=dict[str, object])
    """What a command's entry always says, like ``type: stdio``."""
    initial: Mapping[str, object] = field(default_factory=dict[str, object])
    """What a new entry says beside it; the person may change it afterwards."""
    remote_only: tuple[str, ...] = ("headers", "type")
    """What makes no sense for a command, and is dropped when an address becomes one."""
    named: bool = False
    """The entry repeats its own name under ``name``."""


@dataclass(frozen=True, slots=True)
class Place:
    """One configuration file of a client on this machine."""

    path: Path
    keys: tuple[str, ...]
    """The way to the table of servers: ``("mcpServers",)``."""
    scope: Scope
    format: Format = Format.JSON


@dataclass(frozen=True, slots=True)
class DesktopClient:
    """One desktop client."""

    id: str
    """What one types: ``claude-desktop``."""
    title: str
    shape: Shape = Shape()
    restart: str = "Restart it to see the change."
    """What the person does afterwards."""
    start_limit: float = 60.0
    """Seconds it waits for ``initialize`` (CLIENTS.md)."""
    comments: bool = False
    """Whether it reads JSON with comments and trailing commas; others give the whole file up."""
