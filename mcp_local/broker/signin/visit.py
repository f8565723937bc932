"""A visit to the authority's page, from the start address to the last page."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mcp_local.broker import transitions
from mcp_local.broker.authority.refusal import Declined, problem_of
from mcp_local.broker.screen.browser import Opening
from mcp_local.broker.signin import pages
from mcp_local.broker.signin.unanswered import NoBrowser, timed_out
from mcp_local.errors import McpLocalError, StorageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.broker.loopback.http import Response
    from mcp_local.broker.signin.listener import Listener
    from mcp_local.broker.signin.prompts import Prompt
    from mcp_local.broker.state import SignInState
    from mcp_local.identity.model import VerifiedToken

_LOOK = 0.25
"""Seconds between two looks at whether the browser could be opened."""
_RESTART = "If it doesn't show your tools within a few seconds, restart it."
"""Several clients read their list of tools once (CLIENTS.md consequence 2)."""


class Visit:
    """The person's visit to the authority's page, from the start address to the last page."""

    def __init__(self, prompt: Prompt, listener: Listener, program: str) -> None:
        self._prompt = prompt
        self._listener = listener
        self._program = program
        self._flow = prompt.broker.entra.begin_browser(listener.redirect_uri, prompt.wishes)
        self._started = False
        self._outcome: VerifiedToken | McpLocalError = timed_out(prompt.limit)

    async def receive(self, browser: Mapping[str, str] | None, *, give_up: bool) -> None:
        """Tell where to start, wait for the answer, and redeem it.

        ``browser`` is the environment to open one in. All in the loop, where a Ctrl-C is safe.
        """
        self._begin()
        opening = None if browser is None else Opening(self._listener.start_url(), browser)
        receiving = asyncio.ensure_future(
            self._listener.receive(
                self._flow.auth_uri,
                self._redeem,
                limit=self._prompt.limit,
                started=self._renew_start,
            )
        )
        while not receiving.done():
            await asyncio.wait([receiving], timeout=_LOOK)
            if give_up and opening and opening.failed() and not self._started:
                receiving.cancel()
                with suppress(asyncio.CancelledError):
                    await receiving
                raise NoBrowser
        if opening:
            opening.let_go()
        receiving.result()

    def result(self) -> VerifiedToken:
        """Return who signed in.

        Raises:
            McpLocalError: nobody did.
        """
        if isinstance(self._outcome, McpLocalError):
            raise self._outcome
        return self._outcome

    def _begin(self) -> None:
        """Tell everybody where to start."""
        now = time.time()
        step = partial(
            transitions.waiting_for_browser,
            now=now,
            deadline=now + self._prompt.limit,
            start_url=self._listener.start_url(),
            instead_of=self._prompt.instead_of,
        )
        self._prompt.show(step)

    def _redeem(self, form: Mapping[str, str]) -> Response:
        try:
            tokens = self._prompt.broker.entra.finish_browser(self._flow, form)
            self._outcome = self._prompt.complete(tokens)
        except McpLocalError as error:
            self._outcome = error
        program = self._program or self._prompt.client()
        match self._outcome:
            case Declined():
                return pages.cancelled(program)
            case McpLocalError():
                return pages.failed(problem_of(self._outcome), program)
            case token:
                who = token.identity.name or token.identity.username
                return pages.signed_in(who, program, "" if self._program else _RESTART)

    def _renew_start(self, used: str) -> None:
        """Put a fresh start address in the place of the one that was shown and used up."""
        self._started = True
        fresh = self._listener.start_url()

        def step(state: SignInState) -> SignInState:
            return replace(state, start_url=fresh) if state.start_url.endswith(used) else state

        with suppress(StorageError):  # the sign-in goes on without it
            self._prompt.board.update(step)
