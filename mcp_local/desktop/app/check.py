"""What a token shows of the registrations, held against what the policy and ENTRA.md 5 want."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcp_local.desktop.doctor.finding import Actor

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mcp_local.identity.model import VerifiedToken
    from mcp_local.settings import Settings


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that differs."""

    message: str
    remedy: str
    serious: bool = True
    """False: it works as it is."""
    who: Actor = Actor.DEVELOPER


def check_token(
    token: VerifiedToken, roles: Iterable[str], settings: Settings
) -> Iterator[Finding]:
    """Yield what differs; ``roles`` are those that the policy names."""
    yield from _registration(token, settings)
    yield from _roles(token, frozenset(roles))


def _registration(token: VerifiedToken, settings: Settings) -> Iterator[Finding]:
    claims, who = token.claims, token.identity
    if claims.get("ver") != "2.0":
        yield Finding(
            "The API issues tokens of version 1.0.",
            "Set api.requestedAccessTokenVersion to 2 in the API's manifest.",
            serious=False,
        )
    if settings.client_id.lower() in {str(claims.get("aud")).lower(), settings.api.lower()}:
        yield Finding(
            "API and client are one app: renewals need the scope in its GUID form, and the client "
            "can't be authorised beforehand.",
            "Register two: mcp-local app az shows how.",
            serious=False,
        )
    if str(claims.get("azpacr", claims.get("appidacr", "0"))) != "0":
        yield Finding(
            "The client proved itself with a secret or certificate; a desktop program has none.",
            "Register the client as a public client (mobile and desktop).",
        )
    if not who.scopes and not who.app_only:
        yield Finding("The token has no scope.", "Add the scope access_as_user to the API.")
    if "_claim_names" in claims:
        yield Finding(
            "The person is in more groups than a token holds: rules on groups won't match.",
            "Use app roles, or limit the groups claim to groups assigned to the app.",
            serious=False,
        )
    for name, why in (("acct", "guests"), ("idtyp", "app-only tokens")):
        if name not in claims and not (name == "idtyp" and who.scopes):
            yield Finding(
                f"The token has no {name} claim, which tells {why} apart.",
                f"Add {name} to the API's optional claims for access tokens.",
                serious=False,
            )


def _roles(token: VerifiedToken, named: frozenset[str]) -> Iterator[Finding]:
    held = token.identity.roles
    if not held:
        yield Finding(
            "The token has no roles.",
            "Assign the person or a group to a role of the API's enterprise application; then: "
            "mcp-local refresh --force",
            who=Actor.ADMIN,
        )
    for role in sorted(held - named):
        near = next((each for each in sorted(named) if each.lower() == role.lower()), "")
        yield Finding(
            f"The token has the role {role}, which the policy doesn't name."
            + (f" It names {near}: roles match exactly." if near else ""),
            "Name it in the policy, or leave it to other programs.",
            serious=bool(near),
            who=Actor.YOU,
        )
