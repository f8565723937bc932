"""Entra ID through MSAL, which only this module knows; for the broker's short-lived processes."""

from __future__ import annotations

import logging
import re
import time
from typing import TYPE_CHECKING

import msal

from mcp_local.broker.authority import os_broker
from mcp_local.broker.authority.addresses import is_page
from mcp_local.broker.authority.flows import (
    Account,
    BrowserFlow,
    DeviceFlow,
    Tokens,
    Wishes,
    polled,
    read_form,
)
from mcp_local.broker.authority.metadata import Documents, Metadata, load_metadata
from mcp_local.broker.authority.msal_answers import DeviceCode, Granted, ask, convert, odd
from mcp_local.broker.authority.msal_cache import NOBODY, accounts_in, choose, swap
from mcp_local.broker.authority.msal_http import MsalHttp
from mcp_local.broker.authority.refusal import AuthorityDown, Declined, InteractionNeeded
from mcp_local.broker.record import load_record
from mcp_local.broker.state import Problem
from mcp_local.broker.storage.store import Entry
from mcp_local.errors import SignInFailed
from mcp_local.secret import Secret
from mcp_local.settings.authority import MICROSOFT_HOSTS, host_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mcp_local.broker.authority.http import Http
    from mcp_local.broker.storage.store import Store
    from mcp_local.settings.model import Settings

# MSAL logs codes, client_info, state and odd answers as they are, some of it as errors (O17).
_msal_log = logging.getLogger("msal")
_msal_log.addHandler(logging.NullHandler())
_msal_log.setLevel(logging.CRITICAL + 1)
_msal_log.propagate = False

_ADDED_BY_MSAL = frozenset({"openid", "profile", "offline_access"})
"""Scopes that MSAL adds itself, and refuses when it is handed them."""

_NO_WISHES = Wishes()
_USER_CODE = re.compile(r"[A-Za-z0-9-]{4,32}")


