"""The handshake with a remote server, and again whenever its session is lost."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, final

import msgspec

from mcp_local.guard.bridge.changes import Changes
from mcp_local.guard.bridge.credential import NoCredential
from mcp_local.guard.bridge.envelope import INITIALIZED, Envelope
from mcp_local.guard.bridge.flight import Flight
from mcp_local.guard.bridge.lasting import Lasting
from mcp_local.guard.bridge.link import SIGN_IN_AT_USE
from mcp_local.guard.bridge.older import Older
from mcp_local.guard.bridge.problems import RemoteProblem
from mcp_local.guard.bridge.streamable import NotThisTransport, Streamable

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp_local.guard.bridge.channel import Channel
    from mcp_local.guard.bridge.link import Deliver, Link, Logs

_RESTORING: Final = 10.0
"""Seconds for a new session to be brought to where the one before was."""
_VERSIONS: Final = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
_INITIALIZED: Final = Envelope(method=INITIALIZED)
_INITIALIZED_MESSAGE: Final = msgspec.json.encode({"jsonrpc": "2.0", "method": INITIALIZED})


@final
class Handshake:
    """The one session of the handshake era. Called from several threads."""

    def __init__(self, channel: Channel, deliver: Deliver, log: Logs) -> None:
        self._channel = channel
        self._deliver = deliver
        self._log = log
        self._lock = threading.Lock()
        self._hello: tuple[bytes, Envelope] | None = None
        """The client's ``initialize``; sent again for each session."""
        self._link: Link | None = None
        self._owner: object = None
        """Who was signed in when it was begun, if anybody was."""
        self._known = False
        """Whether the client may have lists of a session before."""
        self._lasting = Lasting()
        self._changes = Changes(deliver)

    def begin(self, hello: bytes, envelope: Envelope) -> bytes:
        """Return the answer to the client's ``initialize``.

        Where nobody is signed in who could ask the server, the answer is our own, so that the
        client starts and offers the account tools; the server is asked once somebody is.

        Raises:
            RemoteProblem: there is no session.
        """
        with self._lock:
            self._close_link()
            self._lasting.forget()
            self._hello = (hello, envelope)
            try:
                self._link, answer = self._connect(hello, envelope, wait=0.0)
            except NoCredential as error:
                self._log.event("remote_waits", why=error.text)
                return _own_answer(envelope, self._channel.host)
            self._known = True
            return answer

    def link(self) -> Link:
        """Return the session, begun anew where there is none.

        Raises:
            RemoteProblem, NoCredential: there is none to be had.
        """
        with self._lock:
            if self._link is not None and (self._link.lost or self._is_anothers()):
                self._close_link()
            if self._link is None and self._hello:
                link, answer = self._connect(*self._hello, wait=SIGN_IN_AT_USE)
                link.tell(_INITIALIZED_MESSAGE, _INITIALIZED)
                link.listen()
                self._restore(link)
                self._link = link
                if self._known:  # who has forgotten a session may be another server by now
                    self._changes.tell(answer)
                self._known = True
            return self._link or Streamable(self._channel, self._deliver)

    def link_if_there(self) -> Link | None:
        """Return the session, if there is one."""
        return self._link

    def resume_only(self, may_hear: Callable[[str], bool]) -> None:
        """Subscribe new sessions to these URIs only."""
        self._lasting.may_hear = may_hear

    def note(self, envelope: Envelope) -> None:
        """Take note of a request that went through: it may last as long as the session."""
        self._lasting.note(envelope)

    def lose(self, link: Link) -> None:
        """Drop a session that the server has forgotten."""
        with self._lock:
            if self._link is link:
                self._close_link()

    def _restore(self, link: Link) -> None:
        """Have a new session do what the one before did; as far as the server goes along."""
        requests = list(self._lasting.again())
        if not requests:
            return
        flight = Flight()
        flight.unwanted = True  # the client has its answers
        hurry = threading.Timer(_RESTORING, flight.abort)
        hurry.daemon = True
        hurry.start()
        try:
            for message, envelope in requests:
                link.request(message, envelope, flight)
        except (RemoteProblem, NoCredential) as error:
            self._log.event("remote_not_restored", level="warning", why=error.text)
        finally:
            hurry.cancel()

    def close(self) -> None:
        """End the session."""
        link = self._link
        if link is not None:
            link.close()

    def _is_anothers(self) -> bool:
        """Whether somebody else is signed in than the server began the session for (M6)."""
        self._owner = self._owner or self._channel.whose()
        return self._channel.is_anothers(self._owner)

    def _close_link(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

    def _connect(self, hello: bytes, envelope: Envelope, *, wait: float) -> tuple[Link, bytes]:
        link: Link = Streamable(self._channel, self._deliver)
        try:
            answer = link.begin(hello, envelope, wait=wait)
        except NotThisTransport as newer:
            link = Older(self._channel, self._deliver)
            try:
                answer = link.begin(hello, envelope, wait=wait)
            except RemoteProblem:
                raise newer from None
        self._owner = self._channel.whose()
        self._log.event("remote_session", transport=type(link).__name__.lower())
        return link, answer


def _own_answer(envelope: Envelope, host: str) -> bytes:
    """Return what a client is told before the server can be asked: that it may have anything."""
    asked = envelope.params.version if envelope.params else None
    changing = {"listChanged": True}
    result = {
        "protocolVersion": asked if asked in _VERSIONS else _VERSIONS[-1],
        "capabilities": {
            "tools": changing,
            "resources": changing,
            "prompts": changing,
            "completions": {},
            "logging": {},
        },
        "serverInfo": {"name": host, "version": "unknown"},
    }
    return msgspec.json.encode({"jsonrpc": "2.0", "id": envelope.id, "result": result})
