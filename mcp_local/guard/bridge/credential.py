"""What a remote server is shown, and what it says when that isn't enough."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_UNAUTHORIZED, _FORBIDDEN = 401, 403
_PARAMETER = re.compile(r'(?<![\w-])([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))')
_LONGEST = 8192
"""Characters of a header that are looked at."""
_STEP_UPS = frozenset({"insufficient_scope", "insufficient_claims"})


class NoCredential(Exception):
    """There is nothing to show, or nothing more; ``text`` says why and what to do."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


@dataclass(frozen=True, slots=True)
class Challenge:
    """A refusal that another token may heal (RFC 6750, 3; RFC 9728, 5.1)."""

    error: str = ""
    scope: str = ""
    claims: str = ""
    """Base64 of the claims that the authority should be asked for; empty: none."""
    metadata: str = ""
    """Address of the server's metadata; serves error texts only."""

    @property
    def wants_more(self) -> bool:
        """Whether the token was good, but not enough."""
        return self.error in _STEP_UPS


class Credential(Protocol):
    """What is shown to one remote server. Called from several threads; blocks."""

    def headers(self, *, wait: float) -> Mapping[str, str]:
        """Return the headers that say who asks; a person may be asked for ``wait`` seconds.

        Raises:
            NoCredential: there is nothing to show.
        """
        ...

    def renew(self, shown: Mapping[str, str], challenge: Challenge, *, wait: float) -> None:
        """Get something better than what was shown and refused; ``wait`` as above.

        Raises:
            NoCredential: there is nothing better.
        """
        ...


@final
class FixedHeaders:
    """Headers from the settings, or none at all: a server that is bound to no API gets no token."""

    def __init__(self, headers: Mapping[str, str], refused: str) -> None:
        """Keep them; ``refused`` is what to say when the server doesn't take them."""
        self._headers = headers
        self._refused = refused

    def __repr__(self) -> str:
        return "FixedHeaders(…)"

    def headers(self, *, wait: float) -> Mapping[str, str]:
        """Return them."""
        del wait
        return self._headers

    def renew(self, shown: Mapping[str, str], challenge: Challenge, *, wait: float) -> None:
        """Raise.

        Raises:
            NoCredential: always, since there is nothing else to show.
        """
        del shown, challenge, wait
        raise NoCredential(self._refused)


def challenge_of(status: int, headers: Iterable[str]) -> Challenge | None:
    """Return what the ``WWW-Authenticate`` headers of a refusal ask for; ``None``: nothing."""
    for header in headers:
        scheme, _, rest = header[:_LONGEST].strip().partition(" ")
        if scheme.lower() == "bearer":
            given = {name.lower(): quoted or plain for name, quoted, plain in _parameters(rest)}
            challenge = Challenge(
                error=given.get("error", ""),
                scope=given.get("scope", ""),
                claims=given.get("claims", ""),
                metadata=given.get("resource_metadata", ""),
            )
            if status == _UNAUTHORIZED or challenge.wants_more:
                return challenge
    return Challenge() if status == _UNAUTHORIZED else None


def _parameters(text: str) -> list[tuple[str, str, str]]:
    return [(name, quoted, plain) for name, quoted, plain in _PARAMETER.findall(text)]
