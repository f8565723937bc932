"""Puts the endpoints together: what programs reach over HTTPS, what people reach over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from starlette.applications import Starlette

from mcp_local.emulator.aadsts import Refused
from mcp_local.emulator.authorize import Authorize
from mcp_local.emulator.device_pages import DevicePages
from mcp_local.emulator.help_pages import HelpPages
from mcp_local.emulator.metadata import Metadata
from mcp_local.emulator.middleware import Gate
from mcp_local.emulator.token_endpoint import TokenEndpoint
from mcp_local.emulator.wire import refusal, trace_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    from mcp_local.emulator.authority import Authority
    from mcp_local.emulator.faults import Faults
    from mcp_local.emulator.request_log import RequestLog


def human_app(authority: Authority, log: RequestLog, faults: Faults) -> Gate:
    """Return the application with the pages for people."""
    return Gate(_application(_human(authority), authority), log, faults, authority.now)


def machine_app(authority: Authority, log: RequestLog, faults: Faults) -> Gate:
    """Return the application with the endpoints of programs; the pages are there, too."""
    routes = [*Metadata(authority).routes(), *TokenEndpoint(authority).routes()]
    return Gate(_application([*routes, *_human(authority)], authority), log, faults, authority.now)


def _human(authority: Authority) -> list[Route]:
    pages = (HelpPages(authority), DevicePages(authority), Authorize(authority))
    return [route for page in pages for route in page.routes()]


def _application(routes: list[Route], authority: Authority) -> Starlette:
    async def refuse(request: Request, error: Exception) -> Response:
        return refusal(cast("Refused", error), trace_of(request, authority), authority)

    return Starlette(routes=routes, exception_handlers={Refused: refuse})
