"""What is wrong with a policy, told so that the place is found at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mcp_local.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Sequence


MOST = 50
"""Mistakes that are looked for; a file with more is no policy, and looking takes time."""


class Origin(msgspec.Struct, frozen=True):
    """Where something stands."""

    file: str
    line: int = 1
    """Counted from 1, as editors do; so is ``column``."""
    column: int = 1


class Problem(msgspec.Struct, frozen=True):
    """One mistake; the shape that ``policy check --json`` prints."""

    message: str
    file: str
    line: int
    column: int
    path: str
    """The place in the document, like ``roles.Task.Read.tags[0]``; empty: the file itself."""
    hint: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}: "
        return f"{where}`{self.path}` {self.message}" if self.path else where + self.message


class InvalidPolicy(PolicyError):
    """A policy that can't be taken; never half of it is."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0]
        others = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{first}.{others}", hint=first.hint)
        self.problems = tuple(problems)
        """At least one, in the order of the file."""


def problem(origin: Origin, path: str, message: str, hint: str = "") -> Problem:
    """Return the problem of what stands at ``origin``."""
    return Problem(message, origin.file, origin.line, origin.column, path, hint)
