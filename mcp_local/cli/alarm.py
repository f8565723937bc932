"""Tells on standard error why a server doesn't serve: many clients keep it as the server's log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

_SAYS: Final = {"policy_broken": "problem", "server_ended": "why", "server_given_up": "why"}
"""Event of the log → the field with the sentence for people."""
_MORE: Final = "More of it: mcp-local logs"
_SHOWN: Final = 12
"""Lines of a server's own standard error, redacted as in the log, that stand beside it."""


def alarm(record: Mapping[str, object]) -> None:
    """Tell an error of the log, where it keeps the server from being served."""
    field = _SAYS.get(str(record["event"]))
    if field is None:
        return
    from mcp_local.cli.console import Console  # noqa: PLC0415 - only a fault pays for it
    from mcp_local.errors import McpLocalError  # noqa: PLC0415

    said = cast("list[object]", record.get("stderr", []))[-_SHOWN:]
    hint = "\n  ".join([*map(str, said), _more(record)])
    Console().error(McpLocalError(str(record[field]), hint=hint))


def _more(record: Mapping[str, object]) -> str:
    """Return what helps, or the command that tells all: of a policy the log has one mistake."""
    if remedy := record.get("remedy"):
        return str(remedy)
    path = record.get("path")
    if not isinstance(path, str) or not path:
        return _MORE
    from mcp_local.cli.shell import shell_line  # noqa: PLC0415 - as above

    return f"All of it: {shell_line(['mcp-local', 'policy', 'check', path])}"
