"""Lines between a client and the server behind it, each judged on its way, or passed as it is.

Three threads: one reads the client, one the server, and one has the event loop, on which whatever
must wait is waited for: a sign-in, a list, a person's yes. The last is loaded while the first two
already pass on what needs no judging (DESIGN.md 6).
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final, final

from mcp_local.guard.relay import answers, hello
from mcp_local.guard.relay.asked import Open
from mcp_local.guard.relay.message import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    Refused,
    read_client,
    read_server,
)
from mcp_local.guard.relay.methods import GUARDED, HELLO, NOTIFICATIONS, PASSED
from mcp_local.guard.relay.poster import Poster
from mcp_local.guard.upstream import UpstreamGone

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp_local.guard.relay.asked import Asked
    from mcp_local.guard.relay.guard import Guard
    from mcp_local.guard.relay.message import Message
    from mcp_local.guard.relay.parts import Rules
    from mcp_local.guard.relay.tail import Logs
    from mcp_local.guard.stdio import Wire
    from mcp_local.guard.upstream import Upstream

_EARLY: Final = 256
"""Requests that wait for the guard to be loaded; more are refused."""
_LOGGED: Final = 256
"""Characters of a method in the log."""


@final
class Relay:
    """One client and one server."""

    def __init__(self, upstream: Upstream, wire: Wire, rules: Rules, log: Logs) -> None:
        self._upstream = upstream
        self._wire = wire
        self._rules = rules
        self._log = log
        self.open = Open()
        self.poster = Poster(upstream.send)
        self.initialize: Message | None = None
        """The client's, in the handshake era."""
        self._guard: Guard | None = None
        self._early: list[tuple[Message, Asked]] = []
        self._loading = threading.Lock()

    # The client's way.

    def from_client(self, line: bytes) -> None:
        """Take one line of the client."""
        if not line.strip():
            return
        try:
            message = read_client(line)
        except Refused as refused:
            self.write(answers.error(refused.ident, refused.code, refused.text))
            self._log.event("client_refused", level="warning", why=refused.text)
            return
        if not message.method:
            self._answered_by_client(message)
        elif message.ident is None:
            self._told_by_client(message)
        else:
            self._asked_by_client(message)

    def _asked_by_client(self, message: Message) -> None:
        method = message.method
        if self.open.full:
            text = "Too many requests are open."
            self.write(answers.error(message.ident, answers.SERVER_GONE, text))
            return
        asked = self.open.begin(message)
        if asked is None:
            text = "Invalid Request: the id is in use"
            self.write(answers.error(message.ident, INVALID_REQUEST, text))
        elif method in GUARDED:
            self._judge(message, asked)
        elif method in PASSED or method in self._rules.methods:
            if method == "initialize":
                self.initialize = message
            self.send(asked, message.raw)
        else:
            self._log.event("method_refused", level="warning", method=method[:_LOGGED])
            self.answer(asked, answers.error(message.ident, METHOD_NOT_FOUND, "Method not found"))

    def _judge(self, message: Message, asked: Asked) -> None:
        """Hand a request to the guard; until it is there, let the request wait."""
        guard = self._guard
        if guard is None:
            with self._loading:
                guard = self._guard
                if guard is None:
                    if len(self._early) < _EARLY:
                        self._early.append((message, asked))
                    else:
                        text = "Too many requests are open."
                        self.answer(asked, answers.error(asked.ident, answers.SERVER_GONE, text))
                    return
        guard.take(message, asked)

    def guarded_by(self, guard: Guard) -> None:
        """Begin to judge; what came before is judged first."""
        with self._loading:
            for message, asked in self._early:
                guard.take(message, asked)
            self._early.clear()
            self._guard = guard

    def _told_by_client(self, message: Message) -> None:
        if message.method not in NOTIFICATIONS and message.method not in self._rules.methods:
            self._log.event("notification_refused", method=message.method[:_LOGGED])
            return
        with suppress(UpstreamGone):
            self._upstream.send(message.raw)

    def _answered_by_client(self, message: Message) -> None:
        """Pass on the answer to a request of the server, or take the one to a request of ours."""
        own = self.open.take_own(message.ident)
        if own is not None:
            own(message)
        elif self.open.take_answered(message.ident):
            with suppress(UpstreamGone):
                self._upstream.send(message.raw)
        else:
            self._log.event("answer_dropped", by="client")

    def send(self, asked: Asked, line: bytes) -> None:
        """Pass a request on; the thread that reads the client may wait for the server here."""
        asked.sent = True
        try:
            self._upstream.send(line)
        except UpstreamGone as gone:
            self.failed(asked, gone.text)

    def failed(self, asked: Asked, why: str) -> None:
        """Answer a request that the server will not."""
        self.answer(asked, answers.error(asked.ident, answers.SERVER_GONE, why))

    def answer(self, asked: Asked, line: bytes) -> None:
        """Answer a request, if the client still waits for it."""
        if self.open.end(asked):
            self.write(line)

    def write(self, line: bytes) -> None:
        """Write one line to the client; to one that is gone nothing can be said."""
        with suppress(OSError):
            self._wire.write(line + b"\n")

    # The server's way.

    def listen(self) -> None:
        """Take all that the server says, until it ends."""
        while (line := self._upstream.receive()) is not None:
            self.from_server(line)
        why = f"The server is gone. {self._upstream.ended}"
        for asked in self.open.all():
            if asked.sent:
                self.failed(asked, why)
        self.open.forget_own()

    def from_server(self, line: bytes) -> None:
        """Take one line of the server."""
        try:
            message = read_server(line)
        except Refused as refused:
            self._unreadable(refused)
            return
        if not message.method:
            self._answered_by_server(message)
        elif message.ident is None:
            self._told_by_server(message)
        else:
            self._asked_by_server(message)

    def _unreadable(self, refused: Refused) -> None:
        """Don't let the client wait for an answer that nobody can read."""
        self._log.event("server_refused", level="warning", why=refused.text)
        own = self.open.take_own(refused.ident)
        if own is not None:
            own(None)
        asked = self.open.find(refused.ident)
        if asked is not None and asked.sent:
            text = f"The server's answer can't be read: {refused.text}"
            self.answer(asked, answers.error(asked.ident, INTERNAL_ERROR, text))

    def _answered_by_server(self, message: Message) -> None:
        own = self.open.take_own(message.ident)
        if own is not None:
            own(message)
            return
        asked = self.open.find(message.ident)
        if message.ident is None:
            self.write(message.raw)
        elif asked is None or not asked.sent:
            self._log.event("answer_dropped", by="server")
        elif asked.use is not None and self._guard is not None:
            self._guard.answered(asked, message)
        elif asked.method in HELLO:
            self.answer(asked, hello.served(message))
        else:
            self.answer(asked, message.raw)

    def _told_by_server(self, message: Message) -> None:
        if self._guard is not None:
            self._guard.told(message.method)
        self.write(message.raw)

    def _asked_by_server(self, message: Message) -> None:
        """Pass a request of the server on, if the settings let it (M12)."""
        assert message.ident is not None  # noqa: S101 - it is a request
        if message.method in {"ping", *self._rules.requests}:
            if self.open.pass_on(message.ident, message.method):
                self.write(message.raw)
                return
            text = "Invalid Request: the id is in use"
            self.poster.post(answers.error(message.ident, INVALID_REQUEST, text))
            return
        self._log.event("request_denied", level="warning", method=message.method[:_LOGGED])
        text = f"{message.method[:_LOGGED]} is not passed on by mcp-local."
        self.poster.post(answers.error(message.ident, METHOD_NOT_FOUND, text))

    def fetch(
        self, method: str, params: dict[str, object], answered: Callable[[Message | None], None]
    ) -> str:
        """Ask the server for something ourselves; return the id."""
        ident = self.open.own(answered)

        def never(_why: str) -> None:
            if self.open.take_own(ident) is not None:
                answered(None)

        self.poster.post(answers.request(ident, method, params), never)
        return ident
