"""What judges in the relay, put together while it already runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mcp_local.guard.definitions import ApprovedDefinitions
    from mcp_local.guard.questions import Way
    from mcp_local.guard.session import Session
    from mcp_local.policy.live import LivePolicy
    from mcp_local.policy.model import Decides


class RelayParts(NamedTuple):
    """What judges: loaded in the background, while messages that need no judging already pass."""

    session: Session
    policy: LivePolicy | Decides | None
    """``None``: there is none, and nothing but the account tools is served."""
    hold: float | None = None
    """Seconds that the first lists may wait for a sign-in; ``None`` decides by the client."""
    locked: bool = False
    """Whether what a role would unlock is listed, marked as locked."""
    page: Way | None = None
    """Where the person is asked whom the client can't ask; ``None``: nowhere."""
    definitions: ApprovedDefinitions | None = None
    """What was approved of the server; ``None``: that isn't kept."""
