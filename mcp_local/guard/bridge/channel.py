"""HTTP to the one origin of a remote server: what may be sent there, and nowhere else."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, final
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

from mcp_local.guard.bridge import problems
from mcp_local.guard.bridge.credential import NoCredential, challenge_of
from mcp_local.guard.bridge.flight import POOLS, Flight
from mcp_local.guard.bridge.metadata import describe
from mcp_local.network import shown, unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from urllib3.connectionpool import HTTPConnectionPool

    from mcp_local.guard.bridge.credential import Challenge, Credential
    from mcp_local.network import Connections

_CONNECT: Final = 10.0
SILENCE: Final = 300.0
"""Seconds without a byte after which a connection counts as dead."""
_PIECE: Final = 256 * 1024
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_SAME_METHOD: Final = frozenset({307, 308})
_MOST_REDIRECTS: Final = 3
_MOST_TRIES: Final = 4
"""As it is, renewed, after a sign-in, with more scopes."""
_OK: Final = 200
_METADATA: Final = 5.0
"""Seconds for what only makes an error's text better."""
_REST: Final = 1.0
"""Seconds for what may follow an answer, read so that the connection can be used again."""
_LARGEST_ERROR: Final = 64 * 1024
_OWN: Final = {"User-Agent": "mcp-local"}
_ANOTHER: Final = "Meanwhile somebody else has signed in, or nobody is. Try again."


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be sent."""

    method: str
    headers: Mapping[str, str]
    body: bytes = b""
    url: str = ""
    """Where to, within the origin; empty: the server's address."""
    wait: float = 0.0
    """Seconds that a person may take who must be asked."""
    silence: float = SILENCE
    """Seconds that may pass without a byte."""


@final
class Reply:
    """An answer whose body comes as it comes."""

    def __init__(self, response: urllib3.BaseHTTPResponse, url: str) -> None:
        self._response = response
        self._url = url
        self.status = response.status
        self.kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    def header(self, name: str) -> str:
        """Return a header; empty when it isn't there."""
        return self._response.headers.get(name, "")

    def all(self, name: str) -> list[str]:
        """Return every header of a name."""
        return self._response.headers.getlist(name)

    def pieces(self) -> Iterator[bytes]:
        """Yield the body piece by piece.

        Raises:
            Unreachable: the connection broke.
        """
        try:
            while piece := self._response.read1(_PIECE, decode_content=False):
                yield piece
        except (HTTPError, OSError, ValueError, AttributeError) as error:
            # The last two are what http.client raises when a flight is broken off.
            raise problems.Broken(shown(self._url)) from error

    def body(self, limit: int) -> bytes:
        """Return the whole body.

        Raises:
            Broken: the connection broke.
            RemoteProblem: there is more than ``limit`` bytes.
        """
        whole = bytearray()
        for piece in self.pieces():
            whole += piece
            if len(whole) > limit:
                raise problems.too_large(self._url)
        return bytes(whole)

    def drain(self) -> bytes:
        """Return a body that is of no more use than its beginning; the connection may still be."""
        try:
            return self.body(_LARGEST_ERROR)
        except (problems.Broken, problems.RemoteProblem):
            return b""

    def close(self) -> None:
        """Give the connection back, or close it where there is more to come."""
        if not self._response.closed:
            self._response.close()
        self._response.release_conn()


