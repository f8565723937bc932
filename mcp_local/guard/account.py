"""The account tools as clients see them: names, descriptions, and what they answer.

Texts are for a model to act on and for a person to read; none holds a secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from mcp_local.broker.state import Phase
from mcp_local.broker.status import ended_by, offline_document, problem_document, state_line
from mcp_local.guard.clean import bare, clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mcp_local.broker.state import Status
    from mcp_local.policy.model import Component, Decision

SIGN_IN: Final = "mcp_local_sign_in"
SIGN_OUT: Final = "mcp_local_sign_out"
WHOAMI: Final = "mcp_local_whoami"
RESERVED: Final = frozenset({SIGN_IN, SIGN_OUT, WHOAMI})
_PREFIX: Final = "mcp_local_"

TELL_EVERY: Final = 5.0
"""Seconds between two notices of progress; the first comes at once."""
SIGNING_IN: Final = "Waiting for the sign-in in your browser."
"""What a client that wants to know is told while its call waits for that."""
NOT_SIGNED_OUT: Final = (
    "Still signed in: the person did not confirm. To sign out, run `mcp-local logout` in a "
    "terminal."
)
FAULT: Final = (
    "mcp-local could not judge this request, so it was refused. `mcp-local logs` has the cause."
)


@dataclass(frozen=True, slots=True)
class AccountTool:
    """One account tool as it is listed."""

    name: str
    title: str
    description: str
    read_only: bool
    parameters: dict[str, object]


def _no_parameters() -> dict[str, object]:
    return {"type": "object", "properties": {}, "additionalProperties": False}


TOOLS: Final = (
    AccountTool(
        SIGN_IN,
        "Sign in",
        "Sign the person in to Microsoft Entra ID. Opens the browser on their computer. "
        "Call this when another tool says that a sign-in is needed.",
        read_only=False,
        parameters=_no_parameters(),
    ),
    AccountTool(
        SIGN_OUT,
        "Sign out",
        "Sign the person out of Microsoft Entra ID on this computer, after they confirm it.",
        read_only=False,
        parameters=_no_parameters(),
    ),
    AccountTool(
        WHOAMI,
        "Who am I",
        "Say who is signed in, with which roles, and until when. With refresh=true the roles are "
        "fetched again, so that one granted a minute ago is seen.",
        read_only=True,
        parameters={
            "type": "object",
            "properties": {
                "refresh": {
                    "type": "boolean",
                    "default": False,
                    "description": "Fetch the roles again from Microsoft Entra ID.",
                }
            },
            "additionalProperties": False,
        },
    ),
)


def sign_in_needed(status: Status) -> str:
    """Return the one answer that every name gets while nobody is signed in."""
    lines = ["Sign-in needed: nobody is signed in to Microsoft Entra ID.", _next(status)]
    if status.phase is Phase.SIGNED_OUT and status.problem is not None:
        lines.insert(1, _problem(status))  # what the next try would meet again
    return "\n".join(lines)


def signed_in(status: Status, *, rereads: bool | None) -> str:
    """Return what the sign-in tool answers; ``rereads`` as in ``clients.Client``."""
    if not status.signed_in:
        # A hint of the problem's own leads on; to call this very tool again would not.
        hinted = status.problem is not None and status.problem.hint
        return _problem(status) if hinted else f"{_problem(status)}\n{_next(status)}".lstrip()
    match rereads:
        case True:
            news = "The list of tools has changed with it."
        case False:
            news = "This program reads the list of tools only once: restart it to see the new ones."
        case None:
            news = "The list of tools has changed; if it doesn't show here, restart this program."
    return f"{who(status)}\n{news}"


def enter_code(status: Status) -> str:
    """Return where a device code is to be entered, always with the warning that goes with it (O13).

    It begins in the middle of a sentence.
    """
    return (
        f"open {status.verification_uri} on any device and enter the code {status.user_code}. "
        "Enter only a code that you asked for yourself: one that somebody sent you would sign "
        "them in as you."
    )


def step_up_waits(status: Status) -> str:
    """Return what the person has to do so that a tool's own API is content."""
    return f"The API that this calls asks for a stronger sign-in.\n{_next(status)}"


def signed_out(status: Status) -> str:
    """Return what the sign-out tool answers once it was confirmed."""
    if status.signed_in:
        return f"{who(status)}\nThe sign-out did not go through: run `mcp-local logout`."
    return "Signed out on this computer. Only the account tools are left."


