"""The middle of the relay: what its two sides share, and how each speaks to the other.

Three threads: one reads the client, one the server, and one has the event loop, on which whatever
must be waited for is waited for: a sign-in, a list, a person's yes. The last is loaded while the
first two already pass on what needs no judging (DESIGN.md 6).
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final, final

from mcp_local.guard.relay import answers
from mcp_local.guard.relay.asked import MOST, OfServer, Open, Own
from mcp_local.guard.relay.message import read_client
from mcp_local.guard.relay.methods import HELLO
from mcp_local.guard.relay.poster import Poster
from mcp_local.guard.upstream import UpstreamGone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mcp_local.guard.relay.asked import Answered, Asked, Known
    from mcp_local.guard.relay.guarding import Guarding
    from mcp_local.guard.relay.message import Message
    from mcp_local.guard.relay.rules import Rules
    from mcp_local.guard.relay.tail import Logs
    from mcp_local.guard.stdio import Wire
    from mcp_local.guard.upstream import Upstream

_MOST_EARLY: Final = 1024
"""Requests that wait for the guard to be loaded."""
TOO_MANY: Final = "Too many requests are open."


@final
class Relay:
    """One client and one server."""

    def __init__(self, upstream: Upstream, wire: Wire, rules: Rules, log: Logs) -> None:
        self.upstream = upstream
        self.rules = rules
        self.log = log
        self.open = Open()
        self.own_of_server = Own()
        self.own_of_client = Own()
        self.of_server = OfServer()
        self.guard: Guarding | None = None
        self.initialize: Message | None = None
        """The client's, in the handshake era."""
        self.initialized: Message | None = None
        """The same; it may come before :attr:`welcomed`."""
        self.welcomed = False
        """Whether the client has been given the answer to its ``initialize``."""
        self.level: Message | None = None
        """Its last ``logging/setLevel``."""
        self.life = 1
        """Of the server; the next one begins with the end of the one before."""
        self.greeted = False
        """Whether the server has answered its first greeting."""
        self.capabilities: Mapping[str, object] = {}
        """What the server said it can."""
        self.to_server = Poster("mcp-local to server")
        self.to_client = Poster("mcp-local to client")
        self.guard_wanted = threading.Event()
        """Set once there is something to judge, or the greeting is over."""
        self._wire = wire
        self._early: list[Callable[[Guarding], None]] = []
        self._between: list[Callable[[], None]] | None = None
        """What waits for the server to be there again; ``None`` while it is there."""
        self._changing = threading.Lock()

    @property
    def may_tell(self) -> bool:
        """Whether the client may be told things out of turn (handshake era)."""
        return self.welcomed and self.initialized is not None

    def with_guard(self, asked: Asked, work: Callable[[Guarding], None]) -> None:
        """Let the guard work on a request, as soon as it is there."""
        guard = self.guard
        if guard is None:
            self.guard_wanted.set()
            with self._changing:
                guard = self.guard
                if guard is None:
                    if len(self._early) < _MOST_EARLY:
                        self._early.append(work)
                    else:
                        self.failed(asked, TOO_MANY)
                    return
        work(guard)

    def guarded_by(self, guard: Guarding) -> None:
        """Begin to judge; what came before is judged first."""
        for asked in self.open.all():
            if asked.method in HELLO:
                guard.greeting(asked)
        while True:
            with self._changing:
                early, self._early = self._early, []
                if not early:
                    self.guard = guard
                    return
            for work in early:
                work(guard)

    # To the server.

    def send(self, asked: Asked, line: bytes) -> None:
        """Pass a request on; the caller may be kept waiting while the server doesn't read."""
        if asked.cancelled:  # while it waited for its turn
            self.give_up(asked)
            return
        if self._between is not None and self._waits(lambda: self.send(asked, line)):
            return
        if asked.life not in {None, self.life}:  # its lists may be others by now
            self.with_guard(asked, lambda guard: guard.take(read_client(line), asked))
            return
        asked.sent = True
        try:
            self.upstream.send(line)
        except UpstreamGone as gone:
            self.failed(asked, gone.text)

    def send_soon(self, asked: Asked, line: bytes) -> None:
        """Pass a request on; the caller is never kept waiting."""
        if not self.to_server.post(lambda: self.send(asked, line)):
            self.failed_soon(asked, TOO_MANY)

    def tell_server(self, line: bytes) -> None:
        """Pass on what has no answer; to a server that is gone nothing can be said."""
        if self._between is None:
            with suppress(UpstreamGone):
                self.upstream.send(line)

    def tell_server_soon(self, line: bytes) -> None:
        """Do the same; the caller is never kept waiting."""
        self.to_server.post(lambda: self.tell_server(line))

    def ask_server(
        self,
        method: str,
        params: Mapping[str, object],
        answered: Answered,
        *,
        greeting: bool = False,
        known: Known | None = None,
    ) -> str:
        """Ask the server for something of our own; return the id. Never keeps waiting.

        ``known`` is the answer of before; one just like it comes without being read again.
        All but the ``greeting`` of a new server process wait until that is over.
        """
        ident = self.own_of_server.ask(answered, known)
        line = answers.request(ident, method, params)

        def ask() -> None:
            if self._between is not None and not greeting and self._waits(ask):
                return
            if not self.own_of_server.is_open(ident):
                return
            try:
                self.upstream.send(line)
            except UpstreamGone:
                never()

        def never() -> None:
            if self.own_of_server.take(ident) is not None:
                answered(None)

        if not self.to_server.post(ask):
            never()
        return ident

    def _waits(self, work: Callable[[], None]) -> bool:
        """Let something wait for the server to be there again; whether it has to."""
        with self._changing:
            if self._between is None or len(self._between) >= MOST:
                return False
            self._between.append(work)
            return True

    def server_gone(self, why: str) -> None:
        """Answer what the server will not, and let what comes wait until it is there again."""
        with self._changing:
            self._between = self._between or []
        given_up = self.own_of_server.drain()  # before others are asked for, which wait
        if self.guard is not None:
            self.guard.gone()
        self.life += 1  # what was judged until now is judged again
        for answered in given_up:
            answered(None)
        for asked in self.open.all():
            if asked.sent:
                self.failed(asked, why)
        self.of_server.clear()

    def server_back(self) -> None:
        """Send what has waited; also for a server that won't be back, which answers nothing."""
        with self._changing:
            waiting, self._between = self._between or [], None
        for work in waiting:
            work()

    # To the client.

    def write(self, line: bytes) -> None:
        """Write one line; to a client that is gone nothing can be said."""
        try:  # noqa: SIM105 - `suppress` would be four calls on the way of each message
            self._wire.write(line + b"\n")
        except OSError:
            pass

    def write_soon(self, line: bytes) -> None:
        """Do the same; the caller is never kept waiting."""
        self.to_client.post(lambda: self.write(line), len(line))

    def answer(self, asked: Asked, line: bytes) -> None:
        """Answer a request, if it is still open."""
        if self.open.end(asked):
            self.write(line)

    def answer_soon(self, asked: Asked, line: bytes) -> None:
        """Do the same; the caller is never kept waiting."""
        if self.open.end(asked):
            self.write_soon(line)

    def failed(self, asked: Asked, why: str) -> bool:
        """Answer a request that the server will not; whether it was still open."""
        if not self.open.end(asked):
            return False
        self.write(answers.error(asked.ident, answers.SERVER_GONE, why))
        if self.guard is not None:
            self.guard.abandon(asked)
        return True

    def failed_soon(self, asked: Asked, why: str) -> None:
        """Do the same, and log it; the caller is never kept waiting."""

        def fail() -> None:
            if self.failed(asked, why):
                self.log.event("request_failed", level="warning", method=asked.method, why=why)

        self.to_client.post(fail)

    def ask_client(self, method: str, params: Mapping[str, object], answered: Answered) -> str:
        """Ask the client for something of our own; return the id. Never keeps waiting."""
        ident = self.own_of_client.ask(answered)
        self.write_soon(answers.request(ident, method, params))
        return ident

    def note_fault(self, fault: Exception) -> None:
        """Log a fault of ours."""
        self.log.event("fault", level="error", kind=type(fault).__name__, message=str(fault))

    def abandon(self) -> None:
        """Log what the end of the process cuts off."""
        for asked in self.open.all():
            self.give_up(asked)

    def give_up(self, asked: Asked) -> None:
        """Close a request that nobody answers."""
        if self.open.end(asked) and self.guard is not None:
            self.guard.abandon(asked)
