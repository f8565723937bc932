"""The sign-in process: where a person is asked, and MSAL runs (DESIGN.md 3).

``mcp-local login`` calls this, in a terminal as well as when a server starts it in the background.
One sign-in at a time runs on a machine; whoever comes second waits and adopts its result.
"""

from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, assert_never

from mcp_local.broker import transitions
from mcp_local.broker.acquire import Broker
from mcp_local.broker.authority.msal_cache import accounts_in
from mcp_local.broker.authority.os_broker import NoAccountBroker
from mcp_local.broker.authority.refusal import InteractionNeeded, problem_of
from mcp_local.broker.session.board import Board
from mcp_local.broker.session.handover import open_channel
from mcp_local.broker.session.refresh import display_name, note, run_refresh
from mcp_local.broker.signin.ahead import check_within_reach
from mcp_local.broker.signin.prompts import NoBrowser, Prompt
from mcp_local.broker.signin.turn import turn
from mcp_local.broker.state_file import StateFile, may_prompt
from mcp_local.broker.storage.keystore import IN_MEMORY, lasting_place
from mcp_local.broker.storage.store import Entry, open_store
from mcp_local.errors import McpLocalError, SettingsError, SignInFailed, SignInNeeded, Unreachable
from mcp_local.identity.model import TokenRejected
from mcp_local.settings import profile_dir, require_sign_in
from mcp_local.settings.model import CacheKey, SignInMethod

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from mcp_local.broker.state import SignInState
    from mcp_local.broker.storage.store import Store
    from mcp_local.identity.model import VerifiedToken
    from mcp_local.log import Log
    from mcp_local.settings import Settings

__all__ = ["run_refresh", "run_sign_in"]

_GRACE = 60.0
"""Seconds that another sign-in may take beyond the time limit, to redeem what it got."""
_TERMINAL = "the terminal"


def run_sign_in(  # noqa: PLR0913 - one keyword for each flag of `login`
    settings: Settings,
    environ: Mapping[str, str],
    *,
    log: Log,
    announce: Callable[[SignInState], None],
    method: SignInMethod | None = None,
    open_browser: bool = True,
    port: int = 0,
    timeout: float | None = None,
    background: bool = False,
    result_fd: int | None = None,
    scopes: Sequence[str] = (),
    claims: str = "",
    again: bool = False,
) -> VerifiedToken:
    """Sign the person in, or adopt the result of the sign-in that is already under way.

    ``method`` is ``browser`` or ``device``, by default what the settings say. With
    ``open_browser=False`` the person opens ``state.start_url`` themselves. ``port`` is the
    listener's (0: any). ``timeout`` is in seconds, by default that of the settings.
    ``background`` is for processes that servers start: they adopt what is already there and keep
    to the limit on prompts. ``result_fd`` hands the result to the starting server, whose storage
    is memory only. ``announce`` is called with each state that the person should see. ``scopes``
    are those of another API that the person is to consent to as well, ``claims`` (JSON) what that
    API's token must meet. With ``again`` what is already there isn't adopted.

    Raises:
        SettingsError: what a sign-in needs isn't set, or nothing could keep its result.
        SignInFailed: it ended without an account: declined, timed out, refused by the authority.
        SignInNeeded: the authority asks for yet another sign-in.
        Unreachable: the authority doesn't answer.
        KeyboardInterrupt: the person, or a SIGTERM, ended it; the state says so.
    """
    require_sign_in(settings)
    way = _Way(
        method=method or settings.signin.method,
        fallback=settings.signin.fallback,
        open_browser=open_browser,
        port=port,
        limit=timeout or settings.signin.timeout,
        background=background,
        scopes=tuple(scopes),
        claims=claims,
        adopts=background and not again,
    )
    profile = profile_dir(settings)
    with _terminable(), open_channel(result_fd) as channel:
        board = Board(StateFile(profile), channel)
        store = channel.store if channel else _lasting_store(settings, environ)
        limit, locked = way.limit + (_GRACE if background else 0.0), channel is None
        with (
            Broker(settings, store) as broker,
            turn(profile, board, announce, limit=limit, locked=locked) as waited,
        ):
            sign_in = _SignIn(settings, environ, store, broker, board, log, announce, way)
            return sign_in.run(waited=waited)


@dataclass(frozen=True, slots=True)
class _Way:
    """How the person is to be asked."""

    method: SignInMethod
    fallback: SignInMethod
    open_browser: bool
    port: int
    limit: float
    background: bool
    scopes: tuple[str, ...]
    claims: str
    adopts: bool
    """Whether a token that is there already will do."""


