"""Streamable HTTP (MCP 2025-03-26 and later; stateless from 2026-07-28 on)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, final

from mcp_local.guard.bridge import problems
from mcp_local.guard.bridge.bodies import agreed_version, as_error, error_code
from mcp_local.guard.bridge.channel import SILENCE, Request
from mcp_local.guard.bridge.credential import NoCredential
from mcp_local.guard.bridge.envelope import DISCOVER, HANDSHAKE_METHOD, one_line, peek
from mcp_local.guard.bridge.events import LARGEST_EVENT, EventTooLarge, Parser
from mcp_local.guard.bridge.flight import Flight
from mcp_local.guard.bridge.link import FIRST_ANSWER, SIGN_IN_AT_USE
from mcp_local.guard.bridge.mirror import Mirror

if TYPE_CHECKING:
    from mcp_local.guard.bridge.channel import Channel, Reply
    from mcp_local.guard.bridge.envelope import Envelope
    from mcp_local.guard.bridge.link import Deliver

_OK, _BAD_REQUEST, _NOT_FOUND, _NO_METHOD, _OUT_OF_ORDER = 200, 400, 404, 405, 500
_ACCEPTED: Final = frozenset({202, 204})
_MAYBE_OLDER: Final = frozenset({_BAD_REQUEST, _NOT_FOUND, _NO_METHOD})
"""What a server of HTTP+SSE answers to a POST (MCP 2025-03-26, backwards compatibility)."""
_JSON, _EVENTS = "application/json", "text/event-stream"
_BOTH: Final = {"Accept": f"{_JSON}, {_EVENTS}", "Content-Type": _JSON}
_RESUMES = 5
"""How often an answer is asked for again without any progress."""
_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
"""Seconds before the next connection, where the server hasn't said."""
_GOODBYE = 1.0


class NotThisTransport(problems.RemoteProblem):
    """The server doesn't take a POST here; perhaps it speaks HTTP+SSE."""


