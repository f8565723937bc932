"""A remote server as the relay's ``Upstream``: messages in, messages out, HTTP between."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Final, final

from mcp_local.guard.bridge import problems
from mcp_local.guard.bridge.channel import Channel
from mcp_local.guard.bridge.credential import NoCredential
from mcp_local.guard.bridge.crew import Crew
from mcp_local.guard.bridge.discretion import Discreet
from mcp_local.guard.bridge.envelope import (
    DISCOVER,
    HANDSHAKE_METHOD,
    INITIALIZED,
    error_answer,
    peek,
)
from mcp_local.guard.bridge.flight import Flight
from mcp_local.guard.bridge.handshake import Handshake
from mcp_local.guard.bridge.inbox import Inbox
from mcp_local.guard.bridge.streamable import Streamable
from mcp_local.guard.upstream import UpstreamGone

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp_local.guard.bridge.credential import Credential
    from mcp_local.guard.bridge.crew import Job
    from mcp_local.guard.bridge.envelope import Envelope
    from mcp_local.guard.bridge.link import Link, Logs
    from mcp_local.network import Connections

_RETRIES: Final = (0.25, 0.5, 1.0, 2.0)
"""Seconds between tries to reach a server that was there before: it may be starting again."""
_OVERTAKEN: Final = 2.0
"""Seconds that a cancellation waits for the request to be sent that it is about."""
_DEADLINE: Final = 1.5
"""Seconds for :meth:`Remote.stop`."""


@final
class Remote:
    """One remote server. Its threads are its own; none of them is needed to leave.

    ``connections`` should keep as many open as there may be calls at once.
    """

    def __init__(
        self,
        url: str,
        *,
        connections: Connections,
        credential: Credential,
        log: Logs,
        whose: Callable[[], object] = lambda: None,
    ) -> None:
        """Prepare; opens no connection. ``whose`` returns who is signed in; ``None``: nobody."""
        self._credential = Discreet(credential, log)
        channel = Channel(url, connections, self._credential, whose)
        self._channel = channel
        self._log = log
        self._inbox = Inbox()
        self._crew = Crew(self._begin)
        self._stateless = Streamable(channel, self._deliver)
        self._handshake = Handshake(channel, self._deliver, log)
        self._flights: dict[object, tuple[Flight, bool]] = {}
        """By the request's id; with whether it is stateless."""
        self._stopped = threading.Event()
        self._reached = False

    def __repr__(self) -> str:
        return f"Remote({self._channel.host!r})"

    def resume_only(self, may_hear: Callable[[str], bool]) -> None:
        """Subscribe new sessions to these URIs only; to none before this was said."""
        self._handshake.resume_only(may_hear)

    def start(self) -> None:
        """Begin; nothing is sent before the client speaks."""
        self._crew.start()

    def send(self, message: bytes) -> None:
        """Hand over one message of the client.

        Raises:
            UpstreamGone: this was stopped.
        """
        if self._stopped.is_set():
            raise UpstreamGone(self.ended)
        self._crew.put(message)

    def receive(self) -> bytes | None:
        """Wait for the server's next message; ``None`` once this was stopped."""
        return self._inbox.get()

    @property
    def ended(self) -> str:
        """Why there is nothing more; a server out of reach may come back, and ends nothing."""
        return (
            f"The connection to {self._channel.host} was closed." if self._stopped.is_set() else ""
        )

    def stop(self) -> None:
        """End the session with the server and all that is under way."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        for flight, _ in list(self._flights.values()):
            flight.abort()
        self._crew.stop()
        closing = threading.Thread(target=self._close, name="mcp-local goodbye", daemon=True)
        closing.start()
        closing.join(_DEADLINE)
        self._inbox.close()

    def _deliver(self, message: bytes) -> None:
        """Let the client have a message; what the server was shown is in none (M14)."""
        self._inbox.put(self._credential.without(message))

    def _close(self) -> None:
        self._handshake.close()
        self._stateless.close()

    def _begin(self, message: bytes) -> Job | None:
        """Send a message, or return what sends it: requests go side by side.

        Notifications, answers and ``initialize`` are sent before the next message is taken, since
        what follows relies on them.
        """
        envelope = peek(message)
        if envelope is None:
            self._log.event("remote_not_sent", level="warning", why="no JSON-RPC message")
            return None
        if not envelope.is_request or envelope.method == HANDSHAKE_METHOD:
            self._handle(message, envelope)
            return None
        flight = Flight(self._channel.whose())
        self._flights[envelope.id] = (flight, bool(envelope.modern_version))
        return partial(self._handle, message, envelope, flight)

    def _handle(self, message: bytes, envelope: Envelope, flight: Flight | None = None) -> None:
        """Send a message; a request that can't be answered gets an error."""
        try:
            if envelope.method == HANDSHAKE_METHOD:
                self._deliver(self._handshake.begin(message, envelope))
            elif flight is not None:
                self._request(message, envelope, flight)
            else:
                self._tell(message, envelope)
            self._reached = True
        except (problems.RemoteProblem, NoCredential) as error:
            if flight is None or not (flight.broken or flight.unwanted):
                self._refuse(envelope, error)
        except Exception as fault:  # noqa: BLE001 - the guard's edge: nobody waits for ever
            # Its text may quote a header, which may be the token's.
            self._log.event("fault", level="error", kind=type(fault).__name__)
            self._refuse(envelope, problems.fault(self._channel.host))
        finally:
            if flight is not None and self._flights.get(envelope.id, (None,))[0] is flight:
                del self._flights[envelope.id]

    def _request(self, message: bytes, envelope: Envelope, flight: Flight) -> None:
        pauses = iter(_RETRIES)
        again = True
        while not (flight.broken or flight.unwanted):
            link: Link = self._stateless if envelope.modern_version else self._handshake.link()
            try:
                link.request(message, envelope, flight)
            except problems.SessionLost:
                if not again:
                    raise
                again = False
                self._handshake.lose(link)
            except problems.NotSent:
                pause = next(pauses, None)
                if not self._reached or pause is None or self._stopped.wait(pause):
                    raise
            else:
                self._handshake.note(envelope)
                return

    def _tell(self, message: bytes, envelope: Envelope) -> None:
        if envelope.cancels is not None:
            flight, stateless = self._flights.get(envelope.cancels, (None, False))
            if flight is not None:
                flight.unwanted = True
                if stateless:  # to hang up is to cancel (MCP 2026-07-28)
                    flight.abort()
                    return
                if flight.withdraw():
                    return  # the server hears of neither
                flight.sent.wait(_OVERTAKEN)
        link = self._handshake.link_if_there()
        if link is None:
            return  # nobody there who would miss it
        link.tell(message, envelope)
        if envelope.method == INITIALIZED:
            link.listen()

    def _refuse(self, envelope: Envelope, error: problems.RemoteProblem | NoCredential) -> None:
        text = self._credential.without(error.text.encode()).decode()  # it may quote the server
        self._log.event("remote_problem", level="warning", method=envelope.method, why=text)
        if not envelope.is_request:
            return
        code = error.code if isinstance(error, problems.RemoteProblem) else problems.INTERNAL_ERROR
        if isinstance(error, NoCredential) and envelope.method == DISCOVER:
            # The client falls back to `initialize`, which can be answered without the server.
            code, text = problems.METHOD_NOT_FOUND, "Method not found"
        self._deliver(error_answer(envelope.id, code, text))
