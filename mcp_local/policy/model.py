"""What the policy is asked, and what it answers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

import msgspec

if TYPE_CHECKING:
    from mcp_local.identity.model import Identity


class Effect(StrEnum):
    """What a decision comes to."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


class Action(StrEnum):
    """What is to be done with a component."""

    LIST = "list"
    CALL = "call"
    READ = "read"
    GET = "get"
    COMPLETE = "complete"
    SUBSCRIBE = "subscribe"


class Kind(StrEnum):
    """What a component is; resource templates are resources."""

    TOOL = "tool"
    RESOURCE = "resource"
    PROMPT = "prompt"


ACTIONS: Final[Mapping[Kind, tuple[Action, ...]]] = {
    Kind.TOOL: (Action.LIST, Action.CALL),
    Kind.RESOURCE: (Action.LIST, Action.READ, Action.COMPLETE, Action.SUBSCRIBE),
    Kind.PROMPT: (Action.LIST, Action.GET, Action.COMPLETE),
}
"""What can be done with components of each kind."""

USE: Final = {Kind.TOOL: Action.CALL, Kind.RESOURCE: Action.READ, Kind.PROMPT: Action.GET}
"""What using a component of each kind is called."""


@dataclass(frozen=True, slots=True)
class Component:
    """A tool, resource, resource template or prompt as the policy sees it."""

    kind: Kind
    name: str
    """A tool's or prompt's name as clients see it; a resource's URI; a template's URI template."""
    tags: frozenset[str] = frozenset()
    namespace: str = ""
    """The mount prefix in a hosted server; the name under ``[servers]`` for others."""
    version: str = ""
    template: bool = False
    """Whether ``name`` is a URI template."""
    uri: str = ""
    """The concrete URI that is read through a template. Patterns match it; a plain text either."""
    annotations: Mapping[str, object] = field(default_factory=dict[str, object], hash=False)


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """What a client says of itself; display and hints only."""

    name: str = ""
    version: str = ""


class Request(msgspec.Struct, frozen=True):
    """One wish: what is to be done, with what, from where, when. Made for each use, so quickly."""

    action: Action
    arguments: Mapping[str, object] | None = None
    """``None`` where arguments aren't known, as in lists."""
    client: ClientInfo | None = None
    now: float | None = None
    """Seconds since the epoch; ``None`` where time counts as not yet known, as in lists."""


@dataclass(frozen=True, slots=True)
class RuleTrace:
    """One rule that was considered, and why it did or didn't apply."""

    rule: str
    effect: Effect
    applies: bool
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class ConditionTrace:
    """One condition of a rule that was considered, with what it saw."""

    field: str
    operator: str
    value: object
    seen: object
    """What stood in the field, redacted where the rule says so; ``None``: nothing."""
    holds: bool | None
    """``None``: unknown, as the field isn't there or has the wrong type."""


CALL_ONLY: Final = 0.0
"""``remember: call``: a yes holds for that very call."""
SESSION: Final = math.inf
"""``remember: session``: a yes holds for as long as this server process lives."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer, with the rules that made it."""

    effect: Effect
    rule: str
    """The deciding rule's name: ``roles.Task.Read`` for a grant, ``default`` where none applied."""
    reason: str
    """One sentence for the person."""
    needs_roles: tuple[str, ...] = ()
    """Roles of which any one would allow it; empty when no role would, or when it is allowed."""
    considered: tuple[RuleTrace, ...] = ()
    evaluation_us: float = 0.0
    """Microseconds."""
    conditions: tuple[ConditionTrace, ...] = ()
    """Those of the deciding rule; where none decided, of the rules that failed by them only."""
    remember: float = CALL_ONLY
    """Seconds that a person's yes holds, for that person, tool and rule; with ask only."""
    origin: str = ""
    """``FILE:LINE`` of the deciding rule; empty where none decided."""
    observed: bool = False
    """Allowed only because of ``mode: observe``: the default would refuse it."""
    redact: tuple[str, ...] = ()
    """Fields, like ``args.password``, whose values nothing may show: no explanation, no question,
    no log. What lies inside such a field is meant as well."""

    @property
    def allowed(self) -> bool:
        """True for allow only: an ask still needs the person's yes."""
        return self.effect is Effect.ALLOW


class Decides(Protocol):
    """Anything that answers requests: a compiled policy, or the one that refuses all."""

    def decide(self, identity: Identity | None, request: Request, component: Component) -> Decision:
        """Answer one request; never raises for any input of these types."""
        ...


@runtime_checkable
class GivesTags(Protocol):
    """A policy that gives tags to components which carry none (POLICY.md, ``tags``)."""

    def tags_of(self, component: Component) -> frozenset[str]:
        """Return the component's tags, those that the policy gives it included."""
        ...
