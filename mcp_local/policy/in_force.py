"""What decides at one moment, and what people must be told of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mcp_local.errors import PolicyError
    from mcp_local.policy.model import Decides


NONE: Final = (
    "No policy is set: only what has a check of its own is served. `--policy FILE` names one."
)
OBSERVES: Final = "The policy only observes: what no rule speaks of is let through, and logged."


@dataclass(frozen=True, slots=True)
class PolicyInForce:
    """The policy that decides at one moment, and what is wrong with it."""

    decides: Decides | None
    """``None``: there is no policy; only components with their own ``auth=`` are served."""
    path: str = ""
    """Where it comes from; empty: from nowhere, or from Python code alone."""
    problem: PolicyError | None = None
    """What is wrong with the files as they are now."""
    generation: int = 0
    """Grows with every change of what decides."""
    kept: bool = False
    """Whether the last good policy still decides, beside the problem."""
    observing: bool = False
    """Whether ``mode: observe`` lets through what only the default refuses."""

    @property
    def notice(self) -> str:
        """What people must be told of it, in sentences; empty in the ordinary case."""
        return "\n".join(filter(None, (self._of_problem(), self._of_mode())))

    def marks(self) -> dict[str, object]:
        """Return the same for scripts; only what holds stands there."""
        problem = {"policy_problem": self.problem.message} if self.problem else {}
        return {**problem, **({"policy_mode": "observe"} if self.observing else {})}

    def _of_problem(self) -> str:
        if self.problem is None:
            return "" if self.decides else NONE
        if self.kept:
            return (
                f"The last good policy stays in force, as it is broken now: {self.problem.message}"
            )
        return f"Nothing but the account tools is served: {self.problem.message}"

    def _of_mode(self) -> str:
        if not self.observing:
            return ""
        return OBSERVES
