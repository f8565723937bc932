"""For server authors: role checks for FastMCP's ``auth=``, and who is calling.

The checks read the claims of the token that FastMCP hands them, so they hold on any transport;
on stdio that is the verified token of the signed-in person.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from mcp_local.guard.live import live_token

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mcp_local.identity.model import Identity


class _Token(Protocol):
    @property
    def claims(self) -> Mapping[str, object] | None: ...


class AuthContext(Protocol):
    """What FastMCP hands to an ``auth=`` check, as far as it is needed here."""

    @property
    def token(self) -> _Token | None:
        """The caller's token; ``None`` for nobody."""
        ...


def require_role(role: str) -> Callable[[AuthContext], bool]:
    """Return an ``auth=`` check that lets in whoever has the app role.

    Raises:
        ValueError: the role is blank.
    """
    return require_all_roles(role)


def require_any_role(*roles: str) -> Callable[[AuthContext], bool]:
    """Return an ``auth=`` check that lets in whoever has at least one of the app roles.

    Raises:
        ValueError: no role is named, or one is blank.
    """
    wanted = _named(roles)

    def any_role(context: AuthContext) -> bool:
        return not wanted.isdisjoint(_granted(context))

    return any_role


def require_all_roles(*roles: str) -> Callable[[AuthContext], bool]:
    """Return an ``auth=`` check that lets in whoever has all of the app roles.

    Raises:
        ValueError: no role is named, or one is blank.
    """
    wanted = _named(roles)

    def all_roles(context: AuthContext) -> bool:
        return wanted <= _granted(context)

    return all_roles


def current_user() -> Identity | None:
    """Return the verified person of the request being served; ``None`` outside of one.

    Also ``None`` in a thread that FastMCP didn't start, and as soon as another person signs in
    while the call still runs.
    """
    token = live_token()
    return None if token is None else token.identity


def _named(roles: tuple[str, ...]) -> frozenset[str]:
    if not roles or not all(role.strip() for role in roles):
        raise ValueError("name at least one app role: a check without roles would let anybody in")
    return frozenset(roles)


def _granted(context: AuthContext) -> frozenset[str]:
    """Return the roles in the token; a claim of any other shape grants nothing (J16)."""
    claims = context.token.claims if context.token is not None else None
    roles = (claims or {}).get("roles")
    if not isinstance(roles, list | tuple):
        return frozenset()
    return frozenset(role for role in cast("list[object]", roles) if isinstance(role, str))
