"""One sign-in: what is there already is adopted, else the person is asked in the way chosen."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, assert_never

from mcp_local.broker import transitions
from mcp_local.broker.authority.flows import Wishes
from mcp_local.broker.authority.msal_cache import accounts_in
from mcp_local.broker.authority.os_broker import NoAccountBroker
from mcp_local.broker.authority.refusal import InteractionNeeded, problem_of
from mcp_local.broker.session.refresh import display_name, note
from mcp_local.broker.signin.ahead import check_within_reach
from mcp_local.broker.signin.prompts import Prompt
from mcp_local.broker.signin.unanswered import NoBrowser
from mcp_local.broker.state_file import may_prompt
from mcp_local.broker.storage.store import Entry
from mcp_local.errors import McpLocalError, SettingsError, SignInFailed, SignInNeeded, Unreachable
from mcp_local.identity.model import TokenRejected
from mcp_local.settings.model import SignInMethod

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mcp_local.broker.acquire import Broker
    from mcp_local.broker.session.board import Board
    from mcp_local.broker.state import SignInState
    from mcp_local.broker.storage.store import Store
    from mcp_local.identity.model import VerifiedToken
    from mcp_local.log import Log
    from mcp_local.settings import Settings

_TERMINAL = "the terminal"


@dataclass(frozen=True, slots=True)
class Way:
    """How the person is to be asked: the flags of ``login``."""

    device: bool = False
    """With a device code, whatever the settings say."""
    open_browser: bool = True
    """Otherwise the person opens ``state.start_url`` themselves."""
    port: int = 0
    """The listener's for the browser's answer; 0: any."""
    background: bool = False
    """A server asks: what is there already is adopted, and the limit on prompts holds."""
    scopes: tuple[str, ...] = ()
    """Of another API that the person is to consent to as well."""
    claims: str = ""
    """What that API's token must meet (JSON)."""
    again: bool = False
    """What is there already isn't adopted."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """One sign-in. The caller holds the machine's lock."""

    settings: Settings
    environ: Mapping[str, str] = field(repr=False)  # may hold the passphrase
    store: Store
    broker: Broker
    board: Board
    log: Log
    announce: Callable[[SignInState], None]
    way: Way

    def run(self, *, waited: bool) -> VerifiedToken:
        """Adopt what is there, else ask the person; ``waited``: another sign-in has just ended."""
        state = self._enter(transitions.interrupted)  # whoever waited without this lock is dead
        claims = self.way.claims or state.claims
        adopts = waited or (self.way.background and not self.way.again)
        if adopts and not state.phase.wants_person:
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
        self.log.event("sign_in_started", method=self._method(), background=self.way.background)
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
        prompt = Prompt(
            self.broker,
            self.board,
            self.announce,
            limit=self.settings.signin.timeout,
            wishes=Wishes(self._hint(), claims, scopes=self.way.scopes),
        )
        match method := self._method():
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
                assert_never(method)

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
        fallback = self.settings.signin.fallback is SignInMethod.DEVICE
        check_within_reach(self.settings, self.store)
        try:
            return prompt.in_browser(
                self.environ,
                port=self.way.port,
                open_browser=self.way.open_browser,
                give_up=fallback,
                program="" if self.way.background else _TERMINAL,
            )
        except NoBrowser:
            if not fallback:
                raise
            return prompt.by_device(self._screen())

    def _method(self) -> SignInMethod:
        return SignInMethod.DEVICE if self.way.device else self.settings.signin.method

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
