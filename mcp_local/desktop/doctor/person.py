"""Checks of the person: who is signed in, and what their token says, in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mcp_local.desktop.app.check import check_token
from mcp_local.desktop.doctor.finding import (
    Actor,
    Finding,
    actor_of,
    from_error,
    note,
    ok,
    problem,
)
from mcp_local.errors import SignInNeeded
from mcp_local.identity.grace import Grace

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from mcp_local.errors import McpLocalError
    from mcp_local.identity.model import VerifiedToken
    from mcp_local.settings import Settings


def nobody(error: McpLocalError) -> Iterator[Finding]:
    """Say why nobody is signed in."""
    if isinstance(error, SignInNeeded):
        yield problem(
            "account", error.message, error.hint or "Sign in: `mcp-local login`.", actor_of(error)
        )
    else:
        yield from_error("account", error)


def token(
    found: VerifiedToken, named: Collection[str] | None, settings: Settings
) -> Iterator[Finding]:
    """Say what the verified token says; ``named`` are the policy's roles, ``None``: no policy."""
    who = found.identity
    roles = who.roles if named is None else named
    marks = [mark for mark, on in (("guest", who.guest), ("app-only", who.app_only)) if on]
    name = who.name or who.username or who.object_id
    yield ok("account", f"{name} is signed in" + (f" ({', '.join(marks)})." if marks else "."))
    yield ok("token", _words(found))
    if found.only_tags is not None:
        yield _grace(found, settings)
    for each in check_token(found, roles, settings):
        make = problem if each.serious else note
        yield make("token", each.message, each.remedy, each.who)
    lacking = sorted(set(roles) - who.roles)
    if lacking and who.roles:
        yield note(
            "token",
            f"Roles of the policy that this person lacks: {', '.join(lacking)}.",
            "Who administers the API grants roles; then: mcp-local refresh --force",
            Actor.ADMIN,
        )


def _grace(found: VerifiedToken, settings: Settings) -> Finding:
    """Say that the token has expired, what it still serves for, and until when."""
    tags = ", ".join(sorted(found.only_tags or ()))
    return note(
        "token",
        f"It has expired, and the authority can't be reached: `offline.grace` lets it serve until "
        f"{_time(Grace.of(settings).end(found))}, for what is tagged {tags} and nothing else.",
        "Plug the network in again; then: mcp-local refresh",
    )


def _words(found: VerifiedToken) -> str:
    who, claims = found.identity, found.claims
    roles = ", ".join(sorted(who.roles)) or "none"
    scopes = ", ".join(sorted(who.scopes)) or "none"
    return (
        f"For {claims.get('aud')}, version {claims.get('ver')}, until {_time(who.expires_at)}. "
        f"Roles: {roles}. Scopes: {scopes}."
    )


def _time(seconds: float) -> str:
    """Return a time in words; ``seconds`` since the epoch."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
