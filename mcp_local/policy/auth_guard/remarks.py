"""Where a policy of mcp-auth-guard 1.0 means something else here than there.

docs/mcp-auth-guard.md lists them for people, with the reasons.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from mcp_local.policy.problems import Problem, problem

if TYPE_CHECKING:
    from mcp_local.policy.problems import Origin

_MOST_LINES = 8
"""Lines named in one remark."""


class Difference(StrEnum):
    """What differs. Here nothing is ever allowed that isn't there, but for the last six."""

    ORDER = "at equal priority a deny comes first here; there the first in the file does"
    SEARCH = "in a deny, `regex` finds a match anywhere here; there only at the start of the text"
    MISSING = (
        "an argument or claim that is missing, or of another type, never helps: an allow doesn't"
        " apply and a deny does; there it counts as another value, or as the text of one"
    )
    NEVER = (
        "has a condition that can never be told, so that an allow is left out and a deny holds"
        " without it; there it is false, or true with a `not_` operator"
    )
    NEVER_APPLIES = "can never apply, and is left out"
    KINDS = "an allow of `tools` is about tools only; there about resources and prompts as well"
    CASE = "patterns tell upper from lower case everywhere; there they don't on Windows"
    MEMBERS = "`contains` on a list looks for a member here; there for a piece of the list's text"
    CLASSES = r"`\b \d \s \w` know ASCII only and `$` is the very end here (RE2)"
    AUTH = "`auth.…` is the person signed in, as its guide says; there it is always missing"
    LISTS = (
        "in lists, arguments, time and client count as not yet known: an allow that asks for them"
        " lists, a deny doesn't hide; there they count as missing"
    )
    URIS = "resources are matched by URI, as its guide says; there by the name of their function"


class Remarks:
    """The differences that one file meets, each with its lines."""

    def __init__(self) -> None:
        self._met: dict[Difference, dict[Origin, str]] = {}

    def meet(self, difference: Difference, origin: Origin, path: str) -> None:
        """Note that the file meets it here."""
        self._met.setdefault(difference, {}).setdefault(origin, path)

    def told(self) -> tuple[Problem, ...]:
        """Return a problem for each difference, at the first place that meets it."""
        return tuple(_told(difference, places) for difference, places in self._met.items())


def _told(difference: Difference, places: dict[Origin, str]) -> Problem:
    (first, path), *others = places.items()
    lines = list(dict.fromkeys(origin.line for origin, _ in others if origin.line != first.line))
    more = ", …" if len(lines) > _MOST_LINES else ""
    named = ", ".join(str(line) for line in lines[:_MOST_LINES])
    also = f" (also line{'s' if len(lines) > 1 else ''} {named}{more})" if lines else ""
    return problem(
        first,
        path,
        f"differs from mcp-auth-guard: {difference}{also}",
        "See docs/mcp-auth-guard.md.",
    )
