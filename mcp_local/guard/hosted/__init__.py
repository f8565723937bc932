"""The guard for FastMCP servers that run in this process.

``protect`` attaches it, ``serve_stdio`` runs the server on standard input and output, and
``explain_all`` says for the offline commands what the guard would do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastmcp import FastMCP

    from mcp_local.guard.session import Session
    from mcp_local.guard.stdio import Wire
    from mcp_local.identity.model import VerifiedToken
    from mcp_local.log import Log
    from mcp_local.policy.model import Component, Decides, Decision, Request

__all__ = ["Explained", "explain_all", "explain_use", "inventory", "protect", "serve_stdio"]


@dataclass(frozen=True, slots=True)
class Explained:
    """What the guard makes of one component for one person."""

    component: Component
    decision: Decision
    own_auth: bool
    """Whether the component's own ``auth=`` check, where there is one, lets this person in."""

    @property
    def listed(self) -> bool:
        """Whether this person sees it: the policy and the component's own check both allow."""
        raise NotImplementedError


def protect(
    mcp: FastMCP[Any],
    *,
    policy: Decides | None,
    session: Session,
    log: Log,
    hold: float | None = None,
    locked: bool = False,
) -> None:
    """Guard every component of ``mcp``; call once, before it serves.

    ``policy=None`` means that there is none: then only components with their own ``auth=`` are
    served (POLICY.md 11). ``hold`` is how many seconds the first lists may wait for a sign-in,
    ``None`` decides by the client. ``locked`` lists what a role would unlock, marked as locked.
    """
    raise NotImplementedError


def serve_stdio(mcp: FastMCP[Any], *, session: Session, wire: Wire | None = None) -> int:
    """Serve a protected server until the client leaves; return the exit code.

    ``wire`` comes from ``claim_wire``, called before any user code was imported; claimed here when
    left out. Starts and closes the session. Ends the process itself when something still blocks
    0.7 s after the end was asked for.
    """
    raise NotImplementedError


async def inventory(mcp: FastMCP[Any]) -> list[Component]:
    """Return every enabled component, whoever may see it."""
    raise NotImplementedError


async def explain_all(
    mcp: FastMCP[Any], *, policy: Decides | None, token: VerifiedToken | None
) -> list[Explained]:
    """Say of every enabled component whether it is listed to the token's person, and why."""
    raise NotImplementedError


async def explain_use(
    mcp: FastMCP[Any],
    name: str,
    request: Request,
    *,
    policy: Decides | None,
    token: VerifiedToken | None,
) -> Explained | None:
    """Say what the guard would do with one use; ``None`` where nothing has that name or URI.

    ``request.action`` says the kind: call is a tool, read a resource or template, get a prompt.
    """
    raise NotImplementedError