def who(status: Status) -> str:
    """Return who is signed in, in sentences."""
    if not status.signed_in:
        why = f"\n{_state(status)}" if _wants_person(status) else ""
        return f"{sign_in_needed(status)}{why}"
    roles = ", ".join(sorted(status.roles)) or "none"
    lines = [
        f"Signed in as {clean(status.name or status.username or status.object_id)}"
        + (f" ({clean(status.username)})." if status.name and status.username else "."),
        f"Roles: {clean(roles)}.",
        *_validity(status),
    ]
    if status.storage is not None and status.storage.kind == "memory":
        lines.append(clean(status.storage.detail))  # C12, C13: a weaker place is never silent
    if status.unverified:
        lines.append("These roles are declared in the settings, not verified by anybody.")
    if status.development:
        lines.append("The authority is a local one, for development.")
    return "\n".join(lines)


def _validity(status: Status) -> Iterator[str]:
    """Say how long this lasts, and who must act where it doesn't go on by itself."""
    ended = ended_by(status)
    if status.phase is not Phase.SIGNED_IN:
        yield _state(status)
    if ended is not None:
        yield clean(ended.hint)
    if status.in_grace:
        yield "Everything else comes back once Microsoft Entra ID can be reached."
    elif status.expires_at:
        renewed = "" if ended else "; renewed by itself while in use"
        yield f"Valid until {_iso(status.expires_at)}{renewed}."


def _state(status: Status) -> str:
    return f"State: {clean(state_line(status, _iso)).rstrip('.')}."


def whoami(status: Status) -> dict[str, object]:
    """Return the same as data; what ``mcp-local whoami --json`` has too is named as there."""
    return {
        "signed_in": status.signed_in,
        "phase": status.phase.value,
        "state": clean(state_line(status, _iso)),
        "account": {
            "name": clean(status.name),
            "username": clean(status.username),
            "object_id": status.object_id,
            "tenant_id": status.tenant_id,
        },
        "roles": sorted(status.roles),
        "scopes": sorted(status.scopes),
        "expires_at": _iso(status.expires_at),
        "offline": offline_document(status, _iso),
        "problem": problem_document(status.problem) if status.problem else None,
        "unverified": status.unverified,
        "development": status.development,
    }


def is_reserved(name: str) -> bool:
    """Whether a tool's name begins as ours do, or looks so: it would be taken for one of them (M8).

    A letter of another script may stand for any of ours, as one of the Cyrillic does for ``c``.
    """
    begin = bare(name).casefold()[: len(_PREFIX)]
    if len(begin) < len(_PREFIX):
        return False
    pairs = zip(begin, _PREFIX, strict=True)
    return all(one == our or (our.isalpha() and not one.isascii()) for one, our in pairs)


def denied(component: Component, decision: Decision) -> str:
    """Return why a component that is listed to the person can't be used."""
    lines = [f"Not allowed: {component.name}. {clean(decision.reason)}".rstrip()]
    if decision.needs_roles:
        roles = " or ".join(clean(role) for role in decision.needs_roles)
        lines.append(
            f"It needs the role {roles}. An administrator can assign it in Microsoft Entra ID; "
            f"afterwards call {WHOAMI} with refresh=true."
        )
    return "\n".join(lines)


def locked(decision: Decision) -> str:
    """Return the words that mark a component as locked in a list."""
    return f"[Locked: needs the role {' or '.join(clean(role) for role in decision.needs_roles)}]"


def _next(status: Status) -> str:
    """Return what the person has to do now."""
    match status.phase:
        case Phase.WAITING_FOR_BROWSER if status.start_url:
            instead = f"{clean(status.problem.message)} " if status.problem else ""
            return (
                f"{instead}A sign-in is waiting in the browser. If no page opened, open this "
                f"address on the same computer: {status.start_url}\nThen try again."
            )
        case Phase.WAITING_FOR_DEVICE_CODE if status.user_code:
            return f"A sign-in to mcp-local is waiting: {enter_code(status)} Then try again."
        case Phase.WAITING_FOR_WINDOW:
            return "A sign-in is waiting in a window of the operating system. Then try again."
        case Phase.BLOCKED:
            return _problem(status) or "Run `mcp-local login` in a terminal to see what blocks it."
        case _:
            return f"Call the tool {SIGN_IN}, or run `mcp-local login` in a terminal."


def _wants_person(status: Status) -> bool:
    """Whether the authority wants to see the person again, and has said why."""
    return status.phase is Phase.NEEDS_YOU and status.problem is not None


def _problem(status: Status) -> str:
    if status.problem is None:
        return ""
    return " ".join(filter(None, [clean(status.problem.message), clean(status.problem.hint)]))


def _iso(seconds: float) -> str | None:
    if not seconds:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
