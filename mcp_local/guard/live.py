"""The person of the request being served: live, and nobody else than the one who was judged."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Generator

    from mcp_local.identity.model import VerifiedToken


class HasToken(Protocol):
    """The part of a session that says who is signed in."""

    def current(self) -> VerifiedToken | None:
        """Return the verified, unexpired token, or ``None``."""
        ...


_session: ContextVar[HasToken | None] = ContextVar("mcp_local_session", default=None)
_judged: ContextVar[VerifiedToken | None] = ContextVar("mcp_local_judged", default=None)


def install_session(session: HasToken) -> None:
    """Make ``session`` the one of this context and of all tasks started from it."""
    _session.set(session)


def session_here() -> HasToken | None:
    """Return the session of this context."""
    return _session.get()


@contextmanager
def judged_as(token: VerifiedToken) -> Generator[None]:
    """Serve what runs inside for that person and nobody else, whatever their next token says."""
    reset = _judged.set(token)
    try:
        yield
    finally:
        _judged.reset(reset)


def live_token(session: HasToken | None = None) -> VerifiedToken | None:
    """Return the token in force now; ``None`` once its person isn't the one who was judged.

    Somebody else may sign in while a call runs: what was allowed to one person must not go on
    with the token of another, nor with one that has expired meanwhile and still serves for what
    goes on offline (``offline.grace``).
    """
    session = session or _session.get()
    token = None if session is None else session.current()
    judged = _judged.get()
    if token is None or judged is None or token is judged:
        return token
    reaches = token.only_tags is None or judged.only_tags is not None
    return token if reaches and token.identity.key == judged.identity.key else None
