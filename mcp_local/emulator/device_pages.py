"""``/devicelogin``: where a person enters the code shown on another device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from mcp_local.emulator.aadsts import DECLINED, Refused, Trace
from mcp_local.emulator.interaction import Asked, Interaction
from mcp_local.emulator.pages import Form, code_page, error_page, message_page
from mcp_local.emulator.scopes import parse_scopes
from mcp_local.emulator.wire import BrowserCookie, read_form

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from mcp_local.emulator.authority import Authority
    from mcp_local.emulator.grants import DeviceGrant

_PATH = "/devicelogin"


class DevicePages:
    """The pages of the device code flow (RFC 8628, section 3.3)."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._interaction = Interaction(authority)
        self._cookie = BrowserCookie(authority)

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route(_PATH, self._enter),
            Route(_PATH, self._answered, methods=["POST"]),
        ]

    async def _enter(self, request: Request) -> Response:
        return code_page(Form(_PATH), request.query_params.get("otc", ""))

    async def _answered(self, request: Request) -> Response:
        answers = await read_form(request)
        try:
            grant = self._authority.grants.device_by_user_code(answers.get("user_code", ""))
        except Refused as refused:
            return code_page(Form(_PATH), "", refused)
        return self._run(request, grant, answers)

    def _run(self, request: Request, grant: DeviceGrant, answers: Mapping[str, str]) -> Response:
        app = self._authority.directory.client.name
        try:
            outcome = self._interaction.proceed(self._asked(request, grant), answers)
        except Refused as refused:
            if refused.code == DECLINED:
                grant.declined = True
                return message_page("Declined", f"You didn't sign in to {app} on your device.")
            return error_page(refused, Trace.new(grant.correlation_id, self._authority.now()))
        if isinstance(outcome, Response):
            return outcome
        grant.signed_in = outcome
        response = message_page(
            "Signed in", f"You are signed in to {app} on your device. You may close this window."
        )
        self._cookie.keep(request, response, outcome)
        return response

    def _asked(self, request: Request, grant: DeviceGrant) -> Asked:
        wanted = parse_scopes(grant.scope, self._authority.directory)
        return Asked(
            form=Form(_PATH, hidden={"user_code": grant.user_code}, on_device=True),
            wanted=wanted,
            # A code may have been sent by somebody else: never go on without a click (O13).
            prompt="select_account",
            device_code=True,
            browser=self._cookie.read(request),
        )
