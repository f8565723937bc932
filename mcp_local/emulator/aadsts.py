"""AADSTS errors: the catalogue, and their exact shape on the wire (ENTRA.md, section 4)."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Aadsts:
    """One error of the cloud."""

    code: int
    error: str
    """OAuth error code; what programs decide on."""
    text: str
    """For people; ``{…}`` is filled in where it is raised."""
    status: int = 400
    """HTTP status at the token endpoint."""
    suberror: str = ""


DECLINED = 65004
"""The person said no; the one code the pages look at."""
_UNAUTHORIZED = 401

CATALOGUE = {
    entry.code: entry
    for entry in (
        Aadsts(50011, "invalid_request", "The redirect URI '{uri}' isn't registered for '{app}'."),
        Aadsts(50034, "invalid_grant", "The account '{who}' doesn't exist in '{tenant}'."),
        Aadsts(50049, "invalid_instance", "The instance '{host}' isn't known."),
        Aadsts(50057, "invalid_grant", "The account '{who}' is disabled."),
        Aadsts(50058, "login_required", "Nobody is signed in, and prompt=none forbids to ask."),
        Aadsts(
            50076,
            "invalid_grant",
            "You must use multi-factor authentication to reach '{resource}'.",
            suberror="basic_action",
        ),
        Aadsts(50105, "invalid_grant", "'{who}' isn't assigned to a role for '{app}'."),
        Aadsts(50147, "invalid_request", "The code challenge is missing or has a wrong size."),
        Aadsts(50173, "invalid_grant", "The grant was revoked; tokens are valid from {since}."),
        Aadsts(50194, "invalid_request", "'{app}' isn't multi-tenant: use the tenant's own id."),
        Aadsts(
            53000,
            "invalid_grant",
            "A compliant device is needed to reach '{resource}'.",
            suberror="additional_action",
        ),
        Aadsts(
            53003,
            "invalid_grant",
            "Access is blocked by Conditional Access; no token is issued.",
            suberror="message_only",
        ),
        Aadsts(54005, "invalid_grant", "The authorization code was already redeemed."),
        Aadsts(
            65001,
            "invalid_grant",
            "'{who}' hasn't consented to '{app}'. Send an interactive request.",
            suberror="consent_required",
        ),
        Aadsts(DECLINED, "access_denied", "The person declined to consent."),
        Aadsts(70000, "invalid_grant", "The grant is invalid or malformed."),
        Aadsts(70003, "unsupported_grant_type", "The grant type '{grant}' isn't supported."),
        Aadsts(70008, "invalid_grant", "The authorization code has expired."),
        Aadsts(70011, "invalid_scope", "The scope '{scope}' isn't valid."),
        Aadsts(70016, "authorization_pending", "The person hasn't finished the sign-in yet."),
        Aadsts(70018, "bad_verification_code", "The verification code is wrong."),
        Aadsts(70019, "invalid_grant", "The verification code has expired."),
        Aadsts(70020, "expired_token", "The device code has expired."),
        Aadsts(90002, "invalid_tenant", "Tenant '{tenant}' isn't found."),
        Aadsts(
            90009,
            "invalid_request",
            "'{app}' asks for a token for itself; use its GUID, not its URI, as resource.",
        ),
        Aadsts(900144, "invalid_request", "The parameter '{name}' is missing."),
        Aadsts(90023, "invalid_request", "The value of '{name}' isn't supported."),
        Aadsts(90094, "access_denied", "'{app}' needs the consent of an administrator."),
        Aadsts(500011, "invalid_resource", "The resource '{resource}' isn't in '{tenant}'."),
        Aadsts(
            500112,
            "invalid_client",
            "The redirect URI differs from the one used before.",
            _UNAUTHORIZED,
        ),
        Aadsts(500113, "invalid_request", "No redirect URI is registered for '{app}'."),
        Aadsts(501481, "invalid_grant", "The code verifier doesn't match the challenge."),
        Aadsts(700016, "unauthorized_client", "App '{app}' isn't in the directory '{tenant}'."),
        Aadsts(700022, "invalid_scope", "The scopes belong to more than one resource."),
        Aadsts(700025, "invalid_client", "A public client must not send a secret.", _UNAUTHORIZED),
        Aadsts(700054, "unsupported_response_type", "The response type must be 'code'."),
        Aadsts(700082, "invalid_grant", "The refresh token has expired due to inactivity."),
        Aadsts(7000112, "unauthorized_client", "App '{app}' is disabled."),
        Aadsts(
            7000218,
            "invalid_client",
            "The body must hold 'client_assertion' or 'client_secret'.",
            _UNAUTHORIZED,
        ),
        Aadsts(9002313, "invalid_request", "The request is malformed."),
    )
}


class Refused(Exception):
    """A request the authority refuses; never leaves the emulator, each endpoint shows its way."""

    def __init__(self, code: int, *, error: str = "", claims: str = "", **fields: str) -> None:
        entry = CATALOGUE[code]
        self.code = code
        self.error = error or entry.error
        self.status = entry.status
        self.suberror = entry.suberror
        self.claims = claims
        self.text = entry.text.format(**fields)
        super().__init__(f"AADSTS{code}: {self.text}")


@dataclass(frozen=True, slots=True)
class Trace:
    """What identifies one answer in the cloud's logs."""

    correlation_id: str
    """The client's ``client-request-id``, or a new GUID."""
    trace_id: str
    timestamp: str
    """UTC, ``YYYY-MM-DD HH:MM:SSZ``."""

    @staticmethod
    def new(correlation_id: str | None, now: float) -> Trace:
        """Make a trace for an answer given at ``now`` (seconds since the epoch)."""
        moment = dt.datetime.fromtimestamp(now, dt.UTC)
        return Trace(
            correlation_id=_guid(correlation_id),
            trace_id=str(uuid.uuid4()),
            timestamp=moment.strftime("%Y-%m-%d %H:%M:%SZ"),
        )

    def describe(self, refused: Refused) -> str:
        """Return ``error_description``."""
        return (
            f"{refused} Trace ID: {self.trace_id} Correlation ID: {self.correlation_id} "
            f"Timestamp: {self.timestamp}"
        )


def _guid(value: str | None) -> str:
    try:
        return str(uuid.UUID(value or ""))
    except ValueError:
        return str(uuid.uuid4())


def error_body(refused: Refused, trace: Trace, error_page: str) -> dict[str, object]:
    """Return the JSON body of the token endpoint's error; ``error_page`` is the help page's URL."""
    body: dict[str, object] = {
        "error": refused.error,
        "error_description": trace.describe(refused),
        "error_codes": [refused.code],
        "timestamp": trace.timestamp,
        "trace_id": trace.trace_id,
        "correlation_id": trace.correlation_id,
        "error_uri": f"{error_page}?code={refused.code}",
    }
    if refused.suberror:
        body["suberror"] = refused.suberror
    if refused.claims:
        body["claims"] = refused.claims
    return body
