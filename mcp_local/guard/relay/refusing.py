"""The guard where none could be loaded: it lets nothing through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from mcp_local.guard.relay import answers
from mcp_local.guard.relay.methods import OF_SOMEBODY

if TYPE_CHECKING:
    from mcp_local.guard.relay.asked import Asked
    from mcp_local.guard.relay.message import Message
    from mcp_local.guard.relay.relay import Relay

_FAULT: Final = (
    "mcp-local could not be loaded, so nothing is let through. `mcp-local logs` has the cause."
)


@final
class RefusingGuard:
    """Refuses whatever would have to be judged."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    def take(self, message: Message, asked: Asked) -> None:
        """Refuse a request."""
        del message
        self._relay.answer(asked, answers.refusal(asked, _FAULT))

    def answered(self, asked: Asked, message: Message, denied: str) -> None:
        """Never called: nothing that is guarded was let through."""

    def cancel(self, asked: Asked, message: Message) -> None:
        """Never called: nothing waits."""

    def told(self, message: Message) -> bool:
        """Whether a notification of the server is nobody's."""
        return message.method not in OF_SOMEBODY

    def introduced(self, instructions: str) -> bool:
        """Show none: whether they were approved isn't known."""
        del instructions
        return False

    def greeting(self, asked: Asked) -> None:
        """Let it take as long as it takes."""

    def gone(self) -> None:
        """Nothing is known of it."""

    def anew(self) -> None:
        """Nothing is known of the old one."""

    def abandon(self, asked: Asked) -> None:
        """Nothing was used."""
