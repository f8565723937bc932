"""Reading requests and writing answers the way the cloud does."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.responses import JSONResponse

from mcp_local.emulator.aadsts import Refused, Trace, error_body

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from mcp_local.emulator.authority import Authority
    from mcp_local.emulator.sessions import SignedIn

_LIMIT = 64 * 1024
"""Bytes of a form; the cloud's own limit is unknown, honest clients send a few KB."""
_FORM = "application/x-www-form-urlencoded"
NO_STORE = {"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"}


async def read_form(request: Request) -> dict[str, str]:
    """Return a form's fields; not a form, too long or not UTF-8 is malformed (9002313)."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise Refused(9002313)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LIMIT:
            raise Refused(9002313)
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict"))
    except ValueError:
        raise Refused(9002313) from None


def trace_of(
    request: Request, authority: Authority, form: Mapping[str, str] | None = None
) -> Trace:
    """Return the trace of the answer; the client's ``client-request-id`` is taken over."""
    name = "client-request-id"
    given = request.headers.get(name) or request.query_params.get(name)
    return Trace.new(given or (form or {}).get(name), authority.now())


def refusal(refused: Refused, trace: Trace, authority: Authority) -> JSONResponse:
    """Return the JSON answer of the machine's endpoints."""
    body = error_body(refused, trace, f"{authority.pages}/error")
    headers = NO_STORE | {
        "x-ms-request-id": trace.trace_id,
        "client-request-id": trace.correlation_id,
    }
    return JSONResponse(body, refused.status, headers)


class BrowserCookie:
    """Remembers in a browser who signed in there (single sign-on)."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        # Cookies don't know ports: the tenant keeps two emulators apart.
        self._name = f"emulator-{authority.directory.tenant_id[:8]}"

    def read(self, request: Request) -> dict[str, SignedIn]:
        """Return who is signed in in this browser, by object id."""
        return self._authority.sessions.browser(request.cookies.get(self._name, ""))

    def keep(self, request: Request, response: Response, signed_in: SignedIn) -> None:
        """Remember a sign-in."""
        known = request.cookies.get(self._name, "")
        cookie = self._authority.sessions.remember(known, signed_in)
        response.set_cookie(self._name, cookie, path="/", httponly=True, samesite="lax")

    def forget(self, request: Request, response: Response) -> None:
        """Sign everybody out of this browser."""
        self._authority.sessions.forget_browser(request.cookies.get(self._name, ""))
        response.delete_cookie(self._name, path="/", httponly=True, samesite="lax")
