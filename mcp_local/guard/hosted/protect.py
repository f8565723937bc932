"""Puts the guard's parts on a FastMCP server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mcp_local.guard.hold import Hold
from mcp_local.guard.hosted.asking import Asker
from mcp_local.guard.hosted.changes import Changes
from mcp_local.guard.hosted.insides import sdk_server
from mcp_local.guard.hosted.middleware import GuardMiddleware
from mcp_local.guard.hosted.root import RootMiddleware
from mcp_local.guard.hosted.tree import Tree
from mcp_local.guard.judge import Judge
from mcp_local.guard.live import live_token
from mcp_local.guard.questions import Questions
from mcp_local.policy.live import LivePolicy

if TYPE_CHECKING:
    from fastmcp import FastMCP

    from mcp_local.guard.questions import Way
    from mcp_local.guard.session import Session
    from mcp_local.log import Log
    from mcp_local.policy.model import Decides


def protect(  # noqa: PLR0913 - what the wiring knows, each by its name
    mcp: FastMCP[Any],
    *,
    policy: Decides | LivePolicy | None,
    session: Session,
    log: Log,
    hold: float | None = None,
    locked: bool = False,
    page: Way | None = None,
) -> None:
    """Guard every component of ``mcp``; call once, before it serves.

    ``policy=None`` means that there is none: then only components with their own ``auth=`` are
    served (POLICY.md 11). ``hold`` is how many seconds the first lists may wait for a sign-in,
    ``None`` decides by the client. ``locked`` lists what a role would unlock, marked as locked.
    ``page`` is how the person is asked for a yes where the client can't ask; ``None``: not at all.
    """
    live = policy if isinstance(policy, LivePolicy) else LivePolicy.fixed(policy)
    judge = Judge(live, lambda: live_token(session), log, locked=locked)
    tree = Tree(mcp, judge, log)
    changes = Changes(mcp)
    # First of all: an outer cache would serve one person's answers to another.
    asker = Asker(Questions(log), session, page)
    guard = GuardMiddleware(mcp, judge, session, log, Hold(hold), asker, live, changes.announce)
    guard.lead()
    sdk_server(mcp).middleware.insert(0, RootMiddleware(mcp, guard, tree, session, changes))
    session.on_change(changes.announce)
