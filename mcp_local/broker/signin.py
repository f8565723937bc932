"""The sign-in process: the same code for ``mcp-local login`` and for the one that servers start.

It holds the machine-wide sign-in lock, asks the person (browser or device code), and writes the
result for every instance to adopt (DESIGN.md 3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mcp_local.broker.state import SignInState
    from mcp_local.identity.model import VerifiedToken
    from mcp_local.log import Log
    from mcp_local.settings import Settings, SignInMethod


def run_sign_in(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    log: Log,
    announce: Callable[[SignInState], None],
    method: SignInMethod | None = None,
    open_browser: bool = True,
    port: int = 0,
    timeout: float | None = None,
    background: bool = False,
    result_fd: int | None = None,
) -> VerifiedToken:
    """Sign the person in, or adopt the result of the sign-in that is already under way.

    ``method`` is ``browser`` or ``device``, by default what the settings say. With
    ``open_browser=False`` the person opens ``state.start_url`` themselves. ``port`` is the
    listener's (0: any). ``timeout`` is in seconds, by default that of the settings.
    ``background`` is for processes that servers start: they adopt what is already there and keep
    to the limit on prompts. ``result_fd`` hands the result to the starting server, whose storage
    is memory only. ``announce`` is called with each state that the person should see.

    Raises:
        SettingsError: what a sign-in needs isn't set, or nothing could keep its result.
        SignInFailed: it ended without an account: declined, timed out, refused by the authority.
        Unreachable: the authority doesn't answer.
        KeyboardInterrupt: the person, or a SIGTERM, ended it; the state says so.
    """
    raise NotImplementedError


def run_refresh(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    log: Log,
    force: bool = False,
    result_fd: int | None = None,
) -> VerifiedToken:
    """Renew the token without a person; ``force`` asks the authority even when it is still good.

    Raises:
        SignInNeeded: only a person can help; the state says why.
        Unreachable: the authority doesn't answer; the state says when to try again.
    """
    raise NotImplementedError
