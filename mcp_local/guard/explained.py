"""What the guard would do, for the offline commands; and the whole of it for relayed servers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from mcp_local.guard.judge import Judge
from mcp_local.guard.relay.catalog import unfit
from mcp_local.guard.relay.uri_templates import template_covers
from mcp_local.policy.model import Action, Decision, Effect, Kind, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp_local.identity.model import VerifiedToken
    from mcp_local.policy.model import Component, Decides


@dataclass(frozen=True, slots=True)
class Explained:
    """What the guard makes of one component for one person."""

    component: Component
    decision: Decision
    own_auth: bool
    """Whether the server's own checks, where there are any, let this person in."""

    @property
    def listed(self) -> bool:
        """Whether this person sees it, if it was decided for a list."""
        return self.own_auth and self.decision.effect is not Effect.DENY


@dataclass(frozen=True, slots=True)
class Relayed:
    """What a server behind the relay has, as it told or as it is remembered."""

    components: tuple[Component, ...]
    held: frozenset[tuple[Kind, str]] = frozenset()
    """What is held back until its definition is approved."""

    def refusal(self, component: Component) -> Decision | None:
        """Return why nobody gets it; ``None`` where the policy decides."""
        if (component.kind, component.name) in self.held:
            return Decision(
                Effect.DENY,
                "definitions",
                "Its definition has not been approved. Look at it: mcp-local pin show.",
            )
        if why := unfit(component.kind, component.name):
            return Decision(Effect.DENY, "names", f"Nothing is served under its name: {why}.")
        return None

    def find(self, kind: Kind, name: str) -> list[Component]:
        """Return what a name or URI may stand for; a URI it lists, else what its templates make."""
        exact = [each for each in self.components if each.kind is kind and each.name == name]
        if exact or kind is not Kind.RESOURCE:
            return exact
        templates = (each for each in self.components if each.template)
        return [replace(each, uri=name) for each in templates if template_covers(each.name, name)]


def explain_relayed(
    server: Relayed, policy: Decides | None, token: VerifiedToken
) -> list[Explained]:
    """Say of each component whether the relay lists it to the token's person, and why."""
    decide = _decider(server, policy, token, Request(Action.LIST))
    return [decide(each) for each in server.components]


def explain_relayed_use(  # noqa: PLR0913 - what a command line knows, each by its name
    server: Relayed,
    kind: Kind,
    name: str,
    request: Request,
    *,
    policy: Decides | None,
    token: VerifiedToken,
) -> Explained | None:
    """Say what the relay would do with one use; ``None`` where nothing has that name or URI.

    A URI that several templates may make needs the yes of all of them, as in the relay.
    """
    decide = _decider(server, policy, token, request)
    said = [decide(each) for each in server.find(kind, name)]
    return min(said, key=lambda each: _STRICTEST.index(each.decision.effect), default=None)


def _decider(
    server: Relayed, policy: Decides | None, token: VerifiedToken, request: Request
) -> Callable[[Component], Explained]:
    judge = Judge(policy, lambda: token, None)

    def decide(component: Component) -> Explained:
        decision = server.refusal(component) or judge.decide(
            token, request, component, own_auth=False
        )
        return Explained(component, decision, own_auth=True)

    return decide


_STRICTEST: Final = (Effect.DENY, Effect.ASK, Effect.ALLOW)
