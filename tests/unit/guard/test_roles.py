"""Role checks for FastMCP's `auth=`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

import mcp_local
from mcp_local.guard.roles import require_all_roles, require_any_role, require_role


@dataclass
class Token:
    """A caller's token as FastMCP hands it to a check."""

    claims: dict[str, Any] | None


@dataclass
class Caller:
    """What FastMCP hands to a check."""

    token: Token | None


def caller(roles: object) -> Caller:
    """Return somebody whose token has that claim."""
    return Caller(Token({"roles": roles}))


def test_a_role_must_be_there_exactly() -> None:
    """Case and white space count; nobody has no role."""
    check = require_role("Task.Read")
    assert check(caller(["Task.Read", "Other"]))
    for other in (["task.read"], ["Task.Read "], ["Task.ReadWrite"], []):
        assert not check(caller(other))
    assert not check(Caller(None))
    assert not check(Caller(Token(None)))


def test_any_and_all() -> None:
    """One of several, or every one."""
    assert require_any_role("a", "b")(caller(["b"]))
    assert not require_any_role("a", "b")(caller(["c"]))
    assert require_all_roles("a", "b")(caller(["b", "a", "c"]))
    assert not require_all_roles("a", "b")(caller(["a"]))


@pytest.mark.parametrize(
    "roles", ["admin", b"admin", 1, None, {"admin": 1}, [["admin"]], [None]], ids=repr
)
def test_a_claim_of_any_other_shape_grants_nothing(roles: object) -> None:
    """A text isn't searched for parts of itself (J16)."""
    for check in (require_role("admin"), require_any_role("a", "admin"), require_role("a")):
        assert not check(caller(roles))


@pytest.mark.parametrize("make", [require_any_role, require_all_roles])
@pytest.mark.parametrize("roles", [(), ("",), ("a", " ")])
def test_a_check_without_roles_is_an_error(make: Any, roles: tuple[str, ...]) -> None:
    """It would let anybody in."""
    with pytest.raises(ValueError, match="at least one"):
        make(*roles)


def test_authors_find_them_in_the_package_itself() -> None:
    """`mcp_local.require_role` and its kin."""
    assert mcp_local.require_role is require_role
    assert mcp_local.current_user() is None
