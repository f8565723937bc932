"""Whose token is it: version, tenant, issuer, and the issuer of the very key that signed it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mcp_local.identity.display import shown
from mcp_local.identity.model import Rejection, TokenRejected

if TYPE_CHECKING:
    from mcp_local.identity.claims import Claims
    from mcp_local.identity.keyset import Jwk
    from mcp_local.identity.model import Expectations

PERSONAL_ACCOUNTS = "9188040d-6c67-4c5b-b112-36a304b66dad"
"""The tenant of all personal Microsoft accounts: nobody's administrator gave roles there."""

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TENANT = "{tenantid}"


def check_issuer(claims: Claims, key: Jwk, expected: Expectations) -> None:
    """Check tenant, version, issuer and the key's own issuer against each other (J13, J14).

    Raises:
        TokenRejected: ``TENANT``, ``VERSION`` or ``ISSUER``.
    """
    _check_tenant(claims.tid, expected)
    by_version = {
        "1.0": _for_tenant(expected.issuer_v1, claims.tid),
        "2.0": _for_tenant(expected.issuer_v2, claims.tid),
    }
    _check_version(claims, by_version)
    _check_key(key, claims.tid, by_version, expected)


def _check_tenant(tenant: str, expected: Expectations) -> None:
    # J13: a GUID, so neither `common` nor the literal `{tenantid}` can meet a template.
    known = _GUID.fullmatch(tenant) and tenant in expected.tenants
    if not known or tenant == PERSONAL_ACCOUNTS:
        raise TokenRejected(
            Rejection.TENANT,
            f"The token comes from the tenant {shown(tenant)}, which isn't accepted.",
            hint="Sign in with an account of your tenant (`mcp-local login`), or name the other "
            "tenant in `tenants` (MCP_LOCAL_TENANTS).",
        )


def _check_version(claims: Claims, by_version: dict[str, str]) -> None:
    """Compare ``iss`` with the issuer that goes with ``ver`` (ENTRA.md 3, J14)."""
    wanted = by_version.get(claims.ver, "")
    if claims.iss == wanted:
        return
    if not wanted or claims.iss in by_version.values():
        raise TokenRejected(
            Rejection.VERSION,
            f"The token says version {shown(claims.ver)}, but not with that version's issuer.",
        )
    raise TokenRejected(
        Rejection.ISSUER,
        f"The token's issuer is {shown(claims.iss)}, not that of your tenant.",
        hint="Check `tenant` and `authority`: `mcp-local settings show` prints both.",
    )


def _check_key(key: Jwk, tenant: str, by_version: dict[str, str], expected: Expectations) -> None:
    """Let a key sign for its own issuer only; Entra writes the v2.0 one beside all keys (J14)."""
    if key.issuer:
        good = _for_tenant(key.issuer, tenant) in by_version.values()
    else:
        # A set that many tenants share must say whose each key is; a tenant's own set needn't.
        good = _TENANT not in expected.issuer_v2 + expected.issuer_v1
    if not good:
        raise TokenRejected(
            Rejection.ISSUER, "The key that signed the token belongs to another issuer."
        )


def _for_tenant(template: str, tenant: str) -> str:
    return template.replace(_TENANT, tenant)
