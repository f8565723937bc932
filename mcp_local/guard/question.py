"""One question of ``ask``: what it is about, what it is bound to, and how it is worded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.identity.model import Identity
    from mcp_local.policy.model import Action, Component, Decision, Kind

CONFIRM: Final = "confirm"
"""The one field of the form, and the key of its answer between two calls."""


@dataclass(frozen=True, slots=True)
class Question:
    """May this very use go on? Made by :func:`question_of`."""

    kind: Kind
    name: str
    """The component's, as clients know it."""
    action: Action
    person: tuple[str, str]
    """Tenant and object id of whoever may say yes."""
    rule: str
    remember: float
    """Seconds that a yes holds for every call of it under the rule; 0: this call only."""
    call: str = field(repr=False)
    """SHA-256 of person, component, action, exact arguments, and rule: what a yes is bound to."""
    heading: str = field(repr=False)
    lines: tuple[str, ...] = field(repr=False)
    """The arguments, one a line."""

    @property
    def about(self) -> tuple[Kind, str]:
        """What at most one question is open for."""
        return (self.kind, self.name)

    def message(self) -> str:
        """Return the text of a form: plain, and safe where a client reads it as Markdown."""
        raise NotImplementedError


def question_of(
    identity: Identity,
    action: Action,
    component: Component,
    arguments: Mapping[str, object],
    decision: Decision,
) -> Question:
    """Return the question that ``decision`` (an ask) wants put to the person."""
    raise NotImplementedError


def form_schema(title: str = "Yes") -> dict[str, object]:
    """Return the schema of the form: one box that the person ticks."""
    raise NotImplementedError


def said_yes(action: str, content: Mapping[str, object] | None) -> bool:
    """Whether a form came back accepted with its box ticked."""
    return action == "accept" and (content or {}).get(CONFIRM) is True
