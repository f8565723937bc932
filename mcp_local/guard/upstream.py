"""What stands behind the relay: a child on its pipes, or a remote server behind HTTP.

The relay knows no more of either than this, so both have the same guard.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class UpstreamGone(Exception):
    """The server behind the relay can't be spoken to; ``text`` says why, to clients and the log."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Upstream(Protocol):
    """The server that is guarded, as messages: one JSON-RPC message each, without a line's end."""

    def start(self) -> None:
        """Begin; returns at once. What goes wrong is told by :meth:`receive` and :attr:`ended`."""
        ...

    def send(self, message: bytes) -> None:
        """Hand over one message of the client; callable from any thread, in the order of calls.

        Raises:
            UpstreamGone: it will not get there.
        """
        ...

    def receive(self) -> bytes | None:
        """Wait for the server's next message; ``None`` once there will be no more.

        Called by one thread only.
        """
        ...

    @property
    def ended(self) -> str:
        """Why there is nothing more, in a sentence for people; empty while there may be."""
        ...

    def stop(self) -> None:
        """End it, and all that it started, within 2 s; callable from any thread, more than once."""
        ...


class Resuming(Upstream, Protocol):
    """A server whose sessions are begun anew behind the relay's back, as they were left."""

    def resume_only(self, may_hear: Callable[[str], bool]) -> None:
        """Subscribe a new session only to what the one before was and ``may_hear`` allows.

        Whoever is signed in may be somebody else by then. It is called from any thread; before it
        is known, no subscription is resumed.
        """
        ...


class Restartable(Upstream, Protocol):
    """A server that may be started anew when it has ended."""

    def revive(self) -> bool:
        """Wait as long as is due, then start it anew; False: it stays as it is, for good.

        Called by the thread that receives, after :meth:`receive` returned ``None``. The new server
        knows nothing of what was said to the old one: who speaks with it must begin anew.
        """
        ...
