"""Stands before the endpoints: refuses foreign hosts, lets faults happen, keeps the log."""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from mcp_local.emulator.request_log import LoggedRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from mcp_local.emulator.faults import Fault, Faults
    from mcp_local.emulator.request_log import RequestLog

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class _Answer:
    """Passes an answer on and breaks it off where a fault says so."""

    def __init__(self, send: Send, noted: Callable[[int], None], now: float, *, cut: bool) -> None:
        self._send = send
        self._noted = noted
        self._date = formatdate(now, usegmt=True).encode()
        self._cut = cut

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            # Noted before it is sent: whoever has the answer finds it in the log.
            self._noted(message["status"])
            date = (b"date", self._date)  # RFC 9110, 6.6.1; by it others see how their clock goes
            message = {**message, "headers": [*message.get("headers", ()), date]}
        elif self._cut and message["type"] == "http.response.body":
            # Promised more than is sent, and never finished: the server drops the connection.
            body: bytes = message.get("body", b"")
            message = {**message, "body": body[: len(body) // 2], "more_body": True}
        await self._send(message)


class Gate:
    """The ASGI application around the endpoints."""

    def __init__(
        self, app: ASGIApp, log: RequestLog, faults: Faults, clock: Callable[[], float]
    ) -> None:
        self._app = app
        self._log = log
        self._faults = faults
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        scope.setdefault("state", {})
        at, started = time.time(), time.monotonic()
        statuses: list[int] = []

        def noted(status: int) -> None:
            if not statuses:
                statuses.append(status)
                grant_type = str(scope["state"].get("grant_type", ""))
                seconds = time.monotonic() - started
                self._log.add(
                    LoggedRequest(scope["method"], scope["path"], grant_type, status, at, seconds)
                )

        fault = self._faults.take(scope["path"])
        answer = _Answer(send, noted, self._clock(), cut=bool(fault and fault.cut))
        try:
            await self._answer(scope, receive, answer, fault)
        except asyncio.CancelledError:
            # Only a stopping server cancels, and the connection is gone by then.
            return
        finally:
            noted(0)

    async def _answer(
        self, scope: Scope, receive: Receive, answer: _Answer, fault: Fault | None
    ) -> None:
        app = self._app
        if fault:
            await asyncio.sleep(fault.delay)
            if fault.hang:
                await _wait_until_gone(receive)
                return
            if fault.answers:
                app = Response(fault.body or b"", fault.status or 200, fault.all_headers())
        if not _is_loopback(Request(scope).headers.get("host", "")):
            # A name that points here by DNS rebinding gets nothing.
            app = PlainTextResponse("the emulator answers on loopback only", 421)
        await app(scope, receive, answer.send)


async def _wait_until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _is_loopback(host: str) -> bool:
    try:
        return urlsplit(f"//{host}").hostname in LOOPBACK_NAMES
    except ValueError:
        return False
