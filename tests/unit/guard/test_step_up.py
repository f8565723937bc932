"""What counts as a claims challenge, and where it is found in what a tool raised."""

from __future__ import annotations

import asyncio
import base64

import pytest

import mcp_local
from mcp_local.errors import SignInNeeded
from mcp_local.guard.invitations import Invitations
from mcp_local.guard.live import install_session
from mcp_local.guard.step_up import ClaimsNeeded, StepUps, step_up_in
from tests.support.people import MemorySession, person

CLAIMS = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}'


@pytest.mark.parametrize("urlsafe", [True, False])
def test_challenge_is_taken_as_apis_send_it(urlsafe: bool) -> None:  # noqa: FBT001 - a parameter
    """JSON, and both alphabets of base64, with or without padding."""
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    text = encode(CLAIMS.encode()).decode()
    for given in (CLAIMS, text, text.rstrip("=")):
        assert ClaimsNeeded(given, "scope").claims == CLAIMS


@pytest.mark.parametrize(
    "text", ["?", "e30", "{}", '{"id_token":{}}', "[]", "{" * 5000, '{"access_token":{},"x":1}']
)
def test_anything_else_is_no_challenge(text: str) -> None:
    """What an API could otherwise ask the authority for is none of its business."""
    with pytest.raises(ValueError, match="claims"):
        ClaimsNeeded(text)


def test_it_is_found_in_what_frameworks_make_of_it() -> None:
    """However it was wrapped, and whatever circles there are."""
    needed = ClaimsNeeded(CLAIMS)
    wrapped = RuntimeError("Error calling tool")
    wrapped.__cause__ = needed
    assert step_up_in(wrapped) is needed
    circle = ValueError("one")
    circle.__context__ = RuntimeError("two")
    circle.__context__.__context__ = circle
    assert step_up_in(circle) is None


def test_token_is_for_whoever_is_signed_in() -> None:
    """Nobody: none. Somebody without it: the guard is told what to ask for."""

    async def story() -> None:
        session = MemorySession()
        install_session(session)
        with pytest.raises(SignInNeeded, match="Nobody is signed in"):
            await mcp_local.token_for("api://other/Read")
        session.token = person("ada")
        with pytest.raises(ClaimsNeeded) as raised:
            await mcp_local.token_for("api://other/Read")
        assert raised.value.scopes == ("api://other/Read",)

    asyncio.run(story())


def test_same_challenge_after_its_sign_in_asks_nobody() -> None:
    """O15: no loop of prompts."""

    async def story() -> None:
        session = MemorySession(person("ada"))
        steps = StepUps(session, Invitations(session))
        assert "make the same call again" in await steps.meet(ClaimsNeeded(CLAIMS))
        assert "still refuses" in await steps.meet(ClaimsNeeded(CLAIMS))

    asyncio.run(story())
