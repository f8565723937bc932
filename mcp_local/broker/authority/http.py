"""HTTPS to the authority: one client for discovery, keys and MSAL.

Trust comes from the system's store or from the ``ca_file`` setting, never from an environment
variable, and can't be switched off (SECURITY.md O16). Every request has time-outs, every answer a
size limit, and no redirect is followed (J22).
"""

from __future__ import annotations

import re
import ssl
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import truststore
import urllib3
from urllib3.exceptions import (
    HTTPError,
    NewConnectionError,
    SSLError,
    TimeoutError as Urllib3TimeoutError,
)

from mcp_local.broker.authority.refusal import AuthorityDown
from mcp_local.errors import SettingsError, Unreachable
from mcp_local.settings.authority import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.settings.model import Settings

LARGEST_ANSWER = 1024 * 1024
"""Bytes; discovery, JWKS and token answers have far less (J22)."""
_PIECE = 64 * 1024
_PLAIN_ADDRESS = re.compile(
    r"(?ai)https?://(?P<host>[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?(?:[/?#][!-\[\]-~]*)?"
)
"""No user info, no backslash, nothing but printable ASCII."""
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

    def __init__(self, settings: Settings, timeouts: Timeouts | None = None) -> None:
        """Prepare; opens no connection.

        Raises:
            SettingsError: ``ca_file`` can't be used.
        """
        self._timeouts = timeouts or Timeouts()
        self._proxy = settings.proxy
        self._tls = _tls_context(settings.ca_file)
        self._pools: dict[str, urllib3.PoolManager] = {}

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
            raise AuthorityDown(f"{_host(url)} answered with HTTP status {answer.status_code}.")
        return answer.text.encode()

    def close(self) -> None:
        """Close what is open; the object can be used again."""
        for pool in self._pools.values():
            pool.clear()
        self._pools.clear()

    def _send(
        self,
        method: str,
        url: str,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        body: bytes | None,
    ) -> Answer:
        if not url.startswith("https://"):
            raise Unreachable(f"{_host(url)} is not spoken to without TLS.")
        deadline = time.monotonic() + self._timeouts.total
        # A connection kept open while a person signs in may be dead without a sign of it.
        fields = {**(headers or {}), "Connection": "close", "User-Agent": "mcp-local"}
        if body is not None:
            fields["Content-Type"] = "application/x-www-form-urlencoded"
        target = f"{url}{'&' if '?' in url else '?'}{urlencode(params)}" if params else url
        try:
            response = self._pool(url).request(
                method,
                target,
                body=body,
                headers=fields,
                preload_content=False,
                redirect=False,
                retries=False,
                timeout=urllib3.Timeout(connect=self._timeouts.connect, read=self._timeouts.read),
            )
            try:
                text = _read(response, deadline, url).decode("utf-8", "replace")
            finally:
                response.close()
        except HTTPError as error:
            raise _unreachable(error, url) from None  # its text may hold the proxy's password
        _raise_if_down(response, url)
        return Answer(response.status, text, dict(response.headers))

    def _pool(self, url: str) -> urllib3.PoolManager:
        proxy = self._proxy or _system_proxy(url)
        if proxy not in self._pools:
            self._pools[proxy] = self._connect_through(proxy)
        return self._pools[proxy]

    def _connect_through(self, proxy: str) -> urllib3.PoolManager:
        if not proxy:
            return urllib3.PoolManager(ssl_context=self._tls)
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        credentials = None
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            credentials = urllib3.make_headers(proxy_basic_auth=pair)
        netloc = parts.netloc.rpartition("@")[2]
        try:
            return urllib3.ProxyManager(
                f"{parts.scheme}://{netloc}",
                proxy_headers=credentials,
                proxy_ssl_context=self._tls,
                ssl_context=self._tls,
            )
        except HTTPError:
            raise SettingsError(
                f"The proxy {quote(netloc, safe=':[]')} can't be used: "
                "only http:// and https:// proxies are.",
                hint="Correct `proxy` in the settings, or the system's proxy.",
            ) from None


def host_in(address: str) -> str:
    r"""Return an address's host, lower case, IPv6 in brackets.

    Empty unless every reader of the address finds the same host in it. Python's ``urlsplit`` sees
    ``ours`` in ``https://evil\@ours/``, where urllib3 and browsers go to ``evil``.
    """
    match = _PLAIN_ADDRESS.fullmatch(address)
    return match["host"].lower() if match else ""


def _tls_context(ca_file: str) -> ssl.SSLContext:
    if not ca_file:
        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = getattr(error, "strerror", None) or "it isn't a certificate in PEM form"
        raise SettingsError(
            f"`ca_file` {ca_file} can't be used: {reason}.",
            hint="Name a file with the CA's certificate in PEM form, or unset `ca_file`.",
        ) from error


def _system_proxy(url: str) -> str:
    """Return the proxy of the environment or the operating system for ``url``, or nothing.

    A development authority on this machine can't be behind the company's proxy.
    """
    host = host_in(url)
    direct = is_loopback(host) or proxy_bypass(host)
    return "" if direct else getproxies().get("https", "")


def _read(response: urllib3.BaseHTTPResponse, deadline: float, url: str) -> bytes:
    """Read the body within the deadline and the size limit (O16, J22)."""
    body = bytearray()
    while piece := response.read1(_PIECE, decode_content=False):  # none was asked for
        body += piece
        if len(body) > LARGEST_ANSWER:
            raise AuthorityDown(f"{_host(url)} answers with more than {LARGEST_ANSWER} bytes.")
        if time.monotonic() > deadline:
            raise Unreachable(f"{_host(url)} takes too long to answer.", hint=_OFFLINE_HINT)
    return bytes(body)


def _raise_if_down(response: urllib3.BaseHTTPResponse, url: str) -> None:
    if response.status != _TOO_MANY_REQUESTS and response.status < _SERVER_ERRORS:
        return
    waiting = response.headers.get("Retry-After", "")
    raise AuthorityDown(
        f"{_host(url)} is out of order or busy (HTTP status {response.status}).",
        hint="Try again in a minute.",
        retry_after=min(float(waiting), 3600.0) if waiting.isascii() and waiting.isdigit() else 0.0,
    )


_OFFLINE_HINT = "Check the network and the `proxy` setting, then try again."


def _unreachable(error: HTTPError, url: str) -> Unreachable:
    """Say what failed without the address's query, the proxy's password, or library jargon."""
    host = _host(url)
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, SSLError | ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if cause is not None:
        return Unreachable(
            f"The connection to {host} can't be trusted: its certificate or TLS is not accepted.",
            hint="If a company's gateway reads your traffic, put its CA into the system's store "
            "or name it in `ca_file`.",
        )
    if isinstance(error, Urllib3TimeoutError) and not isinstance(error, NewConnectionError):
        return Unreachable(f"{host} doesn't answer in time.", hint=_OFFLINE_HINT)
    return Unreachable(f"{host} can't be reached.", hint=_OFFLINE_HINT)


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]
