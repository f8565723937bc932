"""``/authorize`` and ``/logout``: what a browser is sent to by an app."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.responses import Response
from starlette.routing import Route

from mcp_local.emulator.aadsts import DECLINED, Refused
from mcp_local.emulator.claims import POLICIES, values_asked_for
from mcp_local.emulator.interaction import PROMPTS, Asked, Interaction
from mcp_local.emulator.pages import Form, error_page, message_page
from mcp_local.emulator.pkce import check_challenge
from mcp_local.emulator.redirects import RESPONSE_MODES, check_redirect, deliver, is_registered
from mcp_local.emulator.scopes import parse_scopes
from mcp_local.emulator.tokens import client_info
from mcp_local.emulator.wire import BrowserCookie, read_form, trace_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from mcp_local.emulator.aadsts import Trace
    from mcp_local.emulator.authority import Authority
    from mcp_local.emulator.sessions import SignedIn

_TOLD_TO_THE_APP = frozenset({50058, 50147, DECLINED, 70011, 90023, 700054, 900144, 9002313})
"""The rest the person reads in the browser, and the app never hears of it (ENTRA.md, trap 6)."""


@dataclass(frozen=True, slots=True)
class _ReplyTo:
    """Where the answer goes; known once app and redirect URI are checked."""

    uri: str
    mode: str
    state: str

    def send(self, fields: Mapping[str, str]) -> Response:
        state = {"state": self.state} if self.state else {}
        return deliver(self.uri, self.mode, {**fields, **state})

    @property
    def origin(self) -> str:
        """The origin as a source of a content security policy."""
        parts = urlsplit(self.uri)
        return f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"


class Authorize:
    """The endpoints that a browser visits on an app's behalf."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._interaction = Interaction(authority)
        self._cookie = BrowserCookie(authority)

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/{tenant}/oauth2/v2.0/authorize", self._start),
            Route("/{tenant}/login", self._answered, methods=["POST"]),
            Route("/{tenant}/oauth2/v2.0/logout", self._log_out),
        ]

    async def _start(self, request: Request) -> Response:
        return self._run(request, {})

    async def _answered(self, request: Request) -> Response:
        return self._run(request, await read_form(request))

    def _run(self, request: Request, answers: Mapping[str, str]) -> Response:
        trace = trace_of(request, self._authority)
        try:
            reply = self._reply_to(request)
        except Refused as refused:
            return error_page(refused, trace)
        try:
            outcome = self._interaction.proceed(self._asked(request, reply), answers)
        except Refused as refused:
            return self._refuse(request, refused, trace, reply)
        if isinstance(outcome, Response):
            return outcome
        return self._finish(request, outcome, reply)

    def _reply_to(self, request: Request) -> _ReplyTo:
        """Check what must be right before anything may be sent to the redirect URI."""
        params = request.query_params
        self._authority.check_tenant(request.path_params["tenant"])
        client = self._authority.check_client(params.get("client_id"))
        uri = check_redirect(params.get("redirect_uri"), client)
        mode = params.get("response_mode", "query")
        if mode not in RESPONSE_MODES:
            raise Refused(90023, name="response_mode")
        return _ReplyTo(uri, mode, params.get("state", ""))

    def _asked(self, request: Request, reply: _ReplyTo) -> Asked:
        params = request.query_params
        if params.get("response_type") != "code":
            raise Refused(700054)
        check_challenge(params.get("code_challenge", ""), params.get("code_challenge_method", ""))
        prompt = params.get("prompt", "")
        if prompt not in PROMPTS:
            raise Refused(90023, name="prompt")
        wanted = parse_scopes(params.get("scope", ""), self._authority.directory)
        tenant = request.path_params["tenant"]
        return Asked(
            form=Form(f"/{tenant}/login?{request.url.query}", targets=(reply.origin,)),
            wanted=wanted,
            prompt=prompt,
            login_hint=params.get("login_hint", ""),
            policies=frozenset(values_asked_for(params.get("claims", ""), POLICIES)),
            browser=self._cookie.read(request),
        )

    def _refuse(
        self, request: Request, refused: Refused, trace: Trace, reply: _ReplyTo
    ) -> Response:
        silent = request.query_params.get("prompt") == "none"
        if not silent and refused.code not in _TOLD_TO_THE_APP:
            return error_page(refused, trace)
        return reply.send(
            {
                "error": refused.error,
                "error_description": trace.describe(refused),
                "error_uri": f"{self._authority.pages}/error?code={refused.code}",
            }
        )

    def _finish(self, request: Request, signed_in: SignedIn, reply: _ReplyTo) -> Response:
        params, authority = request.query_params, self._authority
        code = authority.grants.give_code(
            signed_in,
            redirect_uri=params["redirect_uri"],
            challenge=params["code_challenge"],
            scope=params["scope"],
            nonce=params.get("nonce", ""),
        )
        fields = {"code": code}
        if params.get("client_info"):
            person = authority.person(signed_in.object_id)
            fields["client_info"] = client_info(person, authority.directory.tenant_id)
        response = reply.send(fields)
        self._cookie.keep(request, response, signed_in)
        return response

    async def _log_out(self, request: Request) -> Response:
        uri = request.query_params.get("post_logout_redirect_uri", "")
        if uri and is_registered(uri, self._authority.directory.client.redirect_uris):
            state = request.query_params.get("state", "")
            response = deliver(uri, "query", {"state": state} if state else {})
        else:
            response = message_page("Signed out", "Nobody is signed in in this browser any more.")
        self._cookie.forget(request, response)
        return response
