"""The tokens themselves: v1.0 and v2.0 access tokens, id tokens, ``client_info``. Pure.

The claims are those of ENTRA.md, section 3, no more and no less.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcp_local.emulator.directory import GROUP_LIMIT
from mcp_local.emulator.keys import base64url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.emulator.directory import Directory, Person
    from mcp_local.emulator.scopes import Wanted

BACK_DATED = 300
"""Seconds by which ``iat`` and ``nbf`` lie in the past, as in the cloud."""
_MEMBER = "b79fbf4d-3ef9-4689-8143-76b194e85509"
"""``wids`` of somebody without a directory role."""
_GUEST = "10dae51f-b6af-4016-8d66-8c2a99b929b3"
"""``wids`` of a guest."""


@dataclass(frozen=True, slots=True)
class Issuers:
    """The ``iss`` values of one tenant."""

    v1: str
    v2: str

    @staticmethod
    def of(origin: str, tenant_id: str) -> Issuers:
        """Return the issuers of the authority at ``origin``."""
        return Issuers(v1=f"{origin}/{tenant_id}/", v2=f"{origin}/{tenant_id}/v2.0")

    def for_version(self, version: int) -> str:
        """Return the issuer of tokens of ``version`` (1 or 2)."""
        return self.v1 if version == 1 else self.v2


@dataclass(frozen=True, slots=True)
class Span:
    """From when until when a token holds; seconds since the epoch."""

    issued: int
    expires: int

    @staticmethod
    def starting(now: float, lifetime: float) -> Span:
        """Return the span of a token given out at ``now`` for ``lifetime`` seconds."""
        return Span(issued=int(now) - BACK_DATED, expires=int(now + lifetime))


def _subject(person: Person, app_id: str) -> str:
    """Return ``sub``: one person is somebody else to each app."""
    return base64url(hashlib.sha256(f"{person.object_id}/{app_id}".encode()).digest())


def _groups(person: Person, tenant_id: str) -> dict[str, object]:
    if not person.groups:
        return {}
    if len(person.groups) <= GROUP_LIMIT:
        return {"groups": list(person.groups)}
    members = f"https://graph.windows.net/{tenant_id}/users/{person.object_id}/getMemberObjects"
    return {
        "_claim_names": {"groups": "src1"},
        "_claim_sources": {"src1": {"endpoint": members}},
    }


@dataclass(frozen=True, slots=True)
class Mint:
    """Makes the claims of tokens that one tenant gives out at one moment."""

    directory: Directory
    issuers: Issuers
    span: Span

    def access(
        self,
        person: Person,
        wanted: Wanted,
        *,
        capabilities: tuple[str, ...] = (),
        version: int = 0,
    ) -> dict[str, object]:
        """Return the claims of an access token.

        ``capabilities`` are what the client said it can do (``xms_cc``); ``version`` 0 leaves the
        choice to the API.
        """
        resource = wanted.resource
        claims = self._common(person, resource.api_id)
        claims |= self._versioned(version or resource.token_version, person, wanted)
        claims["scp"] = " ".join(wanted.names)
        claims["wids"] = [_GUEST if person.home_tenant else _MEMBER]
        claims |= _groups(person, self.directory.tenant_id)
        if person.roles and resource.api_id == self.directory.api.api_id:
            claims["roles"] = list(person.roles)
        if capabilities:
            claims["xms_cc"] = list(capabilities)
        return claims

    def identity(self, person: Person, nonce: str) -> dict[str, object]:
        """Return the claims of a v2.0 id token; ``nonce`` is echoed as it was received."""
        client_id = self.directory.client.client_id
        claims = self._common(person, client_id)
        claims |= {"ver": "2.0", "iss": self.issuers.v2, "aud": client_id}
        claims["preferred_username"] = person.username
        if nonce:
            claims["nonce"] = nonce
        return claims

    def _common(self, person: Person, app_id: str) -> dict[str, object]:
        claims: dict[str, object] = {
            "iat": self.span.issued,
            "nbf": self.span.issued,
            "exp": self.span.expires,
            "name": person.name,
            "oid": person.object_id,
            "rh": f"1.{secrets.token_urlsafe(36)}.",
            "sub": _subject(person, app_id),
            "tid": self.directory.tenant_id,
            "uti": secrets.token_urlsafe(16),
        }
        if person.home_tenant:
            claims["idp"] = f"https://sts.windows.net/{person.home_tenant}/"
        return claims

    def _versioned(self, version: int, person: Person, wanted: Wanted) -> dict[str, object]:
        client_id = self.directory.client.client_id
        if version == 1:
            return {
                "ver": "1.0",
                "iss": self.issuers.v1,
                "aud": wanted.prefix or wanted.resource.api_id,
                "appid": client_id,
                "appidacr": "0",
                "unique_name": person.username,
                "upn": person.username,
            }
        return {
            "ver": "2.0",
            "iss": self.issuers.v2,
            "aud": wanted.resource.api_id,
            "azp": client_id,
            "azpacr": "0",
            "preferred_username": person.username,
        }


def client_info(person: Person, tenant_id: str) -> str:
    """Return ``client_info``: without it MSAL makes no account."""
    info = {"uid": person.object_id, "utid": tenant_id}
    return base64url(json.dumps(info).encode())


def with_graph_nonce(token: str, header: Mapping[str, object]) -> str:
    """Return ``token`` under another header, so that its signature can't be verified.

    Graph's tokens are made that way: they are signed with a hash of the nonce they show (J9).
    """
    _, payload, signature = token.split(".")
    return ".".join((base64url(json.dumps(dict(header)).encode()), payload, signature))
