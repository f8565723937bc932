"""The operating system's account broker (WAM, Company Portal, Intune), as MSAL speaks to it.

MSAL itself stays in ``broker.entra``; here is what it is asked for, and what its errors mean
(ENTRA.md 6).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Final, Protocol, TypedDict, TypeVar

from mcp_local.broker.authority.msal_answers import ask
from mcp_local.broker.authority.problems import code_of, problem_from
from mcp_local.broker.authority.refusal import (
    AuthorityDown,
    Blocked,
    Declined,
    InteractionNeeded,
    refusal as of_authority,
)
from mcp_local.broker.state import Problem
from mcp_local.errors import SettingsError, SignInFailed
from mcp_local.origin import install_hint
from mcp_local.settings.model import SignInMethod

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mcp_local.broker.authority.flows import Wishes
    from mcp_local.errors import McpLocalError
    from mcp_local.settings.model import Settings

T = TypeVar("T")

_STATUS: Final = re.compile(r"Status: (?:[\w.]*\.)?Status_(\w+)")
"""MSAL tells the broker's status only in a text."""
_CANCELLED: Final = frozenset({"UserCanceled", "ApplicationCanceled"})
_AWAY: Final = frozenset(
    {"NoNetwork", "NetworkTemporarilyUnavailable", "ServerTemporarilyUnavailable", "TransientError"}
)
_WANTS_PERSON: Final = frozenset({"InteractionRequired", "AccountUnusable"})
_CANCEL: Final = Problem("cancelled", "The sign-in was cancelled.", "Start it again.")


class Options(TypedDict):
    """MSAL's switches, by its own names."""

    enable_broker_on_windows: bool
    enable_broker_on_mac: bool
    enable_broker_on_linux: bool
    enable_broker_on_wsl: bool


class Interactive(Protocol):
    """What is used of MSAL's application."""

    CONSOLE_WINDOW_HANDLE: object

    def acquire_token_interactive(self, scopes: list[str], **wishes: object) -> dict[str, object]:
        """Sign somebody in."""
        ...


class NoAccountBroker(SignInFailed):
    """No account broker runs here; the browser takes its place."""

    code: ClassVar[str] = "no_account_broker"

    def __init__(self) -> None:
        super().__init__(
            "The operating system's account broker isn't available here; the browser is used.",
            hint="It needs Windows 10, macOS on Apple silicon with Company Portal, or Linux with "
            "Intune. To stop this word, set signin.method = browser.",
        )


def options(settings: Settings) -> Options:
    """Return the switches for the brokers of all systems; off, unless the settings say so.

    MSAL picks that of the system it runs on.
    """
    wanted = settings.signin.method is SignInMethod.BROKER
    return Options(
        enable_broker_on_windows=wanted,
        enable_broker_on_mac=wanted,
        enable_broker_on_linux=wanted,
        enable_broker_on_wsl=wanted,
    )


def call(speak: Callable[[], T], settings: Settings) -> T:
    """Call MSAL where it may speak to the broker.

    Raises:
        SettingsError: the package for it isn't installed, or the app's registration lacks the
            broker's redirect URI.
        AuthorityDown: it stumbles over an answer.
    """
    try:
        return ask(lambda: _without_mistakes(speak, settings))
    except ImportError:
        raise SettingsError(
            "`signin.method` is `broker`, and what speaks to the operating system's account broker "
            "isn't installed.",
            hint=f"{install_hint('broker')} Or set signin.method (MCP_LOCAL_SIGN_IN) to `browser`.",
        ) from None


def ask_in_window(
    app: Interactive, wishes: Wishes, shown: Callable[[], None], settings: Settings
) -> dict[str, object]:
    """Have the broker sign somebody in; ``shown`` is called when it opens a window.

    Raises:
        NoAccountBroker: MSAL would take a browser instead.
        SettingsError, AuthorityDown: as :func:`call`.
    """

    def opens(ui: str = "", **_: object) -> None:
        if ui != "broker":  # MSAL's own listener is none for us (SECURITY.md, "wrong", 2)
            raise NoAccountBroker
        shown()

    return call(
        lambda: app.acquire_token_interactive(
            list(wishes.scopes),
            prompt=wishes.prompt or None,
            login_hint=wishes.login_hint or None,
            claims_challenge=wishes.claims or None,
            parent_window_handle=app.CONSOLE_WINDOW_HANDLE,
            on_before_launching_ui=opens,
        ),
        settings,
    )


def refusal(result: Mapping[str, object]) -> McpLocalError:
    """Turn an error of the authority or the broker into the exception to be raised."""
    if result.get("error") != "broker_error":
        return of_authority(result)
    text = result.get("error_description")
    found = _STATUS.search(text) if isinstance(text, str) else None
    status = found[1] if found else ""
    if status in _CANCELLED:
        return Declined(_CANCEL)
    if status in _AWAY:
        return AuthorityDown(
            "The operating system's account broker can't reach the authority.",
            hint="Check the network, then try again.",
        )
    if status in _WANTS_PERSON and code_of(result) is None:
        return InteractionNeeded(
            Problem("interaction_required", "The authority wants to see you again.", "Sign in.")
        )
    return Blocked(problem_from(result))


def _without_mistakes(speak: Callable[[], T], settings: Settings) -> T:
    try:
        return speak()
    except ValueError as error:
        # Its class lives in a module that can't be imported without the broker's package.
        if type(error).__name__ != "RedirectUriError":
            raise
        raise SettingsError(
            "The client app isn't registered for the operating system's account broker.",
            hint=f"Add its redirect URI under 'Mobile and desktop applications': "
            f"ms-appx-web://Microsoft.AAD.BrokerPlugin/{settings.client_id} (Windows, WSL), "
            "msauth.com.msauth.unsignedapp://auth (macOS), "
            "https://login.microsoftonline.com/common/oauth2/nativeclient (Linux). "
            "`mcp-local app az --broker` writes them.",
        ) from None
