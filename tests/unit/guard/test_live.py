"""The token in force now, for the person who was judged and nobody else."""

from __future__ import annotations

from contextvars import copy_context

from mcp_local.guard.live import install_session, judged_as, live_token
from mcp_local.guard.roles import current_user
from mcp_local.identity.grace import Grace
from tests.support.people import MemorySession, person


def test_outside_of_a_request_there_is_nobody() -> None:
    """No session, no person."""
    assert copy_context().run(live_token) is None
    assert copy_context().run(current_user) is None


def test_the_session_is_asked_each_time() -> None:
    """A sign-in, a renewal and a sign-out show at once."""
    session = MemorySession()

    def look() -> None:
        install_session(session)
        assert live_token() is None
        session.token = person("ada", "reader")
        assert live_token() is session.token
        assert current_user() is session.token.identity

    copy_context().run(look)


def test_somebody_else_is_not_served_in_place_of_the_person_judged() -> None:
    """A renewed token of the same person is; after the request anybody is, again."""
    session = MemorySession(person("ada", "reader"))
    assert session.token is not None
    with judged_as(session.token):
        assert live_token(session) is session.token
        session.token = person("ada", "writer")
        assert live_token(session) is session.token
        session.token = person("eve", "writer")
        assert live_token(session) is None
    assert live_token(session) is session.token


def test_an_expired_token_serves_only_what_began_with_it() -> None:
    """A call let in while the token was good gets none once only tagged components go on."""
    full = person("ada", "reader")
    session = MemorySession(full)
    late = Grace(60.0, frozenset({"safe"})).extended(full)
    with judged_as(full):
        session.token = late
        assert live_token(session) is None
    with judged_as(late):
        assert live_token(session) is late
        session.token = full
        assert live_token(session) is full
