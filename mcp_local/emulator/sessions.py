"""Who is signed in in which browser, who consented, whose sign-ins were taken back.

All of it lives in memory. Single dictionary operations are atomic, so tests may revoke from their
own thread while the event loop serves.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class SignedIn:
    """One sign-in of one person; what every grant goes back to."""

    object_id: str
    at: float
    """Seconds since the epoch."""
    met: frozenset[str] = frozenset()
    """Ids of the conditional access policies that were met."""


@dataclass(slots=True)
class Sessions:
    """What one authority remembers of people."""

    clock: Callable[[], float]
    _browsers: dict[str, dict[str, SignedIn]] = field(
        default_factory=dict[str, dict[str, SignedIn]]
    )
    _consented: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """Object ids with the API consented to; empty: the app itself."""
    _valid_from: dict[str, float] = field(default_factory=dict[str, float])

    def browser(self, cookie: str) -> dict[str, SignedIn]:
        """Return who is signed in in a browser, by object id."""
        return dict(self._browsers.get(cookie, {}))

    def remember(self, cookie: str, signed_in: SignedIn) -> str:
        """Keep a sign-in for a browser; returns the cookie, a new one when it was unknown."""
        known = cookie if cookie in self._browsers else secrets.token_urlsafe(24)
        self._browsers.setdefault(known, {})[signed_in.object_id] = signed_in
        return known

    def forget_browser(self, cookie: str) -> None:
        """Sign everybody out of a browser."""
        self._browsers.pop(cookie, None)

    def consent(self, object_id: str, api_id: str = "") -> None:
        """Remember that a person consented on the page, to the app or for an API."""
        self._consented.add((object_id, api_id))

    def has_consented(self, object_id: str, api_id: str = "") -> bool:
        """Tell whether a person consented on the page."""
        return (object_id, api_id) in self._consented

    def withdraw_consent(self, object_id: str) -> None:
        """Take back all that :meth:`consent` gave."""
        self._consented = {one for one in self._consented if one[0] != object_id}

    def revoke(self, object_id: str) -> None:
        """Refuse, from now on, every sign-in of a person before now."""
        self._valid_from[object_id] = self.clock()
        for browser in list(self._browsers.values()):
            browser.pop(object_id, None)

    def valid_from(self, object_id: str) -> float:
        """Return since when a person's sign-ins hold; seconds since the epoch."""
        return self._valid_from.get(object_id, 0.0)
