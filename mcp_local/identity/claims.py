"""What a signed token says: the type of every claim that is read, then its meaning.

Checks raise in the order that helps most: a token for the wrong API says so even when it has
expired. So ``EXPIRED`` means that nothing but the time is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from mcp_local.identity.display import shown
from mcp_local.identity.model import Identity, Rejection, TokenRejected

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.identity.model import Expectations

_YEAR_9999 = 253_402_300_799
_Text = Annotated[str, msgspec.Meta(min_length=1)]
_Seconds = Annotated[int, msgspec.Meta(ge=0, le=_YEAR_9999)]


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """The claims that are read, of v1.0 and v2.0 access tokens (ENTRA.md 3); others are let be.

    msgspec converts nothing here: a string is no list, ``1.0`` and ``true`` are no integers
    (J15, J16).
    """

    aud: _Text
    iss: _Text
    tid: _Text
    oid: _Text
    sub: _Text
    uti: _Text
    ver: _Text
    exp: _Seconds
    nbf: _Seconds
    iat: _Seconds
    azp: str = ""
    """The client, in v2.0."""
    appid: str = ""
    """The client, in v1.0."""
    scp: str = ""
    idtyp: Literal["", "user", "app"] = ""
    roles: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    name: str = ""
    preferred_username: str = ""
    upn: str = ""
    unique_name: str = ""
    idp: str = ""
    acct: int | msgspec.UnsetType = msgspec.UNSET
    """0 member, 1 guest, where the app registration asks for it."""

    @property
    def scopes(self) -> frozenset[str]:
        """The delegated scopes: parted by single spaces, no other blank (RFC 6749 §3.3)."""
        return frozenset(self.scp.split(" ")) - {""}

    @property
    def client(self) -> str:
        """The app that asked for the token."""
        return self.appid if self.ver == "1.0" else self.azp

    @property
    def app_only(self) -> bool:
        """Whether an app asked for itself (ENTRA.md 3); ``idtyp`` is optional in Entra."""
        if self.idtyp:
            return self.idtyp == "app"
        return not self.scopes and self.oid == self.sub

    @property
    def guest(self) -> bool:
        """Whether the person's home is another tenant; for display."""
        if self.acct is not msgspec.UNSET:
            return self.acct == 1
        return bool(self.idp) and self.tid not in self.idp


_REQUIRED = tuple(field.name for field in msgspec.structs.fields(Claims) if field.required)


def read_claims(payload: Mapping[str, object]) -> Claims:
    """Check that every claim is there and has its type.

    Raises:
        TokenRejected: ``CLAIM_MISSING`` or ``CLAIM_TYPE`` (J10, J15, J16).
    """
    missing = [name for name in _REQUIRED if name not in payload]
    if missing:
        raise TokenRejected(
            Rejection.CLAIM_MISSING, f"The token has no claim {', '.join(missing)}."
        )
    try:
        return msgspec.convert(payload, Claims)
    except msgspec.ValidationError as error:
        message = f"A claim of the token has the wrong type: {shown(str(error))}"
    raise TokenRejected(Rejection.CLAIM_TYPE, message)


def check_audience(claims: Claims, expected: Expectations) -> None:
    """Demand that ``aud`` is exactly one of the configured values (J10; RFC 8725 §3.9)."""
    if claims.aud not in expected.audiences:
        raise TokenRejected(
            Rejection.AUDIENCE,
            f"The token is for {shown(claims.aud)}, not for your API.",
            hint="Check `api`, `scopes` and `audiences`: `mcp-local settings show` prints them.",
        )


def check_kind(claims: Claims, expected: Expectations) -> None:
    """Demand an access token that a person stands behind: ``scp`` says so (J11, J12)."""
    if claims.app_only:
        if not expected.allow_app_only:
            raise TokenRejected(
                Rejection.APP_ONLY,
                "The token is an app's own: no person stands behind it.",
                hint="Sign in as a person (`mcp-local login`), or set `token.allow_app_only`.",
            )
    elif not claims.scopes:
        raise TokenRejected(
            Rejection.NO_SCOPE,
            "The token grants no scope: it is an ID token, or the API was given no scope.",
            hint="Set `scopes` to a scope of your API, such as "
            "api://<api's app id>/access_as_user, then run `mcp-local login`.",
        )


def check_client(claims: Claims, expected: Expectations) -> None:
    """Demand that the token was issued to an app we know (``azp``, v1.0: ``appid``)."""
    if claims.client not in expected.clients or not claims.client:
        raise TokenRejected(
            Rejection.CLIENT,
            f"The token was issued to the app {shown(claims.client)}, not to this one.",
            hint="Check `client_id` (MCP_LOCAL_CLIENT_ID).",
        )


def check_time(claims: Claims, expected: Expectations, now: float) -> None:
    """Demand ``nbf``, ``iat`` ≤ now < ``exp``, with leeway (RFC 7519 §4.1.4 to 4.1.6, J15, J25)."""
    if now >= claims.exp + expected.leeway + expected.grace:
        raise TokenRejected(
            Rejection.EXPIRED, "The token has expired.", hint="Run `mcp-local refresh`."
        )
    if max(claims.nbf, claims.iat) > now + expected.leeway:
        raise TokenRejected(
            Rejection.NOT_YET_VALID,
            "The token is not valid yet by this machine's clock.",
            hint="Set the clock of this machine.",
        )


def to_identity(claims: Claims, payload: Mapping[str, object]) -> Identity:
    """Say who this is; call it after all checks. ``payload`` is what the claims were read from."""
    return Identity(
        tenant_id=claims.tid,
        object_id=claims.oid,
        roles=claims.roles,
        scopes=claims.scopes,
        groups=claims.groups,
        client_id=claims.client,
        issued_at=claims.iat,
        expires_at=claims.exp,
        name=claims.name,
        username=claims.preferred_username or claims.upn or claims.unique_name,
        app_only=claims.app_only,
        guest=claims.guest,
        claims=payload,
    )
