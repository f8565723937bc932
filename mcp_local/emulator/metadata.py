"""OpenID metadata v1.0 and v2.0, instance discovery, and the signing keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse
from starlette.routing import Route

from mcp_local.emulator.aadsts import Refused
from mcp_local.emulator.authority import SHARED_TENANTS
from mcp_local.emulator.tokens import Issuers

if TYPE_CHECKING:
    from starlette.requests import Request

    from mcp_local.emulator.authority import Authority

_CACHED = {"Cache-Control": "max-age=86400, private"}
_MICROSOFT_HOSTS = (
    "login.microsoftonline.com",
    "login.windows.net",
    "login.microsoft.com",
    "sts.windows.net",
)


class Metadata:
    """The documents with which a client finds its way."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority

    def routes(self) -> list[Route]:
        """Return the routes; v1.0 and v2.0 differ in their issuers only."""
        v1, v2 = self._document_v1, self._document_v2
        return [
            Route("/common/discovery/instance", self._instance),
            Route("/{tenant}/.well-known/openid-configuration", v1),
            Route("/{tenant}/v2.0/.well-known/openid-configuration", v2),
            Route("/{tenant}/discovery/keys", self._keys_v1),
            Route("/{tenant}/discovery/v2.0/keys", self._keys_v2),
        ]

    def _named(self, tenant: str) -> str:
        """Return the tenant as documents write it: its id, or ``{tenantid}`` for shared ones."""
        if tenant.casefold() in SHARED_TENANTS:
            return "{tenantid}"
        self._authority.check_tenant(tenant)
        return self._authority.directory.tenant_id

    def _issuer(self, tenant: str, version: int) -> str:
        issuers = Issuers.of(self._authority.origin, self._named(tenant))
        return issuers.for_version(version)

    def _document(self, request: Request, version: int) -> JSONResponse:
        tenant = request.path_params["tenant"]
        issuer = self._issuer(tenant, version)
        path = tenant if "{" in issuer else self._authority.directory.tenant_id
        base = f"{self._authority.origin}/{path}"
        pages = f"{self._authority.pages}/{path}"
        keys = f"{base}/discovery/keys" if version == 1 else f"{base}/discovery/v2.0/keys"
        document = {
            "issuer": issuer,
            "authorization_endpoint": f"{pages}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "end_session_endpoint": f"{pages}/oauth2/v2.0/logout",
            "jwks_uri": keys,
            "response_modes_supported": ["query", "fragment", "form_post"],
            "response_types_supported": ["code"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["none"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "tenant_region_scope": "EU",
            "cloud_instance_name": "localhost",
        }
        return JSONResponse(document, headers=_CACHED)

    async def _document_v1(self, request: Request) -> JSONResponse:
        return self._document(request, 1)

    async def _document_v2(self, request: Request) -> JSONResponse:
        return self._document(request, 2)

    async def _keys_v1(self, request: Request) -> JSONResponse:
        return self._keys(request, 1)

    async def _keys_v2(self, request: Request) -> JSONResponse:
        return self._keys(request, 2)

    def _keys(self, request: Request, version: int) -> JSONResponse:
        issuer = self._issuer(request.path_params["tenant"], version)
        return JSONResponse(self._authority.keys.jwks(issuer), headers=_CACHED)

    async def _instance(self, request: Request) -> JSONResponse:
        authority = self._authority
        own = authority.origin.removeprefix("https://")
        asked = request.query_params.get("authorization_endpoint", authority.origin)
        host = asked.removeprefix("https://").partition("/")[0].lower()
        if host not in {own, own.partition(":")[0], *_MICROSOFT_HOSTS}:
            raise Refused(50049, host=host)
        discovery = (
            f"{authority.origin}/{authority.directory.tenant_id}"
            "/v2.0/.well-known/openid-configuration"
        )
        metadata = [
            {
                "preferred_network": _MICROSOFT_HOSTS[0],
                "preferred_cache": "login.windows.net",
                "aliases": list(_MICROSOFT_HOSTS),
            },
            {"preferred_network": own, "preferred_cache": own, "aliases": [own]},
        ]
        body = {
            "tenant_discovery_endpoint": discovery,
            "api-version": "1.1",
            "metadata": metadata,
        }
        return JSONResponse(body, headers=_CACHED)