class Entra:
    """Signs people in and renews tokens; decides nothing and verifies nothing."""

    def __init__(
        self,
        settings: Settings,
        http: Http,
        store: Store,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._documents = Documents(http, settings.authority, store, clock)
        self._http = MsalHttp(http, self._documents)

    def metadata(self) -> Metadata:
        """Return issuers and the address of the keys; from the disk when that is fresh enough.

        Raises:
            SettingsError: there is no such tenant.
            Unreachable: the authority doesn't answer, and nothing is kept.
        """
        return load_metadata(self._settings, self._documents)

    def begin_browser(self, redirect_uri: str, wishes: Wishes = _NO_WISHES) -> BrowserFlow:
        """Prepare a sign-in whose answer comes to ``redirect_uri`` as a form POST.

        Raises:
            SettingsError: there is no such tenant.
            Unreachable: the authority doesn't answer.
        """
        app = self._app(msal.SerializableTokenCache())
        flow = ask(
            lambda: app.initiate_auth_code_flow(
                self._scopes(wishes.scopes),
                redirect_uri=redirect_uri,
                prompt=wishes.prompt or (None if wishes.login_hint else "select_account"),
                login_hint=wishes.login_hint or None,
                claims_challenge=wishes.claims or None,
                response_mode="form_post",
            )
        )
        return BrowserFlow(str(flow["auth_uri"]), flow)

    def finish_browser(self, flow: BrowserFlow, form: Mapping[str, str]) -> Tokens:
        """Redeem the answer that the browser posted; nothing is stored yet.

        Raises:
            SignInFailed: declined, blocked, or an answer that belongs to no sign-in or another one.
            InteractionNeeded: the authority wants another sign-in, with other claims.
            Unreachable: the authority doesn't answer.
        """
        unusable = SignInFailed(
            "The browser's answer is of no use for this sign-in.", hint="Start it again."
        )
        if not flow.accepts(form.get("state", "")):
            raise unusable
        # A new cache: one profile holds one person, and nobody is stored before they are verified.
        cache = msal.SerializableTokenCache()
        app = self._app(cache)
        result = ask(
            lambda: app.acquire_token_by_auth_code_flow(dict(flow.msal_flow), read_form(form)),
            otherwise=unusable,  # so also for a nonce that isn't ours
        )
        return self._signed_in(result, cache)

    def begin_device(self, wishes: Wishes = _NO_WISHES) -> DeviceFlow:
        """Ask for a device code (RFC 8628, 3.1); of the wishes, claims and scopes count.

        Raises:
            SignInFailed: the authority gives none.
            SettingsError: there is no such tenant.
            Unreachable: the authority doesn't answer.
        """
        app = self._app(msal.SerializableTokenCache())
        flow = ask(
            lambda: app.initiate_device_flow(
                self._scopes(wishes.scopes), claims_challenge=wishes.claims or None
            )
        )
        if "error" in flow:
            raise os_broker.refusal(flow)
        told = convert(flow, DeviceCode)
        page = is_page(told.verification_uri, self._settings.authority)
        if not page or not _USER_CODE.fullmatch(told.user_code):
            raise AuthorityDown("The authority's device code can't be shown to a person.")
        return DeviceFlow(told.user_code, told.verification_uri, told.expires_at, flow)

    def finish_device(
        self, flow: DeviceFlow, stop: Callable[[], bool], *, claims: str = ""
    ) -> Tokens:
        """Wait until the person has entered the code; nothing is stored yet.

        ``stop`` is asked several times a second; when it says yes the wait ends. The authority's
        interval is obeyed (O13), and a fault of the network is waited out (RFC 8628, 3.5).
        ``claims`` are those of :meth:`begin_device`.

        Raises:
            SignInFailed: declined, expired, or stopped.
            InteractionNeeded: the authority wants another sign-in, with other claims.
        """
        cache = msal.SerializableTokenCache()
        app = self._app(cache)
        state = flow.msal_flow

        def once() -> dict[str, object]:
            return ask(
                lambda: app.acquire_token_by_device_flow(
                    state, claims or None, exit_condition=lambda _: True
                )
            )

        if (result := polled(flow, once, stop)) is not None:
            return self._signed_in(result, cache)
        if stop():
            raise Declined(Problem("cancelled", "The sign-in was stopped.", "Start it again."))
        raise os_broker.refusal({"error": "expired_token"})

    def in_window(self, shown: Callable[[], None], wishes: Wishes) -> Tokens:
        """Let the operating system's account broker sign somebody in; nothing is stored yet.

        For the main thread, as macOS demands. Blocks for as long as the person takes; ``shown`` is
        called when a window opens.

        Raises:
            McpLocalError: as :meth:`finish_browser` and ``os_broker.ask_in_window``.
        """
        cache = msal.SerializableTokenCache()
        wishes = wishes._replace(scopes=self._scopes(wishes.scopes))
        result = os_broker.ask_in_window(self._app(cache), wishes, shown, self._settings)
        return self._signed_in(result, cache)

    def exchange(self, tokens: Tokens) -> Tokens:
        """Change what a sign-in for another API brought for a token of the settings' scopes.

        Nothing is stored; the other API's token stays in the cache that is returned.

        Raises:
            InteractionNeeded, Blocked, Unreachable: as :meth:`silent`.
        """
        cache = _opened(tokens.cache)
        app = self._app(cache)
        account = tokens.account.for_msal
        result = ask(lambda: app.acquire_token_silent_with_error(self._scopes(), account))
        if result is None:
            raise InteractionNeeded(NOBODY)
        return self._tokens(result, cache.serialize().encode(), tokens.account)

    def silent(
        self, *, force: bool = False, scopes: Sequence[str] = (), claims: str = ""
    ) -> Tokens:
        """Get a token without the person; what is new is stored before this returns.

        The caller holds the refresh lock (``Broker`` does). ``force`` asks the authority even if
        the cached token is still good. ``scopes``: of another API; by default those of the
        settings. ``claims`` (JSON) is a challenge that the token must meet.

        Raises:
            InteractionNeeded: nobody is signed in, or the authority wants the person.
            Blocked: an administrator or developer must act.
            Unreachable: the authority doesn't answer; AuthorityDown when it does with an error.
        """
        before = self._store.load(Entry.MSAL)
        account = self._account_in(before)
        cache = _opened(before or b"")
        app = self._app(cache)
        result = ask(
            lambda: app.acquire_token_silent_with_error(
                self._scopes(scopes),
                account.for_msal,
                force_refresh=force,
                claims_challenge=claims or None,
            )
        )
        if result is None:
            raise InteractionNeeded(NOBODY)
        if not cache.has_state_changed:
            return self._tokens(result, before or b"", account)
        tokens = self._tokens(result, cache.serialize().encode(), account)
        swap(self._store, before, tokens.cache)
        return tokens

    def _account_in(self, cache: bytes | None) -> Account:
        """Return the account that the settings pin, else the last one that signed in."""
        record = load_record(self._store)
        last = record.home_account_id if record else ""
        return choose(accounts_in(cache), self._settings.account, last)

    def _app(self, cache: msal.SerializableTokenCache) -> msal.PublicClientApplication:
        """Make a new application: MSAL keeps every 400 for a minute in the old one (ENTRA.md 2)."""
        settings = self._settings
        self._documents.v2()  # before MSAL, whose own errors say less
        microsoft = host_of(settings.authority) in MICROSOFT_HOSTS
        return os_broker.call(
            lambda: msal.PublicClientApplication(
                settings.client_id,
                authority=settings.authority,
                token_cache=cache,
                http_client=self._http,
                app_name="mcp-local",
                # Microsoft's own directory of authorities, asked for Microsoft's hosts only.
                instance_discovery=None if microsoft else False,
                **os_broker.options(settings),
            ),
            settings,
        )

    def _scopes(self, scopes: Sequence[str] = ()) -> list[str]:
        wanted = scopes or self._settings.scopes
        return [scope for scope in wanted if scope not in _ADDED_BY_MSAL]

    def _signed_in(self, result: dict[str, object], cache: msal.SerializableTokenCache) -> Tokens:
        """Turn a sign-in's result into Tokens; its cache was empty before, so holds one account."""
        if "error" in result:
            raise os_broker.refusal(result)
        data = cache.serialize().encode()
        accounts = accounts_in(data)
        if not accounts:  # no client_info: nothing could renew this token
            raise odd()
        return self._tokens(result, data, accounts[0])

    def _tokens(self, result: dict[str, object], cache: bytes, account: Account) -> Tokens:
        if "error" in result:
            raise os_broker.refusal(result)
        granted = convert(result, Granted)
        return Tokens(
            Secret(granted.access_token),
            account,
            self._clock() + granted.expires_in,
            granted.refresh_on,
            cache,
        )


def _opened(data: bytes) -> msal.SerializableTokenCache:
    cache = msal.SerializableTokenCache()
    cache.deserialize(data.decode())
    return cache