@final
class Channel:
    """Sends to one origin; the credential goes there only (never along a redirect elsewhere)."""

    def __init__(
        self,
        url: str,
        connections: Connections,
        credential: Credential,
        whose: Callable[[], object],
    ) -> None:
        """Prepare; opens no connection. ``whose`` returns who is signed in; ``None``: nobody."""
        self.url = url
        self.whose = whose
        self.host = shown(url)
        self._origin = _origin(url)
        self._connections = connections
        self._kept: HTTPConnectionPool | None = None
        self._credential = credential

    def is_anothers(self, whose: object) -> bool:
        """Whether somebody is signed in, and another than ``whose``; who that is may be unknown."""
        now = self.whose()
        return whose is not None and now is not None and now != whose

    @contextmanager
    def open(self, request: Request, flight: Flight | None = None) -> Generator[Reply]:
        """Send a request and yield the answer, whatever its status; refusals are healed before.

        Raises:
            NotSent: the server can't be reached; nothing was sent.
            Broken: the flight was broken off.
            RemoteProblem: it doesn't answer, or redirects to where nothing may be sent.
            NoCredential: it wants a token that isn't to be had.
        """
        flight = flight or Flight()
        with flight.boarding():
            reply = self._send(request, flight)
        try:
            if flight.broken:
                raise problems.Broken(self.host)
            yield reply
            flight.hurry(_REST)
            reply.drain()
        finally:
            reply.close()

    def _send(self, request: Request, flight: Flight) -> Reply:
        """Send with the credential, and with a better one while that is refused and to be had."""
        for tries in range(_MOST_TRIES):
            shows = self._credential.headers(wait=request.wait)
            if flight.whose not in {None, self.whose()}:
                raise NoCredential(_ANOTHER)
            reply = self._follow(request, {**request.headers, **shows, **_OWN})
            challenge = challenge_of(reply.status, reply.all("WWW-Authenticate"))
            if challenge is None or tries == _MOST_TRIES - 1:
                return reply
            reply.drain()
            reply.close()
            try:
                self._credential.renew(shows, challenge, wait=request.wait)
            except NoCredential as error:
                raise NoCredential(error.text + self._said_of_itself(challenge)) from None
        raise AssertionError  # the last try returns

    def _said_of_itself(self, challenge: Challenge) -> str:
        """Return what the server's metadata says, where it lies within the origin."""
        if not within(self.url, challenge.metadata):
            return ""
        asked = Request("GET", {"Accept": "application/json"}, silence=_METADATA)
        try:
            reply = self._once(asked, challenge.metadata, {**asked.headers, **_OWN})
        except problems.RemoteProblem:
            return ""
        try:
            return describe(reply.drain()) if reply.status == _OK else ""
        finally:
            reply.close()

    def _follow(self, request: Request, headers: Mapping[str, str]) -> Reply:
        """Send, and follow redirects that stay within the origin and keep the method."""
        url = request.url or self.url
        for _ in range(_MOST_REDIRECTS):
            reply = self._once(request, url, headers)
            if reply.status not in _REDIRECTS or not (location := reply.header("Location")):
                return reply
            reply.drain()
            reply.close()
            target = resolved(url, location)
            keeps = reply.status in _SAME_METHOD or request.method == "GET"
            if not keeps or _origin(target) != self._origin:
                raise problems.redirected(url, target)
            if url == self.url and request.method == "POST":  # a GET may be led to what people read
                self.url = target
            url = target
        raise problems.redirected(url, url)

    def _once(self, request: Request, url: str, headers: Mapping[str, str]) -> Reply:
        try:
            response = self._pool().urlopen(
                request.method,
                _target(url),
                redirect=False,
                assert_same_host=False,
                body=request.body or None,
                headers=dict(headers),
                preload_content=False,
                retries=False,
                timeout=urllib3.Timeout(connect=_CONNECT, read=request.silence),
            )
        except HTTPError as error:
            text = unreachable(error, url)
            raise problems.failed(error, self.host, text.message, text.hint) from None
        return Reply(response, url)

    def _pool(self) -> HTTPConnectionPool:
        """Return the connections to the origin; whether through a proxy is asked once."""
        if self._kept is None:
            pools = self._connections.pool(self.url)
            pools.pool_classes_by_scheme = dict(POOLS)
            self._kept = pools.connection_from_url(self.url)
        return self._kept


def _origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port (RFC 6454, 4); a user name in the address is no origin."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError:  # brackets around no address, or a port that can't be
        return ("", "", 0)
    if "@" in parts.netloc or "\\" in url:
        return ("", "", 0)
    return (parts.scheme, parts.hostname or "", port)


@lru_cache(maxsize=8)
def _target(url: str) -> str:
    """Return what stands for an address in a request (RFC 9112, 3.2.1); its origin is elsewhere."""
    return parse_url(url).request_uri


def resolved(base: str, other: str) -> str:
    """Return the address that a server names, which may be relative; empty where it is none."""
    try:
        return urljoin(base, other)
    except ValueError:  # as above
        return ""


def within(url: str, other: str) -> bool:
    """Tell whether both addresses are of one origin."""
    return _origin(url) == _origin(other) != ("", "", 0)
