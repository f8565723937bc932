"""The policy in force while a server runs: it follows its files, and what Python code adds.

A good change takes effect; a bad one is told of and leaves the last good policy in force, so that
nothing is ever widened by a mistake (POLICY.md 7, SECURITY.md M24).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mcp_local.errors import PolicyError
    from mcp_local.identity.model import Identity
    from mcp_local.policy.document import Document
    from mcp_local.policy.model import Component, Decides, Decision, Request


@dataclass(frozen=True, slots=True)
class PolicyInForce:
    """The policy that decides at one moment, and what people must be told of it."""

    decides: Decides | None
    """``None``: there is no policy; only components with their own ``auth=`` are served."""
    path: str = ""
    """Where it comes from; empty: from nowhere, or from Python code alone."""
    problem: PolicyError | None = None
    """What is wrong with the files as they are now."""
    generation: int = 0
    """Grows with every change in force."""
    kept: bool = False
    """Whether the last good policy is still in force beside the problem."""
    observing: bool = False
    """Whether ``mode: observe`` lets through what only the default refuses."""

    @property
    def notice(self) -> str:
        """What people must be told of it, in sentences; empty in the ordinary case."""
        raise NotImplementedError


@final
class LivePolicy:
    """A :class:`Decides` whose rules can change. ``decide`` is safe to use from any thread."""

    def __init__(self, path: Path | None, *, folder: Path | None = None) -> None:
        """Load the policy at ``path`` (file or folder); ``None``: there is none yet.

        ``folder`` is where ``under`` stands. Raises nothing: see :attr:`problem`.
        """
        raise NotImplementedError

    @property
    def now(self) -> PolicyInForce:
        """All of it at this moment; the same object until something changes."""
        raise NotImplementedError

    @property
    def generation(self) -> int:
        """Grows with every change in force."""
        return self.now.generation

    @property
    def problem(self) -> PolicyError | None:
        """What is wrong with the files as they are now."""
        return self.now.problem

    @property
    def observing(self) -> bool:
        """Whether ``mode: observe`` lets through what only the default refuses."""
        return self.now.observing

    def notice(self) -> str:
        """Return what people must be told of it, in sentences; empty in the ordinary case."""
        return self.now.notice

    def decide(self, identity: Identity | None, request: Request, component: Component) -> Decision:
        """Answer one request by the rules in force."""
        raise NotImplementedError

    def look(self, *, settle: float = 0.0) -> bool:
        """Look whether the files changed and take what is good; tell whether what decides changed.

        ``settle`` is how many seconds a change must have stood before it is read: editors and
        copies write in pieces.
        """
        raise NotImplementedError

    def add_policy(self, policy: Path | str | Document) -> str:
        """Add the rules of a file, folder or document to those in force; return its name.

        Raises:
            PolicyError: it is broken, or contradicts what is in force; nothing has changed.
        """
        raise NotImplementedError

    def remove_policy(self, name: str) -> bool:
        """Take away what :meth:`add_policy` added; tell whether it was there."""
        raise NotImplementedError

    def reload_policies(self) -> bool:
        """Read all files anew, changed or not; tell whether what decides changed.

        Raises:
            PolicyError: they are broken; the last good policy stays in force.
        """
        raise NotImplementedError

    async def watch(self, on_change: Callable[[], None]) -> None:
        """Look once a second, for ever; call ``on_change`` after each change in force."""
        raise NotImplementedError
