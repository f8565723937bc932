"""Where the log of these settings is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_local.log.writer import Log
from mcp_local.settings.paths import home_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from mcp_local.settings.model import Settings


def open_log(
    settings: Settings,
    echo: Callable[[str], None] | None = None,
    alarm: Callable[[Mapping[str, object]], None] | None = None,
) -> Log:
    """Return the log of the settings; ``echo`` is given each line too, ``alarm`` each error."""
    file = log_file(settings)
    return Log(file, settings.log_level, settings.log_format, echo=echo, alarm=alarm)


def open_early_log(environ: Mapping[str, str]) -> Log:
    """Return the log of an environment, for what goes wrong before there are settings.

    Raises:
        SettingsError: the state folder can't be named.
    """
    return Log(early_log_file(environ))


def early_log_file(environ: Mapping[str, str]) -> Path:
    """Return where that log is.

    Raises:
        SettingsError: the state folder can't be named.
    """
    return _file_in(home_folder(environ)[0])


def log_file(settings: Settings) -> Path:
    """Return where the log is."""
    return _file_in(settings.home)


def _file_in(home: Path) -> Path:
    return home / "log" / "mcp-local.jsonl"
