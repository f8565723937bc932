"""When a server has the person asked, and whether it or its client opens the page for them.

One prompt at a time on this machine; by itself a server asks once, and once more after an
interruption (CLIENTS.md consequence 6).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mcp_local.broker import transitions
from mcp_local.broker.state import Phase
from mcp_local.broker.state_file import may_prompt, may_renew
from mcp_local.settings.model import SignInMethod, SignInWhen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from mcp_local.broker.session.errands import Errands
    from mcp_local.broker.session.news import News
    from mcp_local.broker.session.view import View
    from mcp_local.broker.state import Wanted
    from mcp_local.settings import Settings

_PROMPTS = 2
"""Prompts that nobody asked for in one server's life: the first, and one after an interruption."""
_LOOK = 0.25
"""Seconds between two looks at a process that is to end."""
_BEGUN = 20.0
"""Seconds until a sign-in process has said where it waits."""


class Prompting:
    """The prompts of one server. For one event loop."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of the session
        self,
        settings: Settings,
        open_page: Callable[[str], bool] | None,
        view: View,
        errands: Errands,
        news: News,
        look: Callable[[], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        self._when = settings.signin.when
        self._has_page = settings.signin.method is SignInMethod.BROWSER
        self._falls_back = settings.signin.fallback is SignInMethod.DEVICE
        self._open_page = open_page
        """Opens a browser, and tells whether it could; may block."""
        self._view = view
        self._errands = errands
        self._news = news
        self._look = look
        self._clock = clock
        self._attempts: set[asyncio.Task[None]] = set()
        """Attempts to have the person asked; each is over once that has begun."""
        self._left = _PROMPTS
        self._unopened = False
        """Whether the sign-in under way is ours, and its page left to the client to open."""
        self._wanted: Wanted | None = None
        """What our last sign-in is to bring beside who is signed in."""
        self._shown_code = ""
        """The last device code that a call has brought to the person."""
        self.left_alone = False
        """The person has signed out here: nothing asks by itself any more."""

    @property
    def joinable(self) -> bool:
        """Whether a person is being asked, by us or by another instance whose result we can see."""
        return self._view.waiting and (self._errands.shared or self._errands.signing_in)

    @property
    def under_way(self) -> bool:
        """Whether a person is being asked, or about to be."""
        return bool(self._attempts) or self.joinable or self._errands.signing_in

    async def wait(self, over: Callable[[], object], *, seconds: float) -> None:
        """Wait for the person, until ``over()``; a new code goes to them at once.

        They read it in what the call answers that waits, and nowhere else.
        """
        await self._news.until(lambda: over() or self._code_to_show, seconds=seconds)
        self._shown_code = self._view.state.user_code

    @property
    def _code_to_show(self) -> bool:
        return self._view.state.user_code not in {"", self._shown_code}

    @property
    def for_more(self) -> bool:
        """Whether a sign-in of ours is under way that somebody who is signed in has to do."""
        return self._wanted is not None and self.under_way

    def begin(self, work: Callable[[], Coroutine[object, object, None]]) -> None:
        """Begin an attempt."""
        task = asyncio.get_running_loop().create_task(work())
        self._attempts.add(task)
        task.add_done_callback(self._has_begun)

    def allowed(self, *, use: bool) -> bool:
        """Tell whether to ask at the first use, or once more when a prompt was interrupted."""
        at_use = use and self._when is SignInWhen.CALL
        again = self._when is SignInWhen.START and self._view.state.phase is Phase.INTERRUPTED
        return (at_use or again) and not self.under_way

    async def unasked(self, *, by_client: bool = False) -> None:
        """Ask, where no person caused it and the limits allow it."""

        async def needed() -> bool:
            await self._look()
            now, state = self._clock(), self._view.state
            allowed = may_prompt(state, now) and may_renew(state, now)
            wanted = self._view.current() is None and state.phase is not Phase.BLOCKED
            return wanted and allowed and not self.left_alone and not self.joinable

        if self._left:
            self._left -= 1
            await self._send(needed, by_client=by_client)

    async def for_person(self, *, by_client: bool = False) -> None:
        """Ask because the person wants it."""

        async def needed() -> bool:
            await self._look()
            return not self._view.settled and not self.joinable

        self.left_alone = False
        await self._view.update(transitions.asked_by_person)
        await self._send(needed, by_client=by_client)

    def consent(self, wanted: Wanted, *, by_client: bool = False) -> None:
        """Begin to ask for another API, where that may be."""

        async def needed() -> bool:
            await self._look()
            return not self.joinable

        allowed = self._when is not SignInWhen.NEVER and not self.left_alone
        if allowed and self._left and not self.under_way:
            self._left -= 1
            self.begin(lambda: self._send(needed, by_client=by_client, wanted=wanted))

    async def invite(self, *, by_person: bool, wanted: Wanted | None = None) -> str:
        """Begin a sign-in whose page the client is to open; return the page's address.

        Empty where there is nothing for it to open: no prompt is allowed, or one is under way whose
        page was opened already.
        """
        allowed = by_person or self._may_invite()
        await self._news.until(lambda: not self._attempts, seconds=_BEGUN)
        if self._has_page and wanted is not None:
            self.consent(wanted, by_client=True)
        elif self._has_page and allowed and not self._view.settled and not self.joinable:
            ask = self.for_person if by_person else self.unasked
            self.begin(lambda: ask(by_client=True))
        await self._news.until(lambda: not self._attempts, seconds=_BEGUN)
        ours = self._unopened and self._errands.signing_in and self._view.waiting
        return self._view.state.start_url if ours else ""

    def _may_invite(self) -> bool:
        """Whether a call that no person caused may ask; not after they signed out anywhere."""
        state = self._view.state
        signed_out = state.phase is Phase.SIGNED_OUT and state.since and state.problem is None
        by_start = self._when is SignInWhen.START and not signed_out
        return (by_start or self._when is SignInWhen.CALL) and not self.left_alone

    def opened(self) -> None:
        """Take note that the client has opened the page."""
        self._unopened = False

    async def open_page(self) -> None:
        """Open in a browser what the client was to open and didn't; else have a code shown."""
        url, unopened = self._view.state.start_url, self._unopened
        self._unopened = False
        if not unopened or not url or self._open_page is None:
            return
        opened = await asyncio.to_thread(self._open_page, url)
        if not opened and self._falls_back:
            self.begin(self._by_device)
            await self._news.until(lambda: not self._attempts, seconds=_BEGUN)

    async def close(self) -> None:
        """Give up attempts that have not begun; a sign-in under way goes on."""
        for task in self._attempts:
            task.cancel()
        await asyncio.gather(*self._attempts, return_exceptions=True)

    async def _by_device(self) -> None:
        """Put the question that waits for a page as one for a code."""

        async def needed() -> bool:
            await self._look()
            return not self.joinable

        self._errands.end_sign_in()
        while self._errands.signing_in or self._view.waiting:
            await asyncio.sleep(_LOOK)
            await self._look()
        await self._view.update(transitions.asked_by_person)  # it is the same prompt
        await self._errands.sign_in(
            needed=needed, begun=self._begun, wanted=self._wanted, by_device=True
        )

    async def _send(
        self,
        needed: Callable[[], Awaitable[bool]],
        *,
        by_client: bool,
        wanted: Wanted | None = None,
    ) -> None:
        async def ours() -> bool:
            is_needed = await needed()
            if is_needed:
                self._unopened, self._wanted = by_client, wanted
            return is_needed

        await self._errands.sign_in(
            needed=ours, begun=self._begun, wanted=wanted, by_client=by_client
        )

    async def _begun(self) -> bool:
        await self._look()
        return self._view.waiting

    def _has_begun(self, task: asyncio.Task[None]) -> None:
        self._attempts.discard(task)
        self._news.tell()
