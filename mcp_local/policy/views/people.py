"""People who stand for everybody of a kind: what matrix, diff and check ask the policy for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import structs

from mcp_local.identity.model import Identity
from mcp_local.policy.document import ANY_ROLE, Agents
from mcp_local.policy.model import Action, ClientInfo, Component, Effect, Request
from mcp_local.policy.vocabulary.ids import as_in_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mcp_local.policy.deciding.engine import CompiledPolicy

_NEVER = 1 << 40
"""Seconds since the epoch; nobody here expires."""

NO_ROLE = ""
"""Stands for somebody who is signed in and has no role."""


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
        as_in_tokens(tenant),
        as_in_tokens(user_id),
        roles,
        scopes,
        frozenset(map(as_in_tokens, groups)),
        "mcp-local",
        0,
        _NEVER,
        claims=claims or {},
    )


def with_role(role: str) -> Person:
    """Return somebody with one role, or with none for :data:`NO_ROLE`."""
    return Person(role, imagined(frozenset({role} if role else ())))


def people_of(policies: Sequence[CompiledPolicy]) -> tuple[Person, ...]:
    """Return one person for everybody, for each role, and for each sort that a rule is for."""
    roles = dict.fromkeys(role for policy in policies for role in policy.roles)
    sorts = dict.fromkeys(agents for policy in policies for agents in _sorts(policy, Effect))
    return (with_role(NO_ROLE), *map(with_role, roles), *map(_as_asked, sorts))


def let_in_with(policy: CompiledPolicy, role: str) -> tuple[Person, ...]:
    """Return one person with the role for each sort that a rule lets in by more than a role."""
    special = (
        structs.replace(agents, roles=(role,) if role else ())
        for agents in _sorts(policy, (Effect.ALLOW, Effect.ASK))
        if not agents.roles or role in agents.roles or (role and ANY_ROLE in agents.roles)
    )
    return tuple(map(_as_asked, dict.fromkeys(special)))


def _sorts(policy: CompiledPolicy, effects: Iterable[Effect]) -> Iterator[Agents]:
    """Yield whom rules of these effects are for, where that is more than a role."""
    for document in policy.documents:
        for rule in document.rules:
            agents = rule.agents
            if rule.effect in effects and agents and agents != Agents(roles=agents.roles):
                yield agents


def _as_asked(agents: Agents) -> Person:
    """Return somebody who fits, by the first that is given of each kind."""
    first = {key: values[0] for key, values in structs.asdict(agents).items() if values}
    patterns = first.pop("patterns", "")
    identity = imagined(
        frozenset({first["roles"]} if "roles" in first else ()),
        user_id=first.get("user_id", patterns or "somebody"),
        tenant=first.get("tenant", "some-tenant"),
        groups=frozenset({first["groups"]} if "groups" in first else ()),
        scopes=frozenset({first["scopes"]} if "scopes" in first else ()),
    )
    client = first.get("agent_id", "")
    said = [first.pop("roles", ""), *(f"{key} {value}" for key, value in first.items()), patterns]
    label = ", ".join(filter(None, said))
    return Person(label, identity, ClientInfo(client) if client else None)


def component_label(component: Component) -> str:
    """Return a component's name for tables, with its namespace where it has one."""
    if component.namespace:
        return f"{component.namespace}/{component.name}"
    return component.name
