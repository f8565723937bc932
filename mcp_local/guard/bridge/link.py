"""What both transports of a remote server have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from mcp_local.guard.bridge.envelope import Envelope
    from mcp_local.guard.bridge.flight import Flight

Deliver = Callable[[bytes], None]
"""Takes a message of the server; called from several threads."""

SIGN_IN_AT_USE: Final = 40.0
"""Seconds that a call waits for a person (CLIENTS.md consequence 4); ``initialize`` asks nobody."""
FIRST_ANSWER: Final = 30.0
"""Seconds that a server may take to say who it is."""


class Logs(Protocol):
    """Where is noted what goes on."""

    def event(self, name: str, *, level: str = "info", **fields: object) -> None:
        """Write one line."""
        ...


class Link(Protocol):
    """A session with a remote server, by one of the transports. Called from several threads."""

    @property
    def lost(self) -> bool:
        """Whether the session is over, so that another must be begun."""
        ...

    def begin(self, hello: bytes, envelope: Envelope, *, wait: float) -> bytes:
        """Open the session with an ``initialize``; return the answer to it.

        Raises:
            NotThisTransport: the server may speak another transport.
            RemoteProblem, NoCredential: there is no session.
        """
        ...

    def request(self, message: bytes, envelope: Envelope, flight: Flight) -> None:
        """Send a request; its answer, and all that comes before it, is delivered.

        Raises:
            SessionLost: the server has forgotten the session, and done nothing.
            RemoteProblem, NoCredential: no answer will come.
        """
        ...

    def tell(self, message: bytes, envelope: Envelope) -> None:
        """Send a notification, or the answer to a request of the server.

        Raises:
            SessionLost, RemoteProblem, NoCredential: as above.
        """
        ...

    def listen(self) -> None:
        """Take in what the server says of itself, from now on; returns at once."""
        ...

    def close(self) -> None:
        """End the session; 1 s at most."""
        ...
