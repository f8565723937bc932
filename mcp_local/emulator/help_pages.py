"""Pages that explain: who can sign in here, and what an error means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from mcp_local.emulator.aadsts import CATALOGUE
from mcp_local.emulator.pages import directory_page, message_page

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from mcp_local.emulator.authority import Authority


class HelpPages:
    """The pages nobody is sent to by an app."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [Route("/", self._start), Route("/error", self._error)]

    async def _start(self, _request: Request) -> Response:
        authority = self._authority
        tenant = f"{authority.origin}/{authority.directory.tenant_id}"
        return directory_page(authority.directory, tenant)

    async def _error(self, request: Request) -> Response:
        """Explain what ``error_uri`` points at."""
        code = request.query_params.get("code", "")
        entry = next((one for one in CATALOGUE.values() if str(one.code) == code), None)
        if entry is None:
            return message_page("Unknown error", "This code isn't one of the emulator's.")
        return message_page(f"AADSTS{entry.code}", f"{entry.error}: {entry.text}")
