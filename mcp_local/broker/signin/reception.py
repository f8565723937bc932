"""Decides what each request to the loopback listener is answered with. No I/O."""

from __future__ import annotations

import hmac
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from mcp_local.broker.loopback.form import parse_form
from mcp_local.broker.loopback.http import Refused, Request, Response
from mcp_local.broker.loopback.page import HEADERS

if TYPE_CHECKING:
    from collections.abc import Mapping


class Reception:
    """Decides what a request is answered with; no I/O."""

    def __init__(self, host: str, auth_uri: str, starts: set[str]) -> None:
        self._host = host
        self._auth_uri = auth_uri
        self._state = parse_qs(urlsplit(auth_uri).query)["state"][0].encode()
        self._starts = starts
        self._answered = False

    def judge(self, request: Request) -> Response | Mapping[str, str]:
        """Return the redirect of a start address, or the form of the one authentic answer.

        Raises:
            Refused: anything else; the sign-in goes on.
        """
        if request.headers.get("host", "").lower() != self._host:  # O7, DNS rebinding
            raise Refused(HTTPStatus.MISDIRECTED_REQUEST, "This address belongs to another host.")
        path, _, _ = request.target.partition("?")
        if path.startswith("/start/"):
            return self._start(request)
        if path != "/":  # O7
            raise Refused(HTTPStatus.NOT_FOUND, "There is nothing at this address.")
        if request.method == "GET":  # O2: a code in an address ends up in histories and logs
            raise Refused(
                HTTPStatus.BAD_REQUEST, "The answer of the sign-in page must come as a form."
            )
        if request.method != "POST":  # O7
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "This can't be done here.")
        return self._answer(request)

    def _start(self, request: Request) -> Response:
        if request.method != "GET":
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "This can't be done here.")
        if request.target not in self._starts or self._answered:
            raise Refused(
                HTTPStatus.GONE,
                "This link was used already, or its sign-in is over. "
                "Ask for the sign-in again to get a new link.",
            )
        self._starts.remove(request.target)
        return Response(HTTPStatus.FOUND, headers=(*HEADERS, ("Location", self._auth_uri)))

    def _answer(self, request: Request) -> Mapping[str, str]:
        if self._answered:  # O9
            raise Refused(HTTPStatus.CONFLICT, "This sign-in has had its answer.")
        form = parse_form(request)
        state = form.get("state", "").encode()
        if not hmac.compare_digest(state, self._state):  # O1
            raise Refused(HTTPStatus.BAD_REQUEST, "This answer belongs to another sign-in.")
        if not form.keys() & {"code", "error"}:
            raise Refused(HTTPStatus.BAD_REQUEST, "This is not the answer of a sign-in page.")
        self._answered = True
        return form
