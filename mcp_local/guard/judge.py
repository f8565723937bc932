"""Asks the policy about components for the person of the request; refuses whatever goes wrong."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, final

from mcp_local.guard.wish import current_wish
from mcp_local.identity.grace import reaches
from mcp_local.policy.live import LivePolicy
from mcp_local.policy.model import (
    USE,
    Action,
    Component,
    Decision,
    Effect,
    GivesTags,
    Request,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp_local.guard.wish import Wish
    from mcp_local.identity.model import VerifiedToken
    from mcp_local.log import Log
    from mcp_local.policy.model import Decides

_OWN_CHECK: Final = Decision(Effect.ALLOW, "auth", "Its own check decides.")
_NO_POLICY: Final = Decision(
    Effect.DENY, "no-policy", "There is no policy, and it carries no check of its own."
)
_OFFLINE: Final = Decision(
    Effect.DENY,
    "offline",
    "The sign-in has expired, Microsoft Entra ID can't be reached, and the settings let only what "
    "has one of the tags in `offline.tags` go on meanwhile.",
)
_FAULT: Final = Decision(Effect.DENY, "fault", "mcp-local could not judge it.")


def _is_agreed(wish: Wish, check: Check, decision: Decision) -> bool:
    """Whether an ask is the very one that the person has just said yes to (M27)."""
    if wish.agreed is None or decision.effect is not Effect.ASK:
        return False
    component, asked = wish.agreed
    same_rule = (decision.rule, decision.origin) == (asked.rule, asked.origin)
    return same_rule and check.components[:1] == (component,)


@final
class Check:
    """One component's place in the policy; FastMCP calls it as an ``auth=`` check."""

    __slots__ = ("_judge", "_listing", "components", "own_auth")

    def __init__(self, judge: Judge, components: tuple[Component, ...], *, own_auth: bool) -> None:
        self._judge = judge
        self.components = components
        """The component by each of the names that clients may know it by; none: unreachable."""
        self.own_auth = own_auth
        """Whether it carries a check of its own, which FastMCP runs as well."""
        self._listing: tuple[VerifiedToken, Decides | None, Decision] | None = None

    def __call__(self, _context: object) -> bool:
        """Whether the current request may see or use the component."""
        return self._judge.admits(self)

    def listing(self, token: VerifiedToken) -> Decision:
        """Return the decision to list it, kept for as long as token and policy are the same."""
        kept, policy = self._listing, self._judge.in_force()
        if kept is not None and kept[0] is token and kept[1] is policy:
            return kept[2]
        decision = self._judge.decide_any(token, Request(Action.LIST), self)
        self._listing = (token, policy, decision)
        return decision


@final
class Judge:
    """The one place of the guard that asks the policy."""

    def __init__(
        self,
        policy: Decides | None,
        token: Callable[[], VerifiedToken | None],
        log: Log | None,
        *,
        locked: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        live = policy if isinstance(policy, LivePolicy) else None
        self.in_force = (lambda: live.now.decides) if live else (lambda: policy)
        """Returns the policy that decides now; ``None``: there is none."""
        self._log = log
        self.locked = locked
        """Whether what a role would unlock is listed, marked as locked."""
        self._clock = clock
        self.token = token
        """Who is signed in now, and is the person judged."""

    def shows(self, decision: Decision) -> bool:
        """Whether a list shows what was so decided."""
        return decision.effect is not Effect.DENY or self.is_locked(decision)

    def is_locked(self, decision: Decision) -> bool:
        """Whether it is listed only as locked (``list.locked = show``)."""
        return self.locked and decision.effect is Effect.DENY and bool(decision.needs_roles)

    def admits(self, check: Check) -> bool:
        """Answer FastMCP's question; any fault is a no."""
        try:
            return self._admits(check)
        except Exception as fault:  # noqa: BLE001 - the guard's edge refuses
            self.report(fault)
            return False

    def report(self, fault: Exception) -> None:
        """Log a fault of the guard."""
        if self._log is not None:
            self._log.event("fault", level="error", kind=type(fault).__name__, message=str(fault))

    def _admits(self, check: Check) -> bool:
        wish = current_wish()
        token = self.token()
        if wish is not None and wish.explained is not None:
            self._explain(wish, wish.explained, token, check)
            return True
        if token is None:  # POLICY.md 0
            return False
        if wish is None or not wish.resolving:
            return self._admits_inside(wish, token, check)
        if wish.action is Action.LIST:
            shown = self.shows(check.listing(token))
            wish.hidden += not shown
            return shown
        decision = self.decide_any(token, wish.request(self._clock()), check)
        wish.decision = decision
        admitted = decision.allowed or _is_agreed(wish, check, decision)
        if not admitted and wish.refused is None and check.components:
            wish.refused = (check.components[0], decision)
        return admitted

    def _admits_inside(self, wish: Wish | None, token: VerifiedToken, check: Check) -> bool:
        """Judge what the target itself looks up: it must be listed, and usable as it stands."""
        if wish is not None and wish.granted in check.components:
            return True
        if not self.shows(check.listing(token)) or not check.components:
            return False
        use = Request(USE[check.components[0].kind], None, wish and wish.client, self._clock())
        return self.decide_any(token, use, check).allowed

    def _explain(
        self,
        wish: Wish,
        explained: dict[Component, Decision],
        token: VerifiedToken | None,
        check: Check,
    ) -> None:
        for component in check.components:
            before = explained.get(component)
            if before is None or before.allowed:
                request = wish.request(self._clock())
                explained[component] = self.decide(
                    token, request, component, own_auth=check.own_auth
                )

    def decide_any(self, token: VerifiedToken, request: Request, check: Check) -> Decision:
        """Decide by each name the component has; one that allows is enough."""
        decision = _NO_POLICY
        for component in check.components:
            decision = self.decide(token, request, component, own_auth=check.own_auth)
            if decision.effect is not Effect.DENY:
                break
        return decision

    def decide(
        self,
        token: VerifiedToken | None,
        request: Request,
        component: Component,
        *,
        own_auth: bool,
    ) -> Decision:
        """Ask the policy; where there is none, the component's own check is all there is."""
        policy = self.in_force()
        if token is not None and _is_out_of_reach(token, policy, component):
            return _OFFLINE
        if policy is None:
            return _OWN_CHECK if own_auth else _NO_POLICY
        identity = None if token is None else token.identity
        try:
            return policy.decide(identity, request, component)
        except Exception as fault:  # noqa: BLE001 - the guard's edge refuses
            self.report(fault)
            return _FAULT


def _is_out_of_reach(token: VerifiedToken, policy: Decides | None, component: Component) -> bool:
    """Whether the token is past its end and the component not among what goes on meanwhile."""
    if token.only_tags is None:
        return False
    tags = policy.tags_of(component) if isinstance(policy, GivesTags) else component.tags
    return not reaches(token, tags)
