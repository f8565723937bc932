"""Why nothing is served, in the log: many desktop clients hide standard error."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from mcp_local.errors import McpLocalError, SettingsError
from mcp_local.log.place import open_early_log, open_log

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from mcp_local.settings import Settings


@contextmanager
def noting_unserved(
    environ: Mapping[str, str], settings: Settings | None = None
) -> Generator[None]:
    """Write an error of what runs inside to the log, and let it go on to the person.

    Without ``settings``, which may be what is wrong, that is the log of this environment.
    """
    try:
        yield
    except McpLocalError as error:
        with suppress(SettingsError):  # no state folder either
            log = open_log(settings) if settings else open_early_log(environ)
            log.event("not_served", level="error", error=error.code, why=error.message)
        raise
