"""HTTPS to the authority: one client for discovery, keys and MSAL.

Trust and proxy are those of ``network``. Every request has time-outs, every answer a size limit,
and no redirect is followed (J22).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import HTTPError

from mcp_local.broker.authority.clock import clock_skew
from mcp_local.broker.authority.refusal import AuthorityDown
from mcp_local.errors import Unreachable
from mcp_local.network import Connections, shown, unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mcp_local.settings.model import Settings

LARGEST_ANSWER = 1024 * 1024
"""Bytes; discovery, JWKS and token answers have far less (J22)."""
_PIECE = 64 * 1024
_TOO_MANY_REQUESTS = 429
_SERVER_ERRORS = 500
_OK = 200


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits of one request, in seconds."""

    connect: float = 10.0
    read: float = 20.0
    """Between two pieces of the answer."""
    total: float = 30.0
    """For the whole answer, so that one byte a second can't hold us."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; the three attributes are those that MSAL reads."""

    status_code: int
    text: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


class Http:
    """Speaks HTTPS as the settings say: their CA file and proxy, else the system's."""

    def __init__(
        self,
        settings: Settings,
        timeouts: Timeouts | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare; opens no connection. ``clock`` returns seconds since the epoch.

        Raises:
            SettingsError: ``ca_file`` can't be used.
        """
        self._timeouts = timeouts or Timeouts()
        self._connections = Connections(settings)
        self._clock = clock
        self.skew: float | None = None
        """By how many seconds this machine's clock was ahead at the last answer, if that told."""

    def get(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """GET ``url``; any status below 500 but 429 is an answer.

        Raises:
            Unreachable: no connection, no trust, no answer in time; AuthorityDown for 429 and 5xx.
        """
        return self._send("GET", url, params, headers, None)

    def post(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """POST a form; otherwise as :meth:`get`."""
        return self._send("POST", url, params, headers, urlencode(data or {}).encode())

    def fetch(self, url: str) -> bytes:
        """Return the body of a document, such as a JWKS.

        Raises:
            Unreachable: as :meth:`get`, and for every status but 200 (J22).
        """
        answer = self.get(url)
        if answer.status_code != _OK:
            raise AuthorityDown(f"{shown(url)} answered with HTTP status {answer.status_code}.")
        return answer.text.encode()

    def close(self) -> None:
        """Close what is open; the object can be used again."""
        self._connections.close()

    def _send(
        self,
        method: str,
        url: str,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        body: bytes | None,
    ) -> Answer:
        if not url.startswith("https://"):
            raise Unreachable(f"{shown(url)} is not spoken to without TLS.")
        deadline = time.monotonic() + self._timeouts.total
        # A connection kept open while a person signs in may be dead without a sign of it.
        fields = {**(headers or {}), "Connection": "close", "User-Agent": "mcp-local"}
        if body is not None:
            fields["Content-Type"] = "application/x-www-form-urlencoded"
        target = f"{url}{'&' if '?' in url else '?'}{urlencode(params)}" if params else url
        try:
            with self._open(method, target, fields, body) as response:
                text = _read(response, deadline, url).decode("utf-8", "replace")
        except HTTPError as error:
            raise unreachable(error, url) from None  # its text may hold the proxy's password
        headers = dict(response.headers)
        self.skew = clock_skew(headers, self._clock())
        _raise_if_down(response, url)
        return Answer(response.status, text, headers)

    def _open(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> urllib3.BaseHTTPResponse:
        """Send the request; what is read of the answer so far is its head."""
        return self._connections.pool(url).request(
            method,
            url,
            body=body,
            headers=headers,
            preload_content=False,
            redirect=False,
            retries=False,
            timeout=urllib3.Timeout(connect=self._timeouts.connect, read=self._timeouts.read),
        )


def _read(response: urllib3.BaseHTTPResponse, deadline: float, url: str) -> bytes:
    """Read the body within the deadline and the size limit (O16, J22)."""
    body = bytearray()
    while piece := response.read1(_PIECE, decode_content=False):  # none was asked for
        body += piece
        if len(body) > LARGEST_ANSWER:
            raise AuthorityDown(f"{shown(url)} answers with more than {LARGEST_ANSWER} bytes.")
        if time.monotonic() > deadline:
            raise Unreachable(
                f"{shown(url)} takes too long to answer.",
                hint="Check the network and the `proxy` setting, then try again.",
            )
    return bytes(body)


def _raise_if_down(response: urllib3.BaseHTTPResponse, url: str) -> None:
    if response.status != _TOO_MANY_REQUESTS and response.status < _SERVER_ERRORS:
        return
    waiting = response.headers.get("Retry-After", "")
    raise AuthorityDown(
        f"{shown(url)} is out of order or busy (HTTP status {response.status}).",
        hint="Try again in a minute.",
        retry_after=min(float(waiting), 3600.0) if waiting.isascii() and waiting.isdigit() else 0.0,
    )
