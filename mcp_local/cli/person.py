"""The person behind a command: looked up in what is kept, renewed when due."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from mcp_local.broker.record import load_record, verify_record
from mcp_local.broker.session.local import DeclaredSession
from mcp_local.broker.state import Phase, SignInState, Status
from mcp_local.broker.state_file import StateFile
from mcp_local.broker.status import with_person
from mcp_local.broker.storage.keystore import lasting_place
from mcp_local.broker.storage.store import open_store
from mcp_local.broker.transitions import WAITING
from mcp_local.cli.whoami import Report, TokenSource
from mcp_local.errors import (
    McpLocalError,
    SettingsError,
    SignInNeeded,
    StorageError,
    Unreachable,
)
from mcp_local.identity.grace import Grace
from mcp_local.settings import CacheKey, SignInMethod, profile_dir, require_sign_in
from mcp_local.wiring import choose_policy

if TYPE_CHECKING:
    from mcp_local.broker.acquire import Broker
    from mcp_local.broker.state import Storage
    from mcp_local.broker.storage.store import Store
    from mcp_local.cli.context import Context
    from mcp_local.cli.parser import Arguments
    from mcp_local.identity.model import VerifiedToken
    from mcp_local.policy.in_force import PolicyInForce
    from mcp_local.settings import Settings


def sign_in_settings(arguments: Arguments, context: Context) -> Settings:
    """Load the settings for a command that is about an account.

    Raises:
        SettingsError: they don't say where to sign in, or say that nobody signs in.
    """
    settings = context.settings(arguments)
    require_sign_in(settings)
    if settings.signin.method is SignInMethod.NONE:
        raise SettingsError(
            "`signin.method` is `none`: nobody signs in here.",
            hint="Set `signin.method` (MCP_LOCAL_SIGN_IN) to `browser` or `device`.",
        )
    return settings


def open_broker(settings: Settings, context: Context, store: Store | None = None) -> Broker:
    """Return the broker, which talks to the authority; to be used as a context manager."""
    from mcp_local.broker.acquire import Broker  # noqa: PLC0415 - start-up: brings MSAL along

    return Broker(settings, store or open_store(settings, context.environ))


def look_up(settings: Settings, context: Context, *, offline: bool = False) -> Report:
    """Find out who is signed in; ``offline`` asks nobody.

    Raises:
        SettingsError: the settings don't say where to sign in.
        StorageError: what is kept can't be read.
    """
    require_sign_in(settings)
    policy = choose_policy(settings, "").now
    if settings.signin.method is SignInMethod.NONE:
        return _declared(settings, policy)
    store = open_store(settings, context.environ)
    token, source, error = None, TokenSource.CACHE, None
    try:
        token, source = _kept(settings, store) if offline else _acquired(settings, context, store)
    except McpLocalError as why:
        error = _told(why, store.storage)
    status = _status(settings, store.storage, token)
    return Report(status, source, settings, policy, error, token)


def require_token(report: Report) -> VerifiedToken:
    """Return the token of the person who is signed in.

    Raises:
        McpLocalError: nobody is; the same error that ``whoami`` tells.
    """
    if report.token is None:
        raise report.error or _nobody()
    return report.token


def _declared(settings: Settings, policy: PolicyInForce) -> Report:
    """Report on the person whom the settings declare."""
    session = DeclaredSession(settings)
    status = session.status()
    why = status.problem
    error = SignInNeeded(why.message, hint=why.hint) if why else None
    return Report(status, TokenSource.CACHE, settings, policy, error, session.current())


def _status(settings: Settings, storage: Storage, token: VerifiedToken | None) -> Status:
    """Return where the session stands, with who is signed in."""
    state = _state(settings)
    status = Status(
        _phase(state, token),
        signed_in=False,
        storage=storage,
        problem=state.problem,
        development=settings.development,
        grace=Grace.of(settings),
    )
    return status if token is None else with_person(status, token, status.grace)


def _told(error: McpLocalError, storage: Storage) -> McpLocalError:
    """Return the error; where nothing is kept, with another hint than ``login``, which refuses."""
    if isinstance(error, SignInNeeded) and storage.kind == CacheKey.MEMORY:
        return SignInNeeded(error.message, hint=lasting_place(storage))
    return error


def _nobody() -> SignInNeeded:
    return SignInNeeded("Nobody is signed in.", hint="Sign in: `mcp-local login`.")


def _kept(settings: Settings, store: Store) -> tuple[VerifiedToken, TokenSource]:
    """Return what is kept; an expired token only where the authority was tried in vain."""
    record = load_record(store)
    if record is None:
        raise _nobody()
    state = _state(settings)
    grace = Grace.of(settings) if state.faults and not _is_refused(state) else Grace()
    token = verify_record(record, settings, time.time(), grace=grace.seconds)
    expired = time.time() >= token.valid_until
    return grace.extended(token) if expired else token, TokenSource.CACHE


def _acquired(
    settings: Settings, context: Context, store: Store
) -> tuple[VerifiedToken, TokenSource]:
    with open_broker(settings, context, store) as broker:
        before = broker.current()
        try:
            token = broker.acquire()
        except Unreachable:
            with suppress(McpLocalError):
                return _kept(settings, store)
            raise
    same = before is not None and before.token == token.token
    return token, TokenSource.CACHE if same else TokenSource.NETWORK


def _is_refused(state: SignInState) -> bool:
    return state.refused or state.phase.wants_person


def _state(settings: Settings) -> SignInState:
    """Return where the sign-in stands; nothing is known where the file can't be read."""
    with suppress(StorageError):
        return StateFile(profile_dir(settings)).read()
    return SignInState()


def _phase(state: SignInState, token: VerifiedToken | None) -> Phase:
    """Return where the session stands, as servers show it."""
    if state.phase in WAITING or (_is_refused(state) and state.phase is not Phase.SIGNED_OUT):
        return state.phase
    if token is None:
        return Phase.SIGNED_OUT if state.phase is Phase.SIGNED_IN else state.phase
    return Phase.OFFLINE if state.faults or token.only_tags is not None else Phase.SIGNED_IN
