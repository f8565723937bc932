"""Tokens for a tool's own calls of other APIs, and what happens when one wants more of the person.

An API answers 401 with a claims challenge (conditional access), or the person has yet to consent:
the tool raises :class:`ClaimsNeeded`, and the guard has them asked once with just those claims.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Final, TypeVar, cast, final

from mcp_local.broker.state import Wanted
from mcp_local.broker.transitions import WAITING
from mcp_local.errors import McpLocalError, SignInNeeded
from mcp_local.guard import account
from mcp_local.guard.clean import clean
from mcp_local.guard.live import live_token, session_here

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mcp_local.guard.invitations import Invitations
    from mcp_local.guard.question import Question
    from mcp_local.guard.questions import Answer
    from mcp_local.guard.session import Session

R = TypeVar("R")

_LONGEST: Final = 4096
"""Characters of a challenge; the authority's have some hundred."""
_MET: Final = "The sign-in that this needs is done: make the same call again."
_STILL: Final = (
    "The API still refuses, after the sign-in that it asked for. An administrator can see why in "
    "the sign-in log of Microsoft Entra ID."
)


class ClaimsNeeded(SignInNeeded):
    """Raise this in a tool whose API wants a stronger sign-in, or scopes without consent yet.

    ``claims`` is what the API sent in its ``WWW-Authenticate`` header, in base64 or as JSON;
    ``scopes`` are those that the token was for, none for the server's own API. The guard asks the
    person once with these claims, and the model is told to call again.

    Raises:
        ValueError: ``claims`` is no challenge for an access token.
    """

    def __init__(self, claims: str = "", *scopes: str) -> None:
        super().__init__("The API asks for a stronger sign-in.")
        self.claims = _read(claims) if claims else ""
        self.scopes = scopes


async def token_for(*scopes: str) -> str:
    """Return an access token of the person of the request being served, for another API.

    It comes from the cache or, silently, from the authority. Let nothing but that API see it.

    Raises:
        ClaimsNeeded: only the person can help; let it pass, and the guard has them asked.
        SignInNeeded: nobody is signed in.
        Unreachable: the authority doesn't answer, or an administrator must act.
    """
    session, token = session_here(), live_token()
    if session is None or token is None:
        raise SignInNeeded("Nobody is signed in.", hint="Sign in: `mcp-local login`.")
    try:
        got = await cast("Session", session).resource_token(scopes)
    except SignInNeeded as error:
        raise ClaimsNeeded("", *scopes) from error
    if live_token() is None:
        raise SignInNeeded("Somebody else has signed in meanwhile.")
    return got.reveal()


@final
class StepUps:
    """Has the person asked for what tools' APIs want. On the event loop only."""

    def __init__(self, session: Session, invitations: Invitations) -> None:
        self._session = session
        self._invitations = invitations
        self._met: set[Wanted] = set()
        """What the person has signed in for already: asked again, nothing would change (O15)."""
        self._asked: Wanted | None = None
        """What a client was asked to open a page for, between two calls."""

    async def meet(
        self,
        needed: ClaimsNeeded,
        put: Callable[[Question], Awaitable[Answer | R]] | None = None,
    ) -> str | R:
        """Get what is needed, from the person if it must be; return what the model reads.

        ``put`` asks the client to open the page, where it can; it may be that it is to be asked
        between two calls: then that result is returned.
        """
        wanted = Wanted(needed.scopes, needed.claims)
        if wanted in self._met:
            return _STILL
        if not await self._silently(wanted):
            result = await self._invitations.sign_in(put, wanted, by_person=False)
            if result is not None:
                self._asked = wanted
                return result
            if text := self._unmet():
                return text
        self._note(wanted)
        return _MET

    async def go_on(self, put: Callable[[Question], Awaitable[Answer | R]]) -> str:
        """Wait for the sign-in whose page the client has opened since its last call.

        Returns why its call can't go on; empty where it can.
        """
        wanted, self._asked = self._asked, None
        if wanted is None:
            return ""
        if self._session.status().phase in WAITING:
            await self._invitations.sign_in(put, wanted, by_person=False)
        if text := self._unmet():
            return text
        self._note(wanted)
        return ""

    def _unmet(self) -> str:
        """Return what the person has yet to do, or what went wrong."""
        status = self._session.status()
        if status.phase in WAITING:
            return account.step_up_waits(status)
        problem = status.problem
        return "" if problem is None else clean(f"{problem.message} {problem.hint}")

    def _note(self, wanted: Wanted) -> None:
        if wanted.claims:
            self._met.add(wanted)

    async def _silently(self, wanted: Wanted) -> bool:
        if not wanted.scopes:
            return False
        try:
            await self._session.resource_token(wanted.scopes, claims=wanted.claims)
        except McpLocalError:
            return False
        return True


def step_up_in(error: BaseException | None) -> ClaimsNeeded | None:
    """Return the challenge that made a tool fail, if one did: frameworks wrap what tools raise."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, ClaimsNeeded):
            return error
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None


def _read(text: str) -> str:
    """Return a challenge as JSON; ``access_token`` alone may be asked for by an API."""
    if len(text) > _LONGEST:
        raise ValueError("claims: too long for a challenge")
    try:
        if not text.lstrip().startswith("{"):
            padded = text + "=" * (-len(text) % 4)
            text = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
        asked: object = json.loads(text)
    except (binascii.Error, ValueError, RecursionError):
        raise ValueError("claims: neither JSON nor base64 of it") from None
    if not isinstance(asked, dict) or set(cast("dict[str, object]", asked)) != {"access_token"}:
        raise ValueError("claims: not a challenge for an access token")
    return json.dumps(asked, separators=(",", ":"))
