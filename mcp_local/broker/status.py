"""The words for where a sign-in stands: one catalogue for tools, commands, log and doctor."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from mcp_local.broker.state import Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mcp_local.broker.state import Problem, Status
    from mcp_local.identity.grace import Grace
    from mcp_local.identity.model import VerifiedToken

WORDS: Final[Mapping[Phase, str]] = {
    Phase.SIGNED_OUT: "signed out",
    Phase.WAITING_FOR_BROWSER: "waiting for the browser",
    Phase.WAITING_FOR_DEVICE_CODE: "waiting for the device code",
    Phase.WAITING_FOR_WINDOW: "waiting for the system's account window",
    Phase.SIGNED_IN: "signed in",
    Phase.REFRESHING: "refreshing",
    Phase.OFFLINE: "offline",
    Phase.NEEDS_YOU: "needs you again",
    Phase.BLOCKED: "blocked",
    Phase.INTERRUPTED: "interrupted",
}
"""What each phase is called wherever a person looks."""

MEANINGS: Final[Mapping[Phase, tuple[str, str]]] = {
    Phase.SIGNED_OUT: (
        "Nobody is signed in here.",
        "Ask for a sign-in in the program, or run `mcp-local login`.",
    ),
    Phase.WAITING_FOR_BROWSER: (
        "A page of Microsoft's is open in the browser, or waits at the address that is shown.",
        "Finish it there. It ends by itself after `signin.timeout`.",
    ),
    Phase.WAITING_FOR_DEVICE_CODE: (
        "A code is to be entered at the address that is shown, on any device.",
        "Enter it, if it was you who asked for it. Never enter a code that somebody sent you.",
    ),
    Phase.WAITING_FOR_WINDOW: (
        "The operating system asks which account to use, in a window of its own.",
        "Look for that window; it may be behind others.",
    ),
    Phase.SIGNED_IN: ("Somebody is signed in, until the time that is shown.", "Nothing."),
    Phase.REFRESHING: ("A new token is being fetched, without you.", "Wait some seconds."),
    Phase.OFFLINE: (
        "The authority can't be reached; what was verified before serves until the time shown.",
        "Look at the network, `proxy` and `ca_file`; `mcp-local doctor` does it for you.",
    ),
    Phase.NEEDS_YOU: (
        "The authority wants to see you again; why is said beside it.",
        "Ask for a sign-in in the program, or run `mcp-local login`.",
    ),
    Phase.BLOCKED: (
        "No sign-in can heal this: what is wrong, and who can act, is said beside it.",
        "Hand the code on to whoever can act; `mcp-local explain-error CODE` says more.",
    ),
    Phase.INTERRUPTED: (
        "The process that waited for you was ended from outside.",
        "Ask for the sign-in again.",
    ),
}
"""What each phase means, and what to do."""


def ended_by(status: Status) -> Problem | None:
    """Return why nothing is renewed any more, with who must act; ``None`` where it goes on."""
    return status.problem if status.phase.wants_person else None


def state_line(status: Status, when: Callable[[float], str | None]) -> str:
    """Return where the session stands, in one line; ``when`` words a time."""
    words = WORDS[status.phase]
    if status.phase in {Phase.SIGNED_IN, Phase.OFFLINE} and status.usable_until:
        until = status.expires_at if status.phase is Phase.SIGNED_IN else status.usable_until
        words = f"{words} until {when(until)}"
        if status.in_grace:
            words += f": expired, and good for {', '.join(sorted(status.grace.tags))} only"
    elif status.phase in {Phase.NEEDS_YOU, Phase.BLOCKED, Phase.INTERRUPTED} and status.problem:
        words = f"{words}: {status.problem.message}"
    return words


def with_person(status: Status, token: VerifiedToken, grace: Grace) -> Status:
    """Return the status with who is signed in, and until when."""
    who = token.identity
    in_grace = token.only_tags is not None
    return replace(
        status,
        signed_in=True,
        in_grace=in_grace,
        name=who.name,
        username=who.username,
        object_id=who.object_id,
        tenant_id=who.tenant_id,
        roles=tuple(sorted(who.roles)),
        scopes=tuple(sorted(who.scopes)),
        expires_at=float(who.expires_at),
        usable_until=grace.end(token) if in_grace else token.valid_until,
        grace_until=grace.end(token) if grace.granted else 0.0,
    )


def offline_document(status: Status, when: Callable[[float], str | None]) -> dict[str, object]:
    """Return the member ``offline`` of what scripts read."""
    said: dict[str, object] = {"usable": status.signed_in, "until": when(status.usable_until)}
    if not status.grace.granted:
        return said
    grace = {
        "seconds": status.grace.seconds,
        "tags": sorted(status.grace.tags),
        "until": when(status.grace_until),
        "in_use": status.in_grace,
    }
    return {**said, "grace": grace}


def problem_document(problem: Problem) -> dict[str, str]:
    """Return a problem for scripts."""
    return {"code": problem.code, "message": problem.message, "hint": problem.hint}