@final
class Streamable:
    """One session; for stateless requests, none."""

    def __init__(self, channel: Channel, deliver: Deliver) -> None:
        """Prepare; sends nothing."""
        self.lost = False
        self._channel = channel
        self._deliver = deliver
        self._session = ""
        self._version = ""
        self._mirror = Mirror()
        self._closed = threading.Event()
        self._listening = Flight()

    def begin(self, hello: bytes, envelope: Envelope, *, wait: float) -> bytes:
        """Open the session with an ``initialize``; return the answer to it."""
        answers: list[bytes] = []

        def take(message: bytes) -> None:
            found = peek(message)
            ours = found is not None and found.answers(envelope)
            (answers.append if ours else self._deliver)(message)

        request = Request("POST", _BOTH, hello, wait=wait, silence=FIRST_ANSWER)
        with self._channel.open(request) as reply:
            self._session = reply.header("Mcp-Session-Id")
            self._take(reply, envelope, Flight(), take)
        self._version = agreed_version(answers[-1])
        return answers[-1]

    def request(self, message: bytes, envelope: Envelope, flight: Flight) -> None:
        """Send a request; its answer, and all that comes before it, is delivered."""
        greets = envelope.method == DISCOVER  # a client that starts waits for nobody's sign-in
        wait, silence = (0.0, FIRST_ANSWER) if greets else (SIGN_IN_AT_USE, SILENCE)
        request = Request("POST", self._headers(envelope), message, wait=wait, silence=silence)
        with self._channel.open(request, flight) as reply:
            self._take(reply, envelope, flight, self._unless_cancelled(envelope, flight))

    def tell(self, message: bytes, envelope: Envelope) -> None:
        """Send a notification, or the answer to a request of the server."""
        request = Request("POST", self._headers(envelope), message, silence=FIRST_ANSWER)
        with self._channel.open(request) as reply:
            body = reply.drain()
            if reply.status >= _BAD_REQUEST:
                self._check_session(reply, body)
                raise problems.refused(self._channel.url, reply.status)

    def listen(self) -> None:
        """Take in what the server says of itself, where it offers that."""
        if self._session:
            name = "mcp-local server's stream"
            threading.Thread(target=self._listen, name=name, daemon=True).start()

    def close(self) -> None:
        """End the session and what goes on in it."""
        self._closed.set()
        self._listening.abort()
        if not self._session or self.lost:
            return
        self.lost = True
        try:
            with self._channel.open(Request("DELETE", self._in_session(), silence=_GOODBYE)):
                pass
        except (problems.RemoteProblem, NoCredential):
            pass  # it will find out by itself

    def _unless_cancelled(self, envelope: Envelope, flight: Flight) -> Deliver:
        """Drop an answer that the client doesn't want any more (MCP 2025-11-25, cancellation)."""

        def deliver(message: bytes) -> None:
            if flight.unwanted and (found := peek(message)) and found.answers(envelope):
                return
            self._deliver(message)

        return deliver

    def _in_session(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        if self._session:
            headers["Mcp-Session-Id"] = self._session
        if self._version:
            headers["MCP-Protocol-Version"] = self._version
        return headers

    def _headers(self, envelope: Envelope) -> dict[str, str]:
        return _BOTH | self._in_session() | envelope.headers() | self._mirror.headers(envelope)

    def _take(self, reply: Reply, envelope: Envelope, flight: Flight, deliver: Deliver) -> None:
        """Take in the answer to a request."""
        if reply.status != _OK:
            self._take_refusal(reply, envelope, deliver)
        elif reply.kind == _JSON:
            message = one_line(reply.body(LARGEST_EVENT))
            if (found := peek(message)) is None:
                raise problems.not_mcp(self._channel.url, "its answer is no JSON-RPC message")
            self._hand_on(message, envelope, deliver)
            if not found.answers(envelope):
                raise problems.no_answer(self._channel.host)
        elif reply.kind == _EVENTS:
            self._take_events(reply, envelope, flight, deliver)
        else:
            found = f"it answers with {reply.kind or 'nothing that says what it is'}"
            raise problems.not_mcp(self._channel.url, found)

    def _take_refusal(self, reply: Reply, envelope: Envelope, deliver: Deliver) -> None:
        body = reply.drain()
        if reply.status in _ACCEPTED:
            raise problems.RemoteProblem("The server took the request and said nothing to it.")
        if not envelope.modern_version:
            self._check_session(reply, body)
        if (answer := as_error(body, envelope)) is not None:
            deliver(answer)
            return
        problem = problems.refused(self._channel.url, reply.status)
        if reply.status in _MAYBE_OLDER and envelope.method == HANDSHAKE_METHOD:
            raise NotThisTransport(problem.text)
        if reply.status in _MAYBE_OLDER and envelope.method == DISCOVER:
            # a server of the handshake era; the client falls back to it
            raise problems.RemoteProblem("Method not found", code=problems.METHOD_NOT_FOUND)
        raise problem

    def _check_session(self, reply: Reply, body: bytes) -> None:
        """Raise when the server has forgotten our session: 404, and with many a server 400.

        Raises:
            SessionLost: it has.
        """
        unknown = reply.status == _NOT_FOUND and error_code(body) != problems.METHOD_NOT_FOUND
        doubtful = reply.status == _BAD_REQUEST and b"session" in body.lower()
        if self._session and (unknown or doubtful):
            self.lost = True
            raise problems.SessionLost("The server has ended the session.")

    def _hand_on(self, message: bytes, envelope: Envelope, deliver: Deliver) -> None:
        if envelope.modern_version and envelope.method == "tools/list":
            self._mirror.learn(message)
        deliver(message)

    def _take_events(
        self, reply: Reply, envelope: Envelope, flight: Flight, deliver: Deliver
    ) -> None:
        """Take in a stream until it has answered; ask for the rest where it breaks off.

        Raises:
            Broken: it broke off, and the rest can't be had.
        """
        parser, left = Parser(), _RESUMES
        if self._answered(reply, parser, envelope, deliver):
            return
        while parser.last_id and left and not (flight.broken or flight.unwanted):
            left -= 1
            before = parser.last_id
            self._closed.wait(_PAUSE if parser.retry is None else parser.retry)
            try:
                with self._channel.open(Request("GET", self._resuming(parser)), flight) as rest:
                    if rest.status != _OK or rest.kind != _EVENTS:
                        break
                    if self._answered(rest, parser, envelope, deliver):
                        return
            except problems.NotSent:
                continue
            if parser.last_id != before:
                left = _RESUMES
        raise problems.Broken(self._channel.host)

    def _answered(self, reply: Reply, parser: Parser, envelope: Envelope, deliver: Deliver) -> bool:
        """Deliver what comes; tell whether the answer was among it."""
        try:
            for event in parser.read(reply.pieces()):
                if event.name != "message":
                    continue
                found = peek(event.data)
                if found is None:
                    continue
                self._hand_on(one_line(event.data), envelope, deliver)
                if found.answers(envelope):
                    return True
        except problems.Broken:
            pass
        except EventTooLarge:
            raise problems.too_large(self._channel.url) from None
        return False

    def _resuming(self, parser: Parser) -> dict[str, str]:
        headers = {"Accept": _EVENTS} | self._in_session()
        # In UTF-8 (WHATWG HTML, 9.2.5); http.client writes each character below 256 as one byte.
        last_id = parser.last_id.encode().decode("latin-1")
        return headers | ({"Last-Event-ID": last_id} if last_id else {})

    def _listen(self) -> None:
        """Hold the server's own stream open for as long as the session lives (GET)."""
        parser, pause, whose = Parser(), _PAUSE, self._channel.whose()
        while not self._closed.is_set():
            try:
                with self._channel.open(
                    Request("GET", self._resuming(parser)), self._listening
                ) as reply:
                    if reply.status >= _OUT_OF_ORDER:
                        raise problems.refused(self._channel.url, reply.status)
                    if reply.status != _OK or reply.kind != _EVENTS:
                        return  # it offers none (405), or the session is gone (404)
                    for event in parser.read(reply.pieces()):
                        pause = _PAUSE
                        if self._channel.is_anothers(whose):
                            return
                        if event.name == "message" and peek(event.data) is not None:
                            self._deliver(one_line(event.data))
            except problems.RemoteProblem:
                pause = min(2 * pause, _LONGEST_PAUSE)
            except (NoCredential, EventTooLarge):
                return
            self._closed.wait(pause if parser.retry is None else parser.retry)
