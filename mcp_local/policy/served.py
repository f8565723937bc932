"""The policy that this process serves by, for the code of the server itself.

::

    name = mcp_local.add_policy("more.yaml")      # before or while it is served
    mcp_local.remove_policy(name)
    mcp_local.reload_policies()

What is added counts beside the policy of the settings, with the same meaning as one more file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_local.policy.live import LivePolicy

if TYPE_CHECKING:
    from pathlib import Path

    from mcp_local.log import Log
    from mcp_local.policy.building.builder import Policy


class _Served:
    """Holds the one policy of the process; what is added early waits in one without files."""

    policy = LivePolicy()


def add_policy(policy: Path | str | Policy) -> str:
    """Add the rules of a file, a folder, or a policy made in Python; return their name.

    The name is the policy's own, else its path. One that has the same name is replaced.

    Raises:
        PolicyError: it is broken, or contradicts what is in force, or the administrator's policy
            holds; nothing has changed.
    """
    return _Served.policy.add_policy(policy)


def remove_policy(name: str) -> bool:
    """Take away what :func:`add_policy` added; return whether it was there.

    Raises:
        PolicyError: what is left means nothing without it; nothing has changed.
    """
    return _Served.policy.remove_policy(name)


def reload_policies() -> bool:
    """Read the policy's files now, not within the next second; return whether anything changed.

    Raises:
        PolicyError: they are broken; the last good policy stays in force.
    """
    return _Served.policy.reload_policies()


def serve_by(policy: LivePolicy, log: Log) -> None:
    """Make ``policy`` the one of this process, with what was added before.

    Raises:
        PolicyError: what was added contradicts it.
    """
    early, _Served.policy = _Served.policy, policy
    ignored = policy.take_over(early)
    if ignored:
        log.event("policies_ignored", level="warning", names=ignored, why="administrator's policy")