@dataclass(frozen=True, slots=True)
class _SignIn:
    """One sign-in."""

    settings: Settings
    environ: Mapping[str, str] = field(repr=False)  # may hold the passphrase
    store: Store
    broker: Broker
    board: Board
    log: Log
    announce: Callable[[SignInState], None]
    way: _Way

    def run(self, *, waited: bool) -> VerifiedToken:
        """Adopt what is there, else ask the person. The caller holds the machine's lock."""
        state = self._enter(transitions.interrupted)  # whoever waited without this lock is dead
        claims = self.way.claims or state.claims
        wants_person = state.phase.wants_person
        if (waited or self.way.adopts) and not wants_person:
            try:
                return self._without_person()
            except InteractionNeeded as error:
                claims = error.claims or self.way.claims
            except (SignInFailed, TokenRejected):
                pass  # another account, or a newer token, may do
        self._keep_to_limit(state)
        return self._ask(claims)

    def _without_person(self) -> VerifiedToken:
        """Return the token that is there, or that a renewal brings.

        Raises:
            InteractionNeeded: the person is needed, perhaps to meet a claims challenge.
            SignInFailed, TokenRejected: what is there is of no use.
            Unreachable: the authority doesn't answer.
        """
        try:
            token = self.broker.current() or self.broker.renew()
            if self.way.scopes:
                self.broker.token_for(self.way.scopes, claims=self.way.claims)
        except Unreachable as error:
            self._enter(partial(transitions.not_renewed, error=error))
            raise
        self._enter(partial(transitions.renewed, account=display_name(token)))
        return token

    def _keep_to_limit(self, state: SignInState) -> None:
        """Refuse to ask once more where nobody has answered (CLIENTS.md consequence 6)."""
        if self.way.background and not may_prompt(state, time.time()):
            why = state.problem
            raise SignInNeeded(
                why.message if why else "The last sign-in was not finished.",
                hint="Ask for the sign-in, or run `mcp-local login`.",
            )

    def _ask(self, claims: str) -> VerifiedToken:
        began = time.monotonic()
        self.log.event("sign_in_started", method=self.way.method, background=self.way.background)
        try:
            token = self._put(claims)
        except KeyboardInterrupt:
            self._enter(transitions.stopped)
            note(self.log, "sign_in", began, "cancelled")
            raise
        except McpLocalError as error:
            self._enter(partial(transitions.failed, error=error))
            note(self.log, "sign_in", began, problem_of(error).code)
            raise
        self._enter(partial(transitions.signed_in, account=display_name(token)))
        note(self.log, "sign_in", began, "ok", token)
        return token

    def _put(self, claims: str) -> VerifiedToken:
        """Put the question to the person in the way that was chosen."""
        way = self.way
        prompt = Prompt(
            self.broker, self.board, self.announce, way.limit, claims, self._hint(), way.scopes
        )
        match way.method:
            case SignInMethod.DEVICE:
                return prompt.by_device(self._screen())
            case SignInMethod.BROWSER:
                return self._in_browser(prompt)
            case SignInMethod.BROKER:
                return self._in_window(prompt)
            case SignInMethod.NONE:
                raise SettingsError(
                    "Nobody signs in with signin.method = none.",
                    hint="Set signin.method (MCP_LOCAL_SIGN_IN) to `browser` or `device`.",
                )
            case _:
                assert_never(way.method)

    def _in_window(self, prompt: Prompt) -> VerifiedToken:
        """Use the operating system's account broker; say aloud when there is none."""
        if not self.way.open_browser:  # whoever wants an address, wants no window
            return self._in_browser(prompt)
        try:
            # At a terminal the person chooses; a server takes the account of the system's login.
            return prompt.in_window("" if self.way.background else "select_account")
        except NoAccountBroker as error:
            self.log.event("account_broker", level="warning", outcome=error.code)
            return self._in_browser(replace(prompt, instead_of=problem_of(error)))

    def _in_browser(self, prompt: Prompt) -> VerifiedToken:
        way = self.way
        fallback = way.fallback is SignInMethod.DEVICE
        check_within_reach(self.settings, self.store)
        try:
            return prompt.in_browser(
                self.environ,
                port=way.port,
                open_browser=way.open_browser,
                give_up=fallback,
                program="" if way.background else _TERMINAL,
            )
        except NoBrowser:
            if not fallback:
                raise
            return prompt.by_device(self._screen())

    def _screen(self) -> Mapping[str, str] | None:
        """Return where a screen is to be looked for: a terminal shows all by itself."""
        return self.environ if self.way.background else None

    def _enter(self, step: Callable[..., SignInState]) -> SignInState:
        return self.board.update(partial(step, now=time.time()))

    def _hint(self) -> str:
        """Return the user name that the authority may take for granted, if there is one.

        At a terminal the person chooses among their accounts; a server asks for the same again.
        """
        if "@" in self.settings.account:
            return self.settings.account
        names = self._usernames() if self.way.background else []
        return names[0] if len(names) == 1 else ""

    def _usernames(self) -> list[str]:
        return [account.username for account in accounts_in(self.store.load(Entry.MSAL))]


def _lasting_store(settings: Settings, environ: Mapping[str, str]) -> Store:
    """Return a store that keeps the result of a sign-in.

    Raises:
        SettingsError: there is memory only, which ends with this process.
    """
    store = open_store(settings, environ)
    if store.storage.kind == CacheKey.MEMORY:
        raise SettingsError(
            "There is no safe place to keep a sign-in, so it would end with this command."
            f"{store.storage.detail.removeprefix(IN_MEMORY)}",
            hint=lasting_place(store.storage),
        )
    return store


@contextmanager
def _terminable() -> Generator[None]:
    """Let SIGTERM end the sign-in as Ctrl-C does, so that the state says so."""
    if threading.current_thread() is not threading.main_thread():  # only it may set handlers
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
