"""What a person is told while a sign-in is under way."""

from __future__ import annotations

import getpass
import platform
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mcp_local.broker.state import Phase

if TYPE_CHECKING:
    from mcp_local.broker.state import SignInState
    from mcp_local.cli.console import Console


class Announcer:
    """Tells each state once."""

    def __init__(self, console: Console, *, no_browser: bool, quiet: bool) -> None:
        self._console = console
        self._no_browser = no_browser
        self._quiet = quiet
        self._told = ""

    def tell(self, state: SignInState) -> None:
        """Say what the person has to do in this state."""
        text = self._words(state)
        if text and text != self._told and not self._quiet:
            self._told = text
            self._console.note(text)

    def _words(self, state: SignInState) -> str:
        if state.phase is Phase.WAITING_FOR_WINDOW:
            return "Your system asks which account to use, in a window of its own. Waiting for you."
        if state.problem is not None and state.problem.code == "timed_out":
            return f"{state.problem.message} {state.problem.hint}"
        if state.phase is Phase.WAITING_FOR_DEVICE_CODE and state.user_code:
            return (
                f"To sign in to mcp-local, open {state.verification_uri} on any device and enter "
                f"the code {state.user_code}\n"
                "Enter only a code that you asked for yourself, as just now: one that somebody "
                "sent you would sign them in as you."
            )
        if state.phase is not Phase.WAITING_FOR_BROWSER or not state.start_url:
            return ""
        if not self._no_browser:
            instead = f"{state.problem.message}\n" if state.problem else ""
            return (
                f"{instead}Your browser opens for the sign-in. If it doesn't, go to\n"
                f"  {state.start_url}\n"
                "Waiting for you; Ctrl-C gives up."
            )
        port = urlsplit(state.start_url).port
        there = f"{_user()}@{platform.node() or 'this-machine'}"
        return (
            "Open this address in a browser on this machine:\n"
            f"  {state.start_url}\n"
            "On another machine, first let the answer find its way back with\n"
            f"  ssh -L {port}:localhost:{port} {there}\n"
            "Waiting for you; Ctrl-C gives up."
        )


def _user() -> str:
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # a container's user is often a number without a name
        return "you"
