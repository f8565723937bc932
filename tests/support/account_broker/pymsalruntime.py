"""Stands in for Microsoft's package of this name, which can't run here: what MSAL 1.39 calls of it.

Put on ``PYTHONPATH`` for processes whose real MSAL is to find an account broker. What it answers
stands in the JSON file that ``ACCOUNT_BROKER`` names: ``{"status": …}`` for an error,
``{"broken": true}`` for a system without one, ``{"hangs": true}`` for a window that nobody answers,
else the tokens. What it was asked is appended to the file with ``.asked`` behind its name.
"""

from __future__ import annotations

import enum
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

_FILE = Path(os.environ["ACCOUNT_BROKER"])
_SAYS: dict[str, Any] = json.loads(_FILE.read_text("utf-8"))
if _SAYS.get("broken"):
    raise RuntimeError("no broker on this system")


class LogLevel(enum.Enum):
    """Of the broker's own log."""

    TRACE, DEBUG, INFO, WARNING, ERROR, FATAL = range(6)


class Response_Status(enum.Enum):  # noqa: N801 - its name there
    """What an error is about; the names that are looked at."""

    Status_InteractionRequired = 1
    Status_NoNetwork = 2
    Status_UserCanceled = 3
    Status_AccountUnusable = 4
    Status_IncorrectConfiguration = 5


class CallbackData:
    """A result on its way."""

    def __init__(self, is_interactive: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - as there
        self.signal = threading.Event()
        self.result: Any = None

    def complete(self, result: object) -> None:
        """Take the result."""
        self.result = result
        self.signal.set()


class MSALRuntimeAuthParameters:
    """What a token is to be."""

    def __init__(self, client_id: str, authority: str) -> None:
        self.said: dict[str, Any] = {"client_id": client_id, "authority": authority}

    def __getattr__(self, name: str) -> Any:
        def take(*values: object) -> None:
            self.said[name.removeprefix("set_") + ("." + str(values[0]) if values[1:] else "")] = (
                values[-1]
            )

        return take


class _Error:
    def get_context(self) -> str:
        return _SAYS.get("text", "It is said no.")

    def get_status(self) -> Response_Status:
        return Response_Status["Status_" + _SAYS["status"]]

    def get_error_code(self) -> int:
        return 0

    def get_tag(self) -> int:
        return 0


class _Account:
    def get_client_info(self) -> str:
        return _SAYS["client_info"]

    def get_account_id(self) -> str:
        return "account-1"


class _Result:
    def __init__(self, error: object = None) -> None:
        self._error = error

    def get_telemetry_data(self) -> dict[str, object]:
        return {}

    def get_error(self) -> object:
        return self._error

    def get_account(self) -> _Account:
        return _Account()

    def get_raw_id_token(self) -> str:
        return _SAYS["id_token"]

    def get_id_token(self) -> str:
        return json.dumps(_SAYS["claims"])

    def is_pop_authorization(self) -> bool:
        return False

    def get_access_token(self) -> str:
        return _SAYS["access_token"]

    def get_access_token_expiry_time(self) -> int:
        return int(time.time()) + 3600

    def get_granted_scopes(self) -> list[str]:
        return _SAYS["scopes"]


def register_logging_callback(callback: object) -> None:
    """Say nothing."""


def get_console_window() -> int:
    """Return a window."""
    return 1


def get_desktop_window() -> int:
    """Return a window."""
    return 1


def read_account_by_id(account: str, _correlation: str, done: Any) -> None:
    """Find an account."""
    _note("read_account_by_id", account=account)
    done(_Found())


class _Found:
    def get_error(self) -> None:
        return None

    def get_account(self) -> _Account:
        return _Account()


def signin_silently(params: MSALRuntimeAuthParameters, _correlation: str, done: Any) -> None:
    """Sign in whom the system knows."""
    _note("signin_silently", **params.said)
    done(_Result(_Asks()))


class _Asks(_Error):
    def get_status(self) -> Response_Status:
        return Response_Status.Status_InteractionRequired


def signin_interactively(
    window: int, params: MSALRuntimeAuthParameters, _correlation: str, hint: str, done: Any
) -> None:
    """Ask the person, in a window."""
    main = threading.current_thread() is threading.main_thread()
    _note("signin_interactively", hint=hint, window=window, main=main, **params.said)
    if not _SAYS.get("hangs"):
        done(_Result(_Error() if "status" in _SAYS else None))


def acquire_token_silently(
    params: MSALRuntimeAuthParameters, _correlation: str, _account: object, done: Any
) -> None:
    """Renew."""
    _note("acquire_token_silently", **params.said)
    done(_Result(_Error() if "status" in _SAYS else None))


def _note(what: str, **said: object) -> None:
    with _FILE.with_name(_FILE.name + ".asked").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"what": what, **said}, default=str) + "\n")
