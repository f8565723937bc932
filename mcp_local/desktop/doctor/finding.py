"""What one check found."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from mcp_local.broker.authority.aadsts import CATALOGUE, Who
from mcp_local.broker.authority.problems import WHO
from mcp_local.broker.authority.refusal import AuthorityDown, problem_of
from mcp_local.broker.state import Problem
from mcp_local.errors import McpLocalError, Unreachable
from mcp_local.identity.model import Rejection, TokenRejected


class Verdict(StrEnum):
    """How a check ended."""

    OK = "ok"
    NOTE = "note"
    """It works; somebody may want to know."""
    PROBLEM = "problem"
    SKIPPED = "skipped"
    """It couldn't be looked at, or only follows from an earlier problem."""


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
    """Return what is wrong; who can act stands beside the remedy, not in it."""
    return Finding(check, Verdict.PROBLEM, evidence, remedy.partition(f" {WHO}")[0], who)


def skipped(check: str, why: str) -> Finding:
    """Return that a check had to be left out."""
    return Finding(check, Verdict.SKIPPED, why)


def from_error(check: str, error: McpLocalError, who: Actor | None = None) -> Finding:
    """Return an error of the program as a problem; its hint is the remedy."""
    remedy = error.hint or _NO_HINT
    return problem(check, error.message, remedy, who or actor_of(error))


def actor_of(error: McpLocalError) -> Actor:
    """Return who can act on an error."""
    match error:
        case Unreachable():  # also of a token that the authority doesn't give for a remote server
            code = re.search(r"AADSTS\d+", error.message)
            return actor_of_problem(Problem(code[0], "")) if code else Actor.IT
        case TokenRejected():
            return Actor.YOU if error.reason in _BY_CLOCK else Actor.DEVELOPER
        case _:
            return actor_of_problem(problem_of(error))


def actor_of_problem(told: Problem) -> Actor:
    """Return who can act on what the authority told, by its code."""
    if told.code in _OF_THE_NETWORK:
        return Actor.IT
    number = told.code.removeprefix("AADSTS")
    meaning = CATALOGUE.get(int(number)) if number.isdecimal() else None
    return _ACTORS[meaning.who[0]] if meaning else Actor.YOU


_NO_HINT = "`mcp-local logs` may tell more."
_OF_THE_NETWORK = frozenset({Unreachable.code, AuthorityDown.code})
_BY_CLOCK = frozenset({Rejection.EXPIRED, Rejection.NOT_YET_VALID})
_ACTORS = {Who.USER: Actor.YOU, Who.ADMIN: Actor.ADMIN, Who.DEVELOPER: Actor.DEVELOPER}
