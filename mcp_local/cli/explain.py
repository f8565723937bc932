"""What the guard makes of components for the person who asks, in one verdict with its reason."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mcp_local.errors import Denied, UsageError, did_you_mean
from mcp_local.policy.model import ACTIONS, USE, Action, Effect, Kind, Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mcp_local.cli.asked import Asked
    from mcp_local.errors import McpLocalError
    from mcp_local.guard.explained import Explained
    from mcp_local.identity.model import VerifiedToken


def likely(kinds: Iterable[Kind], action: str | None) -> list[Kind]:
    """Return the kinds with those first with which the action can be done."""
    return sorted(kinds, key=lambda kind: action is not None and action not in ACTIONS[kind])


def action_on(kind: Kind, action: str | None) -> Action:
    """Return what is done with a component of this kind; left out, what using it is called.

    Raises:
        UsageError: nobody can do that with it.
    """
    if action is not None and action not in ACTIONS[kind]:
        message = f"Nobody can {action} a {kind}."
        raise UsageError(message, hint=f"--action may be: {', '.join(sorted(ACTIONS[kind]))}.")
    return Action(action or USE[kind])


async def explain_everything(server: Asked, token: VerifiedToken) -> list[Explained]:
    """Return what the guard makes of everything the server has, by kind, the listed first."""
    found = await server.everything(token)
    return sorted(found, key=lambda each: (list(Kind).index(each.component.kind), not each.listed))


async def explain_one(  # noqa: PLR0913 - what a command line knows, each by its name
    server: Asked,
    kind: Kind,
    name: str,
    given: Mapping[str, object],
    token: VerifiedToken,
    *,
    action: Action | None = None,
) -> Explained | None:
    """Return what the guard makes of using one component now; ``None`` where there is none.

    ``action`` is what is done with it; left out, the use of that kind.
    """
    request = Request(action or USE[kind], arguments=given, now=time.time())
    return await server.use(kind, name, request, token)


async def no_such_thing(
    server: Asked, name: str, kinds: list[Kind], token: VerifiedToken
) -> UsageError:
    """Return the error for a name that the server doesn't have; it names the nearest."""
    there = [each.component for each in await explain_everything(server, token)]
    words = kinds[0].value if len(kinds) == 1 else "component"
    names = [component.name for component in there if component.kind in kinds]
    hint = did_you_mean(name, names) if names else f"The server has no {words} at all."
    return UsageError(f"The server has no {words} {name!r}.", hint=hint)


def refusal(explained: Explained, name: str) -> McpLocalError | None:
    """Return why a use was refused; ``None`` if it is allowed."""
    if effect_of(explained) is Effect.ALLOW:
        return None
    hint = "Who administers the API grants roles; then: mcp-local refresh --force"
    needs = bool(explained.decision.needs_roles)
    return Denied(f"{name}: {reason_of(explained)}", hint=hint if needs else "")


def effect_of(explained: Explained) -> Effect:
    """Return what it comes to: the policy and the component's own check must both allow."""
    return explained.decision.effect if explained.own_auth else Effect.DENY


def rule_of(explained: Explained) -> str:
    """Return the name of the rule that decides."""
    return explained.decision.rule if _by_policy(explained) else "auth="


def reason_of(explained: Explained) -> str:
    """Return one sentence for the person."""
    return explained.decision.reason if _by_policy(explained) else "Its own `auth=` check says no."


def _by_policy(explained: Explained) -> bool:
    """Whether the policy's word settles it; when both refuse, the policy names what is missing."""
    return explained.own_auth or explained.decision.effect is Effect.DENY
