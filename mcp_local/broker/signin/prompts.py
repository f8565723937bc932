"""The two ways to ask a person: a browser on this machine, or a code for a browser elsewhere."""

from __future__ import annotations

import asyncio
import time
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mcp_local.broker import transitions
from mcp_local.broker.authority.refusal import Declined, problem_of
from mcp_local.broker.screen.browser import Opening, available
from mcp_local.broker.signin import pages
from mcp_local.broker.signin.code_page import on_screen
from mcp_local.broker.signin.listener import Listener
from mcp_local.broker.signin.window import ended_after
from mcp_local.broker.state import Problem
from mcp_local.errors import McpLocalError, SignInFailed, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mcp_local.broker.acquire import Broker
    from mcp_local.broker.authority.flows import Tokens, Wishes
    from mcp_local.broker.loopback.http import Response
    from mcp_local.broker.session.board import Board
    from mcp_local.broker.state import SignInState
    from mcp_local.identity.model import VerifiedToken

_LOOK = 0.25
"""Seconds between two looks at whether the browser could be opened."""


_MINUTE = 60.0
_RESTART = "If it doesn't show your tools within a few seconds, restart it."
"""Several clients read their list of tools once (CLIENTS.md consequence 2)."""


class NoBrowser(SignInFailed):
    """No browser can be opened here."""

    code = "no_browser"

    def __init__(self) -> None:
        super().__init__(
            "No browser can be opened here.",
            hint="Run `mcp-local login --no-browser` or `mcp-local login --device` in a terminal, "
            "or set signin.fallback = device.",
        )


@dataclass(frozen=True, slots=True)
class Prompt:
    """One question to the person, in whichever way it is put."""

    broker: Broker
    board: Board
    announce: Callable[[SignInState], None]
    limit: float
    """Seconds."""
    wishes: Wishes
    instead_of: Problem | None = None
    """Why the person isn't asked in the way that the settings want."""

    def in_window(self, prompt: str) -> VerifiedToken:
        """Let the operating system's account broker ask; this process ends with the time limit.

        Raises:
            NoAccountBroker: none runs here.
            McpLocalError: as ``Broker`` and ``Entra`` do.
        """

        def opens() -> None:
            now = time.time()
            self._show(partial(transitions.waiting_for_window, now=now, deadline=now + self.limit))

        def gives_up() -> None:
            self._show(partial(transitions.failed, now=time.time(), error=_timed_out(self.limit)))

        with ended_after(self.limit, gives_up):
            tokens = self.broker.entra.in_window(opens, self.wishes._replace(prompt=prompt))
        return self.complete(tokens)

    def by_device(self, environ: Mapping[str, str] | None) -> VerifiedToken:
        """Show a code and wait until it was entered.

        ``environ`` says whether there is a screen to show it on; ``None``: a terminal does that.

        Raises:
            McpLocalError: as ``Broker`` and ``Entra`` do; Declined when the time is up.
        """
        entra = self.broker.entra
        flow = entra.begin_device(self.wishes)
        now = time.time()
        deadline = min(now + self.limit, flow.expires_at)
        self._show(
            partial(
                transitions.waiting_for_device_code,
                now=now,
                deadline=deadline,
                user_code=flow.user_code,
                verification_uri=flow.verification_uri,
            )
        )
        show = partial(self._code_page, flow.user_code, flow.verification_uri)
        screen = nullcontext() if environ is None else on_screen(show, environ, limit=self.limit)
        try:
            with screen:
                tokens = entra.finish_device(
                    flow, stop=lambda: time.time() >= deadline, claims=self.wishes.claims
                )
        except Declined:
            if time.time() >= deadline:
                raise _timed_out(self.limit) from None
            raise
        return self.complete(tokens)

    def _code_page(self, code: str, address: str) -> Response:
        program = ""
        with suppress(StorageError):
            program = self.board.read().program
        return pages.device_code(code, address, program)

    def in_browser(
        self,
        environ: Mapping[str, str],
        *,
        port: int,
        open_browser: bool,
        give_up: bool,
        program: str,
    ) -> VerifiedToken:
        """Send the person to the authority's page and wait for its answer on ``port``.

        With ``give_up`` a browser that fails to open ends this; else the person may still follow
        the start address. ``program`` is where the last page says to go back to, unless a client
        has told its name meanwhile.

        Raises:
            NoBrowser: none can be opened.
            McpLocalError: as ``Broker`` and ``Entra`` do; Declined when the time is up.
        """
        if open_browser and not available(environ):
            raise NoBrowser
        listener = Listener(port)
        try:
            visit = _Visit(self, listener, program)
            browser = environ if open_browser else None
            asyncio.run(visit.receive(self.limit, browser, give_up=give_up))
        except TimeoutError:
            raise _timed_out(self.limit) from None
        finally:
            listener.close()
        return visit.result()

    def complete(self, tokens: Tokens) -> VerifiedToken:
        """Verify and keep what the sign-in brought.

        Raises:
            McpLocalError: as ``Broker.complete``.
        """
        return self.broker.complete(tokens, other=bool(self.wishes.scopes))

    def _show(self, step: Callable[[SignInState], SignInState]) -> None:
        self.announce(self.board.update(step))


