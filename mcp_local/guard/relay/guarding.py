"""What the two sides of the relay ask of the guard, which is loaded after them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mcp_local.guard.relay.asked import Asked
    from mcp_local.guard.relay.message import Message


class Guarding(Protocol):
    """What judges. Called by the threads that read; none of it waits for anything but a write."""

    def take(self, message: Message, asked: Asked) -> None:
        """Answer a request of the client, or let it through."""
        ...

    def answered(self, asked: Asked, message: Message, denied: str) -> None:
        """Pass on what the server answered; ``denied`` is what it must not ask for (M12)."""
        ...

    def cancel(self, asked: Asked, message: Message) -> None:
        """Give up a request that the client took back."""
        ...

    def told(self, message: Message) -> bool:
        """Whether a notification of the server passes."""
        ...

    def introduced(self, instructions: str) -> bool:
        """Take note of the server's instructions; whether they may be shown."""
        ...

    def greeting(self, asked: Asked) -> None:
        """See to it that a greeting is answered some time."""
        ...

    def gone(self) -> None:
        """Take note that the server process is gone, and what it said of itself with it."""
        ...

    def anew(self) -> None:
        """Take note that it is another server process from now on."""
        ...

    def abandon(self, asked: Asked) -> None:
        """Log a use that will have no end."""
        ...
