"""``signin.method = none``: declared roles for trying things out, and no more than these."""

from __future__ import annotations

from pathlib import Path

from mcp_local.broker.session.declared import DeclaredSession
from mcp_local.policy.deciding.compile import compile_policy
from mcp_local.policy.model import Action, Component, Kind, Request
from mcp_local.policy.reading.parse import parse_policy
from mcp_local.settings import Settings, SignIn, SignInMethod

OPEN = compile_policy([parse_policy("default: allow", "policy.yaml")])
WISH = (Request(Action.CALL), Component(Kind.TOOL, "drop_database"))


def declared(*roles: str) -> DeclaredSession:
    """The session of settings that declare these roles."""
    home = Path("/home")
    signin = SignIn(method=SignInMethod.NONE, roles=roles)
    return DeclaredSession(Settings(home=home, config_file=home / "config.toml", signin=signin))


def test_without_declared_roles_there_is_nobody() -> None:
    """POLICY.md 0: what is allowed to everybody is not allowed to nobody."""
    session = declared()
    assert session.current() is None
    assert not OPEN.decide(None, *WISH).allowed
    status = session.status()
    assert not status.signed_in
    assert status.problem is not None
    assert "signin.method" in status.problem.message


def test_declared_roles_make_somebody_unverified() -> None:
    """They are for trying a policy out."""
    session = declared("Task.Read")
    token = session.current()
    assert token is not None
    assert OPEN.decide(token.identity, *WISH).allowed
    assert session.status().unverified
