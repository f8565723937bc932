"""The person's yes to a call of their own, where a policy asks for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_local.errors import Denied

if TYPE_CHECKING:
    from mcp_local.cli.console import Console
    from mcp_local.errors import McpLocalError


class YesOfPerson:
    """Asks the person at the terminal for their yes, where there is one."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.asked = False
        self.said_yes = False

    def ask(self, question: str) -> bool:
        """Return whether they said yes; without a terminal it is a no."""
        self.asked = True
        self.said_yes = self._console.can_ask and self._console.confirm(question)
        return self.said_yes

    def refusal(self, name: str) -> McpLocalError:
        """Return what a no comes to."""
        if self._console.can_ask:
            return Denied(f"{name} was not used: you didn't say yes.")
        return Denied(
            f"{name} needs your yes, and nobody can be asked here.",
            hint="Use it in a terminal, where you are asked.",
        )
