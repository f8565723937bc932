"""Where state and settings live on this system."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mcp_local.errors import SettingsError
from mcp_local.settings.keys import BY_DEFAULT, CONFIG_VARIABLE, HOME_VARIABLE
from mcp_local.settings.model import Provenance, Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.settings.model import Settings

APP = "mcp-local"
FILE_NAME = "config.toml"


class ManagedFile(NamedTuple):
    """Where the machine's administrator puts settings that outrank everything."""

    path: Path
    owner: int = 0
    """User id that must own it (POSIX); others could put words into the administrator's mouth."""


def home_folder(environ: Mapping[str, str]) -> tuple[Path, Provenance]:
    """Return the state folder: ``MCP_LOCAL_HOME``, else the system's place for user state."""
    if override := environ.get(HOME_VARIABLE, ""):
        return absolute(override), Provenance(Source.ENVIRONMENT, HOME_VARIABLE)
    if sys.platform == "win32":  # desktop clients' packages hide AppData from terminals
        return Path.home() / ".mcp-local", BY_DEFAULT
    from platformdirs import user_state_path  # noqa: PLC0415 - start-up: not with an override

    return user_state_path(APP, appauthor=False), BY_DEFAULT


def config_path(environ: Mapping[str, str]) -> tuple[Path, Provenance]:
    """Return the settings file: ``MCP_LOCAL_CONFIG``, else ``config.toml``.

    With ``MCP_LOCAL_HOME`` it lies there too, so that one variable makes a set-up of its own.
    """
    if override := environ.get(CONFIG_VARIABLE, ""):
        return absolute(override), Provenance(Source.ENVIRONMENT, CONFIG_VARIABLE)
    if environ.get(HOME_VARIABLE) or sys.platform == "win32":
        folder, place = home_folder(environ)
        return folder / FILE_NAME, place
    from platformdirs import user_config_path  # noqa: PLC0415 - start-up, as above

    return user_config_path(APP, appauthor=False) / FILE_NAME, BY_DEFAULT


def managed_file() -> ManagedFile:
    """Return the place of the managed settings file on this system, whatever the environment."""
    if sys.platform == "win32":
        from mcp_local.settings.owner_windows import program_data  # noqa: PLC0415 - only there

        return ManagedFile(program_data() / APP / FILE_NAME)
    if sys.platform == "darwin":
        return ManagedFile(Path("/Library/Application Support", APP, FILE_NAME))
    return ManagedFile(Path("/etc", APP, FILE_NAME))


def absolute(text: str, base: Path | None = None) -> Path:
    """Return the path made absolute from ``base``; ``~`` is the person's home folder.

    Without ``base`` it is taken from the working folder.

    Raises:
        SettingsError: it is relative to a working folder that was deleted.
    """
    path = Path(os.path.expanduser(text))  # noqa: PTH111 - Path.expanduser raises for `~nobody`
    if path.is_absolute():
        return path
    try:
        return (base or Path.cwd()) / path
    except FileNotFoundError:
        raise SettingsError(
            f"{text} is relative, and the working folder is gone.",
            hint="Start from a folder that is there, or give the whole path.",
        ) from None


def profile_dir(settings: Settings) -> Path:
    """Return the folder of what is kept for this (authority, tenant, client).

    Its name is the authority's host, to be recognised, and a hash, to be unique.
    """
    from hashlib import sha256  # noqa: PLC0415 - start-up: settings are read before it is needed

    parts = (settings.authority, settings.tenant, settings.client_id)
    digest = sha256("\n".join(parts).lower().encode()).hexdigest()[:12]
    host = settings.authority.removeprefix("https://").partition("/")[0]
    readable = "".join(char if char.isalnum() or char == "." else "-" for char in host.lower())
    return settings.home / "profiles" / f"{readable or 'none'}-{digest}"
