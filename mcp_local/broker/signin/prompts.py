"""The ways to ask a person: a browser or a window on this machine, or a code for one elsewhere."""

from __future__ import annotations

import asyncio
import time
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from mcp_local.broker import transitions
from mcp_local.broker.authority.refusal import Declined
from mcp_local.broker.screen.browser import available
from mcp_local.broker.signin import pages
from mcp_local.broker.signin.code_page import on_screen
from mcp_local.broker.signin.listener import Listener
from mcp_local.broker.signin.unanswered import NoBrowser, timed_out
from mcp_local.broker.signin.visit import Visit
from mcp_local.broker.signin.window import ended_after
from mcp_local.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mcp_local.broker.acquire import Broker
    from mcp_local.broker.authority.flows import Tokens, Wishes
    from mcp_local.broker.loopback.http import Response
    from mcp_local.broker.session.board import Board
    from mcp_local.broker.state import Problem, SignInState
    from mcp_local.identity.model import VerifiedToken


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
            self.show(partial(transitions.waiting_for_window, now=now, deadline=now + self.limit))

        def gives_up() -> None:
            self.show(partial(transitions.failed, now=time.time(), error=timed_out(self.limit)))

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
        self.show(
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
                raise timed_out(self.limit) from None
            raise
        return self.complete(tokens)

    def _code_page(self, code: str, address: str) -> Response:
        return pages.device_code(code, address, self.client())

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
        the start address. ``program`` is where the last page says to go back to; empty: the client,
        once it has told its name.

        Raises:
            NoBrowser: none can be opened.
            McpLocalError: as ``Broker`` and ``Entra`` do; Declined when the time is up.
        """
        if open_browser and not available(environ):
            raise NoBrowser
        listener = Listener(port)
        try:
            visit = Visit(self, listener, program)
            browser = environ if open_browser else None
            asyncio.run(visit.receive(browser, give_up=give_up))
        except TimeoutError:
            raise timed_out(self.limit) from None
        finally:
            listener.close()
        return visit.result()

    def complete(self, tokens: Tokens) -> VerifiedToken:
        """Verify and keep what the sign-in brought.

        Raises:
            McpLocalError: as ``Broker.complete``.
        """
        return self.broker.complete(tokens, other=bool(self.wishes.scopes))

    def client(self) -> str:
        """Return the program to go back to, once its server has told that; else nothing."""
        with suppress(StorageError):
            return self.board.read().program
        return ""

    def show(self, step: Callable[[SignInState], SignInState]) -> None:
        """Make one step, and let the person see it."""
        self.announce(self.board.update(step))
