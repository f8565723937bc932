"""Just enough HTTP/1.1 for one form from one browser, and nothing that a hostile peer could use.

Every limit here is small and fixed, so that what others on this machine send to the loopback
listener can't fill its memory or hold it up (SECURITY.md O3, O4).
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

HEAD_LIMIT = 16 * 1024
"""Bytes; browsers send the cookies of every program on localhost."""
BODY_LIMIT = 32 * 1024
"""Bytes; a reply of the authority has one to four thousand."""

_REQUEST_LINE = re.compile(r"([A-Z]{1,16}) (/[!-~]*) HTTP/1\.[01]")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([ -~\t\x80-\xff]*?)[ \t]*")
_LENGTH = re.compile(r"[0-9]{1,6}")


class Refused(Exception):
    """The request is answered with a 4xx and changes nothing."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Request:
    """One request, whole."""

    method: str
    target: str
    """Path and query as sent."""
    headers: Mapping[str, str]
    """By lower-case name; each occurs once."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """One answer; the connection is closed after it."""

    status: HTTPStatus
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    def encode(self) -> bytes:
        """Return the bytes for the wire. A line break in a header is an error of ours."""
        fixed = (("Content-Length", str(len(self.body))), ("Connection", "close"))
        lines = [f"HTTP/1.1 {self.status.value} {self.status.phrase}"]
        for name, value in (*self.headers, *fixed):
            if not (value.isascii() and value.isprintable()):  # response splitting
                raise ValueError(f"header {name} can't hold this value")
            lines.append(f"{name}: {value}")
        return "\r\n".join([*lines, "", ""]).encode("ascii") + self.body


async def read_request(reader: asyncio.StreamReader) -> Request:
    """Read one request. The caller limits the time.

    Raises:
        Refused: it isn't one that we answer.
        EOFError, OSError: the peer is gone.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError as error:
        raise Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "too many headers") from error
    line, *lines = head[:-4].decode("latin-1").split("\r\n")
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise Refused(HTTPStatus.BAD_REQUEST, "not a request that a browser sends")
    headers = _headers(lines)
    body = await reader.readexactly(_body_length(headers))
    return Request(match[1], match[2], headers, body)


def _headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        match = _HEADER.fullmatch(line)
        if match is None:
            raise Refused(HTTPStatus.BAD_REQUEST, "malformed header")
        name = match[1].lower()
        if name in headers and name in {"host", "content-length", "content-type"}:
            raise Refused(HTTPStatus.BAD_REQUEST, f"more than one {name} header")
        headers[name] = match[2]
    return headers


def _body_length(headers: Mapping[str, str]) -> int:
    """Return the number of bytes to read (RFC 9112 section 6.3, without chunks)."""
    if "transfer-encoding" in headers:
        raise Refused(HTTPStatus.LENGTH_REQUIRED, "a body must come with its length")
    text = headers.get("content-length", "0")
    if _LENGTH.fullmatch(text) is None:
        raise Refused(HTTPStatus.BAD_REQUEST, "malformed Content-Length")
    if int(text) > BODY_LIMIT:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too large")
    return int(text)
