"""What is said of the person who is signed in: one document for scripts, some lines for people."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from mcp_local.broker.state import Phase
from mcp_local.broker.status import ended_by, offline_document, state_line

if TYPE_CHECKING:
    from mcp_local.broker.state import Status
    from mcp_local.errors import McpLocalError
    from mcp_local.identity.model import VerifiedToken
    from mcp_local.policy.in_force import PolicyInForce
    from mcp_local.settings import Settings


class TokenSource(StrEnum):
    """Where the token came from just now."""

    CACHE = "cache"
    NETWORK = "network"


@dataclass(frozen=True, slots=True)
class Report:
    """What ``whoami`` found out."""

    status: Status
    source: TokenSource
    settings: Settings
    policy: PolicyInForce
    error: McpLocalError | None = None
    """Why nobody is signed in."""
    token: VerifiedToken | None = None


def document(report: Report) -> dict[str, object]:
    """Return the answer for scripts.

    Four members only stand where they hold: ``development``, ``unverified``, ``policy_problem``,
    ``policy_mode``. All others are always there.
    """
    status = report.status
    storage = status.storage
    base: dict[str, object] = {
        "signed_in": status.signed_in,
        "account": {
            "name": status.name,
            "username": status.username,
            "object_id": status.object_id,
            "tenant_id": status.tenant_id,
        },
        "roles": sorted(status.roles),
        "scopes": sorted(status.scopes),
        "expires_at": iso_time(status.expires_at),
        "source": report.source.value,
        "storage": {
            "kind": storage.kind if storage else "none",
            "encrypted": storage.encrypted if storage else False,
            "detail": storage.detail if storage else "",
        },
        "offline": offline_document(status, iso_time),
        "phase": status.phase.value,
        "state": state_line(status, iso_time),
    }
    marks: dict[str, object] = {
        "development": status.development,
        "unverified": status.unverified,
    }
    return base | {mark: value for mark, value in marks.items() if value} | report.policy.marks()


def describe(report: Report) -> str:
    """Return the answer for people."""
    status = report.status
    rows = list(_person(report)) if status.signed_in else []
    if status.phase not in {Phase.SIGNED_IN, Phase.SIGNED_OUT}:
        ended = ended_by(status) if status.signed_in else None  # else the error tells it
        rows[:0] = [("state", state_line(status, people_time))]
        rows[1:1] = [("to do", ended.hint)] if ended is not None else []
    if status.storage is not None:
        sealed = ", encrypted" if status.storage.encrypted else ", not encrypted"
        how = " only" if status.storage.kind == "memory" else sealed
        rows.append(("storage", f"{status.storage.kind}{how}: {status.storage.detail}"))
    if report.settings.authority:
        mark = " (development authority)" if status.development else ""
        rows.append(("authority", f"{report.settings.authority}{mark}"))
    if report.policy.problem is not None:
        rows.append(("policy", f"nothing is served by it: {report.policy.problem.message}"))
    elif report.policy.path:
        rows.append(("policy", report.policy.path))
    if report.policy.observing:
        rows.append(("mode", "observe: what no rule speaks of is let through, and logged"))
    return "\n".join([_headline(report), *(f"  {label:10}{text}" for label, text in rows)])


def _headline(report: Report) -> str:
    status = report.status
    if not status.signed_in:
        return report.error.message if report.error else "Nobody is signed in."
    if status.unverified:
        return "Nobody signs in here: the roles are declared in the settings, not verified."
    return f"Signed in as {status.name or status.object_id} ({status.username or 'no user name'})"


def _person(report: Report) -> list[tuple[str, str]]:
    status = report.status
    roles = ", ".join(sorted(status.roles)) or "none: ask who administers the API's roles for one"
    rows = [("roles", f"{roles} (unverified)" if status.unverified else roles)]
    if status.scopes:
        rows.append(("scopes", ", ".join(sorted(status.scopes))))
    if status.expires_at:
        source = "the cache" if report.source is TokenSource.CACHE else "the authority, just now"
        rows += [
            ("token", f"expires {people_time(status.expires_at)}; from {source}"),
            ("offline", f"usable until {people_time(status.usable_until)}{_grace(status)}"),
        ]
    return rows


def _grace(status: Status) -> str:
    if not status.grace.granted or status.in_grace:
        return ""
    return f"; for {', '.join(sorted(status.grace.tags))} until {people_time(status.grace_until)}"


def who_is(report: Report) -> str:
    """Name the person, their roles, and what isn't as in earnest, in one line."""
    status = report.status
    marks = {"unverified": status.unverified, "development authority": status.development}
    marked = "".join(f" ({mark})" for mark, holds in marks.items() if holds)
    return f"{status.name or status.object_id}, {', '.join(status.roles) or 'no roles'}{marked}"


def iso_time(seconds: float) -> str | None:
    """Return a time (seconds since the epoch) as ISO-8601 in UTC; ``None`` for none."""
    if not seconds:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def people_time(seconds: float) -> str:
    """Return a time (seconds since the epoch) on the person's clock, and how far it is from now."""
    clock = datetime.fromtimestamp(seconds, UTC).astimezone()
    left = seconds - time.time()
    distance = _span(abs(left))
    return f"{clock:%Y-%m-%d %H:%M} ({'in ' + distance if left >= 0 else distance + ' ago'})"


def _span(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
