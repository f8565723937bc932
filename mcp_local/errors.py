"""Every error of mcp-local: its text for people, a hint that names the next command, its exit code.

One hierarchy, so that one ``except McpLocalError`` at the edge of the command line is enough.
No message may hold a token, a code, a verifier or a key.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable


class ExitCode(IntEnum):
    """The exit codes that scripts can rely on (README, "Exit codes")."""

    OK = 0
    FAULT = 1
    USAGE = 2
    SIGN_IN_NEEDED = 3
    DENIED = 4
    UNREACHABLE = 5
    PROBLEMS = 6
    INTERRUPTED = 130


class McpLocalError(Exception):
    """Base of all errors; raised itself only for a fault in mcp-local.

    ``message`` says what is wrong and where; ``hint`` what to do next.
    """

    code: ClassVar[str] = "fault"
    """Stable machine name, printed by ``--json``."""
    exit_code: ClassVar[ExitCode] = ExitCode.FAULT

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(McpLocalError):
    """The command line asks for something that can't be."""

    code = "usage"
    exit_code = ExitCode.USAGE


class SettingsError(McpLocalError):
    """A setting is missing, wrong, or in conflict with another."""

    code = "settings"
    exit_code = ExitCode.USAGE


class PolicyError(McpLocalError):
    """A policy can't be read or means nothing; it never widens access."""

    code = "policy"
    exit_code = ExitCode.USAGE


class TargetError(McpLocalError):
    """The server to be run can't be found or loaded."""

    code = "target"
    exit_code = ExitCode.USAGE


class StorageError(McpLocalError):
    """State can't be kept or read: permissions, a full disk, a locked key store."""

    code = "storage"


class SignInNeeded(McpLocalError):
    """Nobody is signed in, or the authority wants the person again."""

    code = "sign_in_needed"
    exit_code = ExitCode.SIGN_IN_NEEDED


class SignInFailed(McpLocalError):
    """A sign-in was tried and ended without an account."""

    code = "sign_in_failed"
    exit_code = ExitCode.SIGN_IN_NEEDED


class Denied(McpLocalError):
    """The policy refuses, or the person's yes is needed."""

    code = "denied"
    exit_code = ExitCode.DENIED


class Unreachable(McpLocalError):
    """The authority or the upstream server doesn't answer."""

    code = "unreachable"
    exit_code = ExitCode.UNREACHABLE


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint with the known word nearest to ``word``, or with all if none is near."""
    from difflib import get_close_matches  # noqa: PLC0415 - start-up: only a mistake pays for it

    words = sorted(known)
    near = get_close_matches(word.lower(), [each.lower() for each in words], n=1)
    for each in words:
        if near and each.lower() == near[0]:
            return f"Did you mean {each!r}?"
    return f"Known are: {', '.join(words)}."
