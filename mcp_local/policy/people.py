"""People who stand for everybody of a kind: what matrix, diff and check ask the policy for."""

from __future__ import annotations

from dataclasses import dataclass

from mcp_local.identity.model import Identity
from mcp_local.policy.model import Action, ClientInfo, Component, Kind, Request

_NEVER = 1 << 40
"""Seconds since the epoch; nobody here expires."""

NO_ROLE = ""
"""Stands for somebody who is signed in and has no role."""

USE = {Kind.TOOL: Action.CALL, Kind.RESOURCE: Action.READ, Kind.PROMPT: Action.GET}
"""What one does with a component of each kind."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who could be signed in; made up, so never to be let in anywhere."""

    label: str
    """How tables call them: mostly the role."""
    identity: Identity
    client: ClientInfo | None = None

    def wish(self, action: Action) -> Request:
        """Return what they ask for when neither arguments nor time are known."""
        return Request(action, client=self.client)


def imagined(  # noqa: PLR0913 - one argument for each thing that a rule can ask of a person
    roles: frozenset[str] = frozenset(),
    *,
    user_id: str = "somebody",
    tenant: str = "some-tenant",
    groups: frozenset[str] = frozenset(),
    scopes: frozenset[str] = frozenset(),
    claims: dict[str, object] | None = None,
) -> Identity:
    """Return an identity that no token stands behind; for questions about a policy only."""
    return Identity(
        tenant, user_id, roles, scopes, groups, "mcp-local", 0, _NEVER, claims=claims or {}
    )


def with_role(role: str) -> Person:
    """Return somebody with one role, or with none for :data:`NO_ROLE`."""
    return Person(role, imagined(frozenset({role} if role else ())))


def component_label(component: Component) -> str:
    """Return a component's name for tables, with its namespace where it has one."""
    if component.namespace:
        return f"{component.namespace}/{component.name}"
    return component.name
