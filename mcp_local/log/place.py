"""Where the log of these settings is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_local.log.writer import Log

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mcp_local.settings.model import Settings


def open_log(settings: Settings, echo: Callable[[str], None] | None = None) -> Log:
    """Return the log of the settings; ``echo`` is given each line too."""
    return Log(log_file(settings), settings.log_level, settings.log_format, echo=echo)


def log_file(settings: Settings) -> Path:
    """Return where the log is."""
    return settings.home / "log" / "mcp-local.jsonl"
