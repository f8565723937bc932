"""For server authors: role checks for FastMCP's ``auth=``, and who is calling."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp_local.identity.model import Identity


def require_role(role: str) -> Callable[[object], bool]:
    """Return an ``auth=`` check that lets in whoever has the app role."""
    raise NotImplementedError


def require_any_role(*roles: str) -> Callable[[object], bool]:
    """Return an ``auth=`` check that lets in whoever has at least one of the app roles."""
    raise NotImplementedError


def require_all_roles(*roles: str) -> Callable[[object], bool]:
    """Return an ``auth=`` check that lets in whoever has all of the app roles."""
    raise NotImplementedError


def current_user() -> Identity | None:
    """Return the verified person of the request being served; ``None`` outside of one."""
    raise NotImplementedError
