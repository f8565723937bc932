"""What one check found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcp_local.errors import McpLocalError


class Verdict(StrEnum):
    """How a check ended."""

    OK = "ok"
    NOTE = "note"
    """It works; somebody may want to know."""
    PROBLEM = "problem"
    SKIPPED = "skipped"
    """It couldn't be looked at, because of an earlier problem."""


class Actor(StrEnum):
    """Who can do something about it."""

    YOU = "you"
    ADMIN = "an administrator of the tenant"
    DEVELOPER = "whoever registered the apps"
    IT = "whoever runs this computer or its network"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    check: str
    """What was looked at, in a word or two; stable, for scripts."""
    verdict: Verdict
    evidence: str
    """What was seen, in a sentence."""
    remedy: str = ""
    who: Actor | None = None


def ok(check: str, evidence: str) -> Finding:
    """Return that all is well."""
    return Finding(check, Verdict.OK, evidence)


def note(check: str, evidence: str, remedy: str = "", who: Actor = Actor.YOU) -> Finding:
    """Return what somebody may want to know."""
    return Finding(check, Verdict.NOTE, evidence, remedy, who)


def problem(check: str, evidence: str, remedy: str, who: Actor = Actor.YOU) -> Finding:
    """Return what is wrong."""
    return Finding(check, Verdict.PROBLEM, evidence, remedy, who)


def skipped(check: str, why: str) -> Finding:
    """Return that a check had to be left out."""
    return Finding(check, Verdict.SKIPPED, why)


def from_error(check: str, error: McpLocalError, who: Actor = Actor.YOU) -> Finding:
    """Return an error of the program as a problem; its hint is the remedy."""
    return problem(check, error.message, error.hint, who)
