"""What changes around the relay: who is signed in, the policy, what was approved of the server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, final

from mcp_local.guard.definition_record import INSTRUCTIONS
from mcp_local.guard.relay import answers
from mcp_local.guard.relay.listen import CHANGED
from mcp_local.policy.model import Kind

if TYPE_CHECKING:
    from mcp_local.guard.definitions import ApprovedDefinitions
    from mcp_local.guard.relay.listen import Listening
    from mcp_local.guard.relay.relay import Relay
    from mcp_local.policy.live import LivePolicy

_LOOK: Final = 1.0
"""Seconds between two looks at what was approved."""


@final
class News:
    """Tells the client of changes. For the event loop, if not said otherwise."""

    def __init__(
        self,
        relay: Relay,
        listening: Listening,
        policy: LivePolicy,
        definitions: ApprovedDefinitions | None,
    ) -> None:
        self._relay = relay
        self._listening = listening
        self._policy = policy
        self._definitions = definitions

    def announce(self) -> None:
        """Tell the client that its lists changed: somebody signed in or out, or has new roles."""
        kinds = [Kind.TOOL]
        if "prompts" in self._relay.capabilities:
            kinds.append(Kind.PROMPT)
        if "resources" in self._relay.capabilities:
            kinds.append(Kind.RESOURCE)
        self._listening.announce(kinds)
        if self._relay.may_tell:
            for kind in kinds:
                self._relay.write_soon(answers.notification(CHANGED[kind]))

    def introduced(self, instructions: str) -> bool:
        """Whether the server's instructions may be shown; from any thread."""
        if self._definitions is None:
            return True
        self._definitions.see_instructions(instructions)
        return not self._definitions.is_held(INSTRUCTIONS)

    async def watch(self) -> None:
        """Tell the client when something held back was approved; for ever."""
        if self._definitions is None:
            return
        loop = asyncio.get_running_loop()
        while True:
            before = self._definitions.generation
            await asyncio.sleep(_LOOK - loop.time() % _LOOK)  # with whoever else looks
            if not self._definitions.at_rest:  # a thread costs more than a hundred looks
                await asyncio.to_thread(self._definitions.look)
            if self._definitions.generation != before:
                self.announce()

    def generation(self) -> tuple[int, int]:
        """Return another value after each change of what lists show; from any thread."""
        held = self._definitions
        return self._policy.generation, 0 if held is None else held.generation

    def notice(self) -> tuple[str, dict[str, object]]:
        """Return what whoami tells beside the person."""
        policy = self._policy.now
        pins = "" if self._definitions is None else self._definitions.notice()
        return "\n".join(filter(None, [policy.notice, pins])), policy.marks()
