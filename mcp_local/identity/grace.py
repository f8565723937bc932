"""How long a token that has expired may go on being used, and for what (``offline.grace``)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcp_local.identity.model import VerifiedToken
    from mcp_local.settings import Settings


@dataclass(frozen=True, slots=True)
class Grace:
    """What the settings grant while the authority can't be reached."""

    seconds: float = 0.0
    """Beyond ``exp`` plus leeway; at most a day."""
    tags: frozenset[str] = frozenset()
    """For components with one of these tags, and for no others."""

    @classmethod
    def of(cls, settings: Settings) -> Grace:
        """Return that of the settings: none, unless both say something."""
        if settings.offline_grace and settings.offline_tags:
            return cls(settings.offline_grace, frozenset(settings.offline_tags))
        return cls()

    @property
    def granted(self) -> bool:
        """Whether there is any."""
        return self.seconds > 0

    def end(self, token: VerifiedToken) -> float:
        """Return when the grace of ``token`` is over, in seconds since the epoch."""
        return token.valid_until + self.seconds

    def extended(self, token: VerifiedToken) -> VerifiedToken:
        """Return the token as it may be used past its end: the same person, for the tags alone."""
        return replace(token, only_tags=self.tags)


def reaches(token: VerifiedToken, tags: frozenset[str]) -> bool:
    """Whether the token may be used for a component with these tags."""
    return token.only_tags is None or not token.only_tags.isdisjoint(tags)
