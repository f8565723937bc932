"""The clients that are known, and where each keeps its configuration.

The one place for their names, words and paths: these change with their versions.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mcp_local.desktop.model import DesktopClient, Format, Place, Scope, Shape
from mcp_local.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TYPED: Final = Shape(constant={"type": "stdio"})

CLIENTS: Final = (
    DesktopClient("claude-desktop", "Claude Desktop", restart="Quit it fully and start it again."),
    DesktopClient(
        "claude-code",
        "Claude Code",
        _TYPED,
        restart="Start a new session; `claude mcp list` shows it.",
        start_limit=30.0,
    ),
    DesktopClient(
        "vscode",
        "Visual Studio Code",
        _TYPED,
        restart="Open the Command Palette, `MCP: List Servers`, and start it there.",
        comments=True,
    ),
    DesktopClient("cursor", "Cursor", restart="Switch it on under Settings, MCP.", comments=True),
    DesktopClient(
        "windsurf",
        "Windsurf",
        Shape(url=("serverUrl", "url")),
        restart="Press Refresh under Settings, Cascade, MCP servers.",
    ),
    DesktopClient(
        "codex",
        "Codex CLI",
        Shape(remote_only=("http_headers", "bearer_token_env_var", "env_http_headers")),
        restart="Start a new session; `codex mcp list` shows it.",
        start_limit=10.0,
    ),
    DesktopClient(
        "gemini",
        "Gemini CLI",
        Shape(url=("httpUrl", "url")),
        restart="Start a new session, in a folder that it trusts; `gemini mcp list` shows it.",
        comments=True,
    ),
    DesktopClient(
        "goose",
        "Goose",
        Shape(
            command="cmd",
            env="envs",
            url=("uri",),
            constant={"type": "stdio"},
            initial={"enabled": True, "timeout": 300},
            named=True,
        ),
        restart="Start a new session.",
    ),
    DesktopClient("zed", "Zed", restart="It takes the change by itself.", comments=True),
    DesktopClient("generic", "mcp.json", restart="Restart the client that reads it."),
)
BY_ID: Final = {client.id: client for client in CLIENTS}


def find_client(name: str) -> DesktopClient:
    """Return the client of that id.

    Raises:
        UsageError: none is known by it; the hint names the nearest.
    """
    client = BY_ID.get(name.lower())
    if client is None:
        raise UsageError(f"No client is known as {name!r}.", hint=did_you_mean(name, BY_ID))
    return client


def places(client: DesktopClient, environ: Mapping[str, str], folder: Path) -> list[Place]:
    """Return where the client keeps its servers, the place that is written to first.

    Workspace files, and what is local, belong to ``folder``. The files needn't be there.
    """
    folders = _folders(environ, folder)
    found = [
        Place(root / path, (keys,), Scope.WORKSPACE if base is Base.WORKSPACE else Scope.USER, kind)
        for base, path, keys, kind in _PLACES[client.id]
        for root in folders[base]
    ]
    if client.id == "claude-code":
        local = ("projects", folder.as_posix(), found[0].keys[0])
        found.append(Place(found[0].path, local, Scope.LOCAL))
    return found


def clients_here(environ: Mapping[str, str], folder: Path) -> list[DesktopClient]:
    """Return the clients whose own configuration, or the folder for it, is on this machine."""
    shared = {path for paths in _folders(environ, folder).values() for path in paths}

    def is_here(place: Place) -> bool:
        beside = place.path.parent
        return place.path.exists() or (beside not in shared and beside.is_dir())

    return [
        client
        for client in CLIENTS
        if any(
            is_here(each) for each in places(client, environ, folder) if each.scope is Scope.USER
        )
    ]


class Base(StrEnum):
    """Folders in which programs keep their settings."""

    HOME = "home"
    SETTINGS = "settings"
    """The system's place: AppData, Application Support, or ``~/.config``."""
    DOT_CONFIG = "dot_config"
    """``~/.config`` on macOS too; AppData on Windows."""
    WORKSPACE = "workspace"
    CLAUDE_CODE = "claude_code"
    CODEX = "codex"
    CLAUDE_PACKAGE = "claude_package"
    """The private folders of Claude's Windows-store build, which hides AppData from others."""


_WINDOWS: Final = sys.platform == "win32"
_PLACES: Final[Mapping[str, Sequence[tuple[Base, str, str, Format]]]] = {
    "claude-desktop": (
        # A store build never reads the ordinary folder: where there is one, it comes first.
        (Base.CLAUDE_PACKAGE, "claude_desktop_config.json", "mcpServers", Format.JSON),
        (Base.SETTINGS, "Claude/claude_desktop_config.json", "mcpServers", Format.JSON),
    ),
    "claude-code": (
        (Base.CLAUDE_CODE, ".claude.json", "mcpServers", Format.JSON),
        (Base.WORKSPACE, ".mcp.json", "mcpServers", Format.JSON),
    ),
    "vscode": (
        (Base.SETTINGS, "Code/User/mcp.json", "servers", Format.JSON),
        (Base.WORKSPACE, ".vscode/mcp.json", "servers", Format.JSON),
    ),
    "cursor": (
        (Base.HOME, ".cursor/mcp.json", "mcpServers", Format.JSON),
        (Base.WORKSPACE, ".cursor/mcp.json", "mcpServers", Format.JSON),
    ),
    "windsurf": ((Base.HOME, ".codeium/windsurf/mcp_config.json", "mcpServers", Format.JSON),),
    "codex": (
        (Base.CODEX, "config.toml", "mcp_servers", Format.TOML),
        (Base.WORKSPACE, ".codex/config.toml", "mcp_servers", Format.TOML),
    ),
    "gemini": (
        (Base.HOME, ".gemini/settings.json", "mcpServers", Format.JSON),
        (Base.WORKSPACE, ".gemini/settings.json", "mcpServers", Format.JSON),
    ),
    "goose": (
        (
            Base.DOT_CONFIG,
            "Block/goose/config/config.yaml" if _WINDOWS else "goose/config.yaml",
            "extensions",
            Format.YAML,
        ),
    ),
    "zed": (
        (
            Base.DOT_CONFIG,
            "Zed/settings.json" if _WINDOWS else "zed/settings.json",
            "context_servers",
            Format.JSON,
        ),
        (Base.WORKSPACE, ".zed/settings.json", "context_servers", Format.JSON),
    ),
    "generic": ((Base.WORKSPACE, ".mcp.json", "mcpServers", Format.JSON),),
}


def _folders(environ: Mapping[str, str], workspace: Path) -> Mapping[Base, Sequence[Path]]:
    """Return the folders that each base stands for; packages may be several, or none."""
    home = Path.home()
    dot_config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    settings, packages = dot_config, list[Path]()
    if sys.platform == "darwin":
        settings, dot_config = home / "Library" / "Application Support", home / ".config"
    elif sys.platform == "win32":
        settings = dot_config = Path(environ.get("APPDATA") or home / "AppData" / "Roaming")
        local = Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
        packages = sorted((local / "Packages").glob("Claude_*"))
    return {
        Base.HOME: [home],
        Base.SETTINGS: [settings],
        Base.DOT_CONFIG: [dot_config],
        Base.WORKSPACE: [workspace],
        Base.CLAUDE_CODE: [Path(environ.get("CLAUDE_CONFIG_DIR") or home)],
        Base.CODEX: [Path(environ.get("CODEX_HOME") or home / ".codex")],
        Base.CLAUDE_PACKAGE: [each / "LocalCache" / "Roaming" / "Claude" for each in packages],
    }
