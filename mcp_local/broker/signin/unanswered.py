"""How a sign-in ends that nobody answered."""

from __future__ import annotations

from mcp_local.broker.authority.refusal import Declined
from mcp_local.broker.state import Problem
from mcp_local.errors import SignInFailed

_MINUTE = 60.0


class NoBrowser(SignInFailed):
    """No browser can be opened here."""

    code = "no_browser"

    def __init__(self) -> None:
        super().__init__(
            "No browser can be opened here.",
            hint="Run `mcp-local login --no-browser` or `mcp-local login --device` in a terminal, "
            "or set signin.fallback = device.",
        )


def timed_out(limit: float) -> Declined:
    """Return the end of a sign-in that had ``limit`` seconds."""
    count, unit = (limit / 60, "minute") if limit > _MINUTE else (limit, "second")
    return Declined(
        Problem(
            "timed_out",
            f"Nobody finished the sign-in within {count:.0f} {unit}{'' if count == 1 else 's'}.",
            "If the page was closed, ask for the sign-in again. If it shows a code of Microsoft's, "
            "`mcp-local explain-error CODE` says what helps; `mcp-local doctor` looks at the apps.",
        )
    )
