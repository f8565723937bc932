"""Where state and settings live on this system, as paths with the place that named them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mcp_local import places
from mcp_local.errors import SettingsError
from mcp_local.settings.keys import BY_DEFAULT
from mcp_local.settings.model import Provenance, Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.settings.model import Settings


class ManagedFile(NamedTuple):
    """Where the machine's administrator puts settings that outrank everything."""

    path: Path
    owner: int = 0
    """User id that must own it (POSIX); others could put words into the administrator's mouth."""


def home_folder(environ: Mapping[str, str]) -> tuple[Path, Provenance]:
    """Return the state folder: ``MCP_LOCAL_HOME``, else the system's place for user state."""
    return _with_place(*places.home_folder(environ))


def config_path(environ: Mapping[str, str]) -> tuple[Path, Provenance]:
    """Return the settings file: ``MCP_LOCAL_CONFIG``, else ``config.toml``."""
    return _with_place(*places.config_file(environ))


def _with_place(path: str, variable: str) -> tuple[Path, Provenance]:
    place = Provenance(Source.ENVIRONMENT, variable) if variable else BY_DEFAULT
    return absolute(path), place


def managed_file() -> ManagedFile:
    """Return the place of the managed settings file on this system, whatever the environment."""
    return ManagedFile(Path(places.managed_file()))


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
