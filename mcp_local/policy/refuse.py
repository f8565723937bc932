"""What stands in for a policy where there is none, or a broken one: nothing is allowed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcp_local.policy.model import Decision, Effect

if TYPE_CHECKING:
    from mcp_local.identity.model import Identity
    from mcp_local.policy.model import Component, Decides, Request


@dataclass(frozen=True, slots=True)
class RefuseAll:
    """Denies everything to everybody, always for the same reason."""

    decision: Decision

    def decide(self, identity: Identity | None, request: Request, component: Component) -> Decision:
        """Deny."""
        del identity, request, component
        return self.decision


REFUSE_ALL: Decides = RefuseAll(
    Decision(Effect.DENY, "no-policy", "No policy is set, so nothing is allowed.")
)


def refuse_broken(summary: str) -> Decides:
    """Return what stands in for a policy that can't be taken; ``summary`` is one line of why."""
    reason = f"The policy is broken, so nothing is allowed: {summary}"
    return RefuseAll(Decision(Effect.DENY, "broken-policy", reason))
