"""What a remote server was shown is in nothing that it says (SECURITY.md M14)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.guard.bridge.credential import Challenge, Credential
    from mcp_local.guard.bridge.link import Logs

_SHORTEST: Final = 20
"""Characters; what is shorter is no token, and may stand in any text."""
_MOST: Final = 4
"""Tokens that may still be good: each is renewed before the one before has expired."""
_INSTEAD: Final = b"(redacted)"


@final
class Discreet:
    """A ``Credential`` that knows what it has shown, and takes it out of messages.

    It finds a token as it was sent. A server that means to tell it spells it otherwise, or tells
    whom it likes by itself; this is for one that quotes its requests.
    """

    def __init__(self, credential: Credential, log: Logs) -> None:
        self._credential = credential
        self._log = log
        self._latest = ""
        self._tokens: tuple[bytes, ...] = ()
        self._noting = threading.Lock()
        self._told = False

    def __repr__(self) -> str:
        return f"Discreet({self._credential!r})"

    def headers(self, *, wait: float) -> Mapping[str, str]:
        """Return the headers that say who asks, and note what is secret in them."""
        shown = self._credential.headers(wait=wait)
        for name, value in shown.items():
            if name.lower() == "authorization" and value != self._latest:
                self._note(value)
        return shown

    def renew(self, shown: Mapping[str, str], challenge: Challenge, *, wait: float) -> None:
        """Get something better than what was shown and refused."""
        self._credential.renew(shown, challenge, wait=wait)

    def without(self, message: bytes) -> bytes:
        """Return a message of the server without the tokens that it was shown."""
        for token in self._tokens:
            if token in message:
                message = message.replace(token, _INSTEAD)
                self._tell()
        return message

    def _note(self, value: str) -> None:
        token = value.partition(" ")[2].strip().encode()
        with self._noting:
            self._latest = value
            if len(token) >= _SHORTEST:
                older = (each for each in self._tokens if each != token)
                self._tokens = (token, *older)[:_MOST]

    def _tell(self) -> None:
        if not self._told:
            self._told = True
            self._log.event("remote_token_echoed", level="warning")
