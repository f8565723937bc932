"""``/token`` and ``/devicecode``: where programs trade grants for tokens."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse
from starlette.routing import Route

from mcp_local.emulator.aadsts import DECLINED, Refused
from mcp_local.emulator.claims import CAPABILITIES, values_asked_for
from mcp_local.emulator.pkce import challenge_of
from mcp_local.emulator.scopes import GRAPH, parse_one_resource, parse_scopes
from mcp_local.emulator.tokens import Mint, Span, client_info, with_graph_nonce
from mcp_local.emulator.wire import NO_STORE, read_form, refusal, trace_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request

    from mcp_local.emulator.authority import Authority
    from mcp_local.emulator.directory import Person
    from mcp_local.emulator.scopes import Wanted
    from mcp_local.emulator.sessions import SignedIn

_DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
_NO_SECRETS = ("client_secret", "client_assertion")


@dataclass(frozen=True, slots=True)
class _Granted:
    """What a grant allows."""

    person: Person
    signed_in: SignedIn
    wanted: Wanted
    scope: str
    nonce: str


def _field(form: Mapping[str, str], name: str) -> str:
    if not form.get(name):
        raise Refused(900144, name=name)
    return form[name]


class TokenEndpoint:
    """The endpoints that programs post to."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._grants: dict[str, Callable[[Mapping[str, str]], _Granted]] = {
            "authorization_code": self._by_code,
            "refresh_token": self._by_refresh_token,
            _DEVICE_CODE: self._by_device_code,
        }

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/{tenant}/oauth2/v2.0/token", self._token, methods=["POST"]),
            Route("/{tenant}/oauth2/v2.0/devicecode", self._device, methods=["POST"]),
        ]

    async def _token(self, request: Request) -> JSONResponse:
        form = await read_form(request)
        request.state.grant_type = form.get("grant_type", "")
        try:
            return self._answer(request, form)
        except Refused as refused:
            return refusal(refused, trace_of(request, self._authority, form), self._authority)

    def _answer(self, request: Request, form: Mapping[str, str]) -> JSONResponse:
        self._authority.check_tenant(request.path_params["tenant"])
        grant_type = _field(form, "grant_type")
        self._authority.check_client(form.get("client_id"))
        if any(form.get(name) for name in _NO_SECRETS):
            raise Refused(700025)
        if grant_type not in self._grants:
            raise Refused(70003, grant=grant_type)
        granted = self._grants[grant_type](form)
        return JSONResponse(self._issue(granted, form), headers=NO_STORE)

    def _by_code(self, form: Mapping[str, str]) -> _Granted:
        code, redirect_uri = _field(form, "code"), _field(form, "redirect_uri")
        grant = self._authority.grants.take_code(code)
        if redirect_uri != grant.redirect_uri:
            raise Refused(500112)
        verifier = form.get("code_verifier", "")
        if challenge_of(verifier) != grant.challenge:  # RFC 7636, section 4.6
            raise Refused(501481)
        scope = form.get("scope") or grant.scope
        wanted = parse_one_resource(scope, self._authority.directory)
        person = self._authority.check_grant(grant.signed_in, wanted.resource)
        return _Granted(person, grant.signed_in, wanted, scope, grant.nonce)

    def _by_refresh_token(self, form: Mapping[str, str]) -> _Granted:
        token = _field(form, "refresh_token")
        grant = self._authority.grants.use_refresh(token)
        scope = form.get("scope") or grant.scope
        wanted = parse_one_resource(scope, self._authority.directory)
        person = self._authority.check_grant(grant.signed_in, wanted.resource)
        self._check_not_itself(wanted)
        self._authority.grants.rotate(token)
        return _Granted(person, grant.signed_in, wanted, scope, "")

    def _check_not_itself(self, wanted: Wanted) -> None:
        """Refuse an app's refresh of a token for itself by App ID URI (90009)."""
        client = self._authority.directory.client
        if wanted.resource.api_id == client.client_id and not wanted.by_guid:
            raise Refused(90009, app=client.name)

    def _by_device_code(self, form: Mapping[str, str]) -> _Granted:
        if not self._authority.directory.client.public_client_flows:
            raise Refused(7000218)
        code = _field(form, "device_code")
        grant = self._authority.grants.device(code)
        now = self._authority.now()
        since, grant.last_poll = now - grant.last_poll, now
        if grant.declined:
            raise Refused(DECLINED, error="authorization_declined")
        if now > grant.expires_at:
            raise Refused(70020)
        if grant.signed_in is None:
            # RFC 8628, section 3.5.
            hasty = since < self._authority.options.device_interval
            raise Refused(70016, error="slow_down" if hasty else "")
        wanted = parse_one_resource(grant.scope, self._authority.directory)
        person = self._authority.check_grant(grant.signed_in, wanted.resource, device_code=True)
        self._authority.grants.end_device(code)
        return _Granted(person, grant.signed_in, wanted, grant.scope, "")

    def _issue(self, granted: _Granted, form: Mapping[str, str]) -> dict[str, object]:
        authority = self._authority
        options, asked = authority.options, granted.scope.split()
        body: dict[str, object] = {
            "token_type": "Bearer",
            "scope": granted.wanted.scope,
            "expires_in": int(options.lifetime),
            "ext_expires_in": int(options.lifetime),
            "access_token": self._access_token(granted, form),
        }
        if options.refresh_in is not None:
            body["refresh_in"] = int(options.refresh_in)
        if "offline_access" in asked or form.get("refresh_token"):
            grants = authority.grants
            body["refresh_token"] = grants.give_refresh(granted.signed_in, granted.scope)
        if "openid" in asked:
            body["id_token"] = self._id_token(granted)
        if form.get("client_info"):
            body["client_info"] = client_info(granted.person, authority.directory.tenant_id)
        return body

    def _mint(self) -> Mint:
        authority = self._authority
        span = Span.starting(authority.now(), authority.options.lifetime)
        return Mint(authority.directory, authority.issuers, span)

    def _access_token(self, granted: _Granted, form: Mapping[str, str]) -> str:
        keys, wanted = self._authority.keys, granted.wanted
        capabilities = values_asked_for(form.get("claims", ""), CAPABILITIES)
        claims = self._mint().access(granted.person, wanted, capabilities=capabilities)
        v1 = wanted.resource.token_version == 1
        if wanted.resource is not GRAPH:
            return keys.sign(claims, x5t=v1)
        nonce, kid = secrets.token_urlsafe(32), keys.active.kid
        hashed = hashlib.sha256(nonce.encode()).hexdigest()
        token = keys.sign(claims, x5t=v1, headers={"nonce": hashed})
        shown = {"typ": "JWT", "nonce": nonce, "alg": "RS256", "x5t": kid, "kid": kid}
        return with_graph_nonce(token, shown)

    def _id_token(self, granted: _Granted) -> str:
        claims = self._mint().identity(granted.person, granted.nonce)
        return self._authority.keys.sign(claims, x5t=False)

    async def _device(self, request: Request) -> JSONResponse:
        authority = self._authority
        form = await read_form(request)
        trace = trace_of(request, authority, form)
        try:
            authority.check_tenant(request.path_params["tenant"])
            authority.check_client(form.get("client_id"))
            scope = _field(form, "scope")
            parse_scopes(scope, authority.directory)
        except Refused as refused:
            return refusal(refused, trace, authority)
        code, grant = authority.grants.give_device(scope, trace.correlation_id)
        page = f"{authority.pages}/devicelogin"
        body = {
            "user_code": grant.user_code,
            "device_code": code,
            "verification_uri": page,
            "expires_in": int(authority.options.device_lifetime),
            "interval": authority.options.device_interval,
            "message": f"To sign in, open {page} in a browser and enter the code "
            f"{grant.user_code}.",
        }
        return JSONResponse(body, headers=NO_STORE)
