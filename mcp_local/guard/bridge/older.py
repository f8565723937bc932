"""HTTP+SSE, the transport of 2024-11-05: one stream from the server, a POST for each message."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, final

from mcp_local.guard.bridge import problems
from mcp_local.guard.bridge.channel import Request, resolved, within
from mcp_local.guard.bridge.credential import NoCredential
from mcp_local.guard.bridge.envelope import error_answer, one_line, peek
from mcp_local.guard.bridge.events import EventTooLarge, Parser
from mcp_local.guard.bridge.flight import Flight
from mcp_local.guard.bridge.link import FIRST_ANSWER, SIGN_IN_AT_USE

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp_local.guard.bridge.channel import Channel
    from mcp_local.guard.bridge.envelope import Envelope
    from mcp_local.guard.bridge.link import Deliver

_OK, _BAD_REQUEST = 200, 400
_EVENTS: Final = "text/event-stream"
_POST: Final = {"Content-Type": "application/json"}


@final
class Older:
    """One session, which lasts as long as the server's stream."""

    def __init__(self, channel: Channel, deliver: Deliver) -> None:
        """Prepare; sends nothing."""
        self.lost = False
        self._channel = channel
        self._deliver = deliver
        self._endpoint = ""
        self._stream = Flight()
        self._changed = threading.Condition()
        self._problem: problems.RemoteProblem | NoCredential | None = None
        self._open: set[object] = set()
        """Ids of the requests whose answer is still to come."""
        self._hello: object = None
        self._answer = b""

    def begin(self, hello: bytes, envelope: Envelope, *, wait: float) -> bytes:
        """Open the stream, learn where to post, and send the ``initialize``."""
        threading.Thread(
            target=self._read, args=(wait,), name="mcp-local server's stream", daemon=True
        ).start()
        self._await(lambda: bool(self._endpoint), wait + FIRST_ANSWER)
        self._hello = envelope.id
        self._post(hello, wait)
        self._await(lambda: bool(self._answer), FIRST_ANSWER)
        return self._answer

    def request(self, message: bytes, envelope: Envelope, flight: Flight) -> None:
        """Send a request; its answer comes over the stream."""
        with self._changed:
            if self.lost:
                raise problems.SessionLost("The server has closed its stream.")
            if not flight.unwanted:
                self._open.add(envelope.id)
        try:
            self._post(message, SIGN_IN_AT_USE, flight)
        except (problems.RemoteProblem, NoCredential):
            with self._changed:
                if envelope.id not in self._open:
                    return  # it was answered all the same
                self._open.discard(envelope.id)
            raise

    def tell(self, message: bytes, envelope: Envelope) -> None:
        """Send a notification, or the answer to a request of the server."""
        with self._changed:
            self._open.discard(envelope.cancels)  # the server needn't answer any more
        self._post(message, 0.0)

    def listen(self) -> None:
        """Do nothing: the stream is open already."""

    def close(self) -> None:
        """Close the stream, which ends the session."""
        with self._changed:
            self.lost = True
            self._open.clear()  # nobody listens any more
        self._stream.abort()

    def _post(self, message: bytes, wait: float, flight: Flight | None = None) -> None:
        request = Request(
            "POST", _POST, message, url=self._endpoint, wait=wait, silence=FIRST_ANSWER
        )
        with self._channel.open(request, flight) as reply:
            reply.drain()
            if reply.status >= _BAD_REQUEST:
                raise problems.refused(self._endpoint, reply.status)

    def _await(self, done: Callable[[], bool], seconds: float) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: done() or self.lost, seconds):
                self.close()
                raise problems.not_mcp(self._channel.url, "it never says where to post")
            if not done():
                raise self._problem or problems.Broken(self._channel.host)

    def _read(self, wait: float) -> None:
        """Read the stream until it ends; then nobody waits for it any more."""
        try:
            request = Request("GET", {"Accept": _EVENTS}, wait=wait)
            with self._channel.open(request, self._stream) as reply:
                if reply.status != _OK or reply.kind != _EVENTS:
                    found = f"it answers with HTTP status {reply.status}"
                    raise problems.not_mcp(self._channel.url, found)
                for event in Parser().read(reply.pieces()):
                    self._take(event.name, event.data)
        except (problems.RemoteProblem, NoCredential) as error:
            self._problem = error
        except EventTooLarge:
            self._problem = problems.too_large(self._channel.url)
        finally:
            self._end()

    def _take(self, name: str, data: bytes) -> None:
        if name == "endpoint":
            endpoint = resolved(self._channel.url, data.decode("utf-8", "replace").strip())
            if not within(self._channel.url, endpoint):
                raise problems.redirected(self._channel.url, endpoint)
            with self._changed:
                self._endpoint = endpoint
                self._changed.notify_all()
            return
        found = peek(data) if name == "message" else None
        if found is None:
            return
        message = one_line(data)
        if found.is_answer:
            with self._changed:
                if not self._answer and found.id == self._hello:
                    self._answer = message
                    self._changed.notify_all()
                    return
                if found.id not in self._open:
                    return  # it was cancelled
                self._open.discard(found.id)
        self._deliver(message)

    def _end(self) -> None:
        with self._changed:
            self.lost = True
            unanswered, self._open = self._open, set()
            self._changed.notify_all()
        text = problems.Broken(self._channel.host).text
        for ident in unanswered:
            self._deliver(error_answer(ident, problems.INTERNAL_ERROR, text))
