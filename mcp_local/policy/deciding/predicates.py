"""Conditions of one's own, written in Python and named in a policy (POLICY.md 6).

A server that is run from Python registers them before its policy is loaded::

    @condition("business_hours")
    def business_hours(identity: Identity, request: Request, component: Component) -> bool | None:
        ...

and a rule asks for one with ``when: [{condition: business_hours}]``. It answers ``None`` where it
can't tell. One that raises, or answers anything else, counts as unknown, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mcp_local.identity.model import Identity
    from mcp_local.policy.model import Component, Request
    from mcp_local.policy.vocabulary.operators import Truth


class Predicate(Protocol):
    """A question of one's own. It may be asked from several threads."""

    def __call__(
        self, identity: Identity, request: Request, component: Component, /
    ) -> bool | None:
        """Tell whether it holds; ``None``: that can't be known."""
        ...


_registered: Final[dict[str, Predicate]] = {}

P = TypeVar("P", bound=Predicate)


def condition(name: str) -> Callable[[P], P]:
    """Register what is decorated as the condition ``name``; a later one takes its place.

    Policies that are loaded afterwards use it; one that names what isn't registered is refused.
    """

    def register(predicate: P) -> P:
        _registered[name] = predicate
        return predicate

    return register


def registered() -> Mapping[str, Predicate]:
    """Return all conditions registered so far, by name."""
    return dict(_registered)


def ask(predicate: Predicate, identity: Identity, request: Request, component: Component) -> Truth:
    """Return the predicate's answer; whatever goes wrong in it is unknown."""
    try:
        answer: object = predicate(identity, request, component)
    except Exception:  # noqa: BLE001 - a fault in it must neither allow nor stop the guard
        return None
    return answer if isinstance(answer, bool) else None
