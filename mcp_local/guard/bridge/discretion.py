"""What a remote server was shown is in nothing that it says (SECURITY.md M14)."""

from __future__ import annotations

import json
import re
import threading
from itertools import chain
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.guard.bridge.credential import Challenge, Credential
    from mcp_local.guard.bridge.link import Logs

_SHORTEST: Final = 20
"""Characters; what is shorter is no token, and may stand in any text."""
_MOST: Final = 4
"""Tokens that may still be good: each is renewed before the one before has expired."""
_SECRET: Final = re.compile(r"(?i)authorization|auth(?:-|$)|cookie|token|key|secret|password")
"""Stands in the name of a header that says who asks."""
_INSTEAD: Final = b"(redacted)"


@final
class Discreet:
    """A ``Credential`` that knows what it has shown, and takes it out of messages.

    It finds a token as it was sent, and as it is written in JSON. A server that means to tell it
    spells it otherwise, or tells whom it likes by itself; this is for one that quotes its requests.
    """

    def __init__(self, credential: Credential, log: Logs) -> None:
        self._credential = credential
        self._log = log
        self._latest: dict[str, str] = {}
        self._shown: dict[str, tuple[tuple[str, ...], ...]] = {}
        """What is secret in each value, by header, the latest first."""
        self._spelt: tuple[bytes, ...] = ()
        self._noting = threading.Lock()
        self._told = False

    def __repr__(self) -> str:
        return f"Discreet({self._credential!r})"

    def headers(self, *, wait: float) -> Mapping[str, str]:
        """Return the headers that say who asks, and note what is secret in them."""
        shown = self._credential.headers(wait=wait)
        for name, value in shown.items():
            if value != self._latest.get(name) and _SECRET.search(name):
                self._note(name, value)
        return shown

    def renew(self, shown: Mapping[str, str], challenge: Challenge, *, wait: float) -> None:
        """Get something better than what was shown and refused."""
        self._credential.renew(shown, challenge, wait=wait)

    def without(self, message: bytes) -> bytes:
        """Return a message of the server without the tokens that it was shown."""
        for token in self._spelt:
            if token in message:
                message = message.replace(token, _INSTEAD)
                self._tell()
        return message

    def _note(self, name: str, value: str) -> None:
        with self._noting:
            self._latest[name] = value
            secrets = tuple(each for each in _secrets_in(name, value) if len(each) >= _SHORTEST)
            if not secrets:
                return
            older = (each for each in self._shown.get(name, ()) if each != secrets)
            self._shown[name] = (secrets, *older)[:_MOST]
            tokens = chain.from_iterable(chain.from_iterable(self._shown.values()))
            spelt = {spelling.encode() for token in tokens for spelling in _spellings(token)}
            self._spelt = tuple(sorted(spelt, key=len, reverse=True))  # one may begin another

    def _tell(self) -> None:
        if not self._told:
            self._told = True
            self._log.event("remote_token_echoed", level="warning")


def _secrets_in(name: str, value: str) -> list[str]:
    """Return each cookie's value (RFC 6265, 4.2.1); of others what comes after a scheme, if any."""
    if name.lower() == "cookie":
        return [pair.partition("=")[2].strip() for pair in value.split(";")]
    return [value.rpartition(" ")[2]]


def _spellings(token: str) -> tuple[str, ...]:
    """Return a token as it is, and as writers of JSON escape it that escape more than they must."""
    text = json.dumps(token)[1:-1]
    return token, text, text.replace("/", "\\/"), text.replace("+", "\\u002B")