class _Visit:
    """The person's visit to the authority's page, from the start address to the last page."""

    def __init__(self, prompt: Prompt, listener: Listener, program: str) -> None:
        self._prompt = prompt
        self._listener = listener
        self._program = program
        self._flow = prompt.broker.entra.begin_browser(listener.redirect_uri, prompt.wishes)
        self._started = False
        self._outcome: VerifiedToken | McpLocalError = _timed_out(prompt.limit)

    async def receive(
        self, limit: float, browser: Mapping[str, str] | None, *, give_up: bool
    ) -> None:
        """Tell where to start, wait for the answer, and redeem it.

        ``browser`` is the environment to open one in. All in the loop, where a Ctrl-C is safe.
        """
        self._begin()
        opening = None if browser is None else Opening(self._listener.start_url(), browser)
        receiving = asyncio.ensure_future(
            self._listener.receive(
                self._flow.auth_uri, self._redeem, limit=limit, started=self._renew_start
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
        self._prompt.announce(self._prompt.board.update(step))

    def result(self) -> VerifiedToken:
        """Return who signed in.

        Raises:
            McpLocalError: nobody did.
        """
        if isinstance(self._outcome, McpLocalError):
            raise self._outcome
        return self._outcome

    def _redeem(self, form: Mapping[str, str]) -> Response:
        try:
            tokens = self._prompt.broker.entra.finish_browser(self._flow, form)
            self._outcome = self._prompt.complete(tokens)
        except McpLocalError as error:
            self._outcome = error
        program = self._go_back_to()
        match self._outcome:
            case Declined():
                return pages.cancelled(program)
            case McpLocalError():
                return pages.failed(problem_of(self._outcome), program)
            case token:
                who = token.identity.name or token.identity.username
                return pages.signed_in(who, program, "" if self._program else _RESTART)

    def _go_back_to(self) -> str:
        with suppress(StorageError):
            return self._program or self._prompt.board.read().program
        return ""

    def _renew_start(self, used: str) -> None:
        """Put a fresh start address in the place of the one that was shown and used up."""
        self._started = True
        fresh = self._listener.start_url()

        def step(state: SignInState) -> SignInState:
            return replace(state, start_url=fresh) if state.start_url.endswith(used) else state

        with suppress(StorageError):  # the sign-in goes on without it
            self._prompt.board.update(step)


def _timed_out(limit: float) -> Declined:
    count, unit = (limit / 60, "minute") if limit > _MINUTE else (limit, "second")
    return Declined(
        Problem(
            "timed_out",
            f"Nobody finished the sign-in within {count:.0f} {unit}{'' if count == 1 else 's'}.",
            "If the page was closed, ask for the sign-in again. If it shows a code of Microsoft's, "
            "`mcp-local explain-error CODE` says what helps; `mcp-local doctor` looks at the apps.",
        )
    )
