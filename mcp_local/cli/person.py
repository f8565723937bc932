"""The person behind a command: looked up in what is kept, renewed when due."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from mcp_local.broker.record import load_record, verify_record
from mcp_local.broker.session.local import DeclaredSession
from mcp_local.broker.state import Phase, Status
from mcp_local.broker.storage.store import open_store
from mcp_local.cli.whoami import Report, TokenSource
from mcp_local.errors import McpLocalError, SettingsError, SignInNeeded
from mcp_local.settings import SignInMethod, require_sign_in
from mcp_local.wiring import choose_policy

if TYPE_CHECKING:
    from mcp_local.broker.acquire import Broker
    from mcp_local.broker.storage.store import Store
    from mcp_local.cli.context import Context
    from mcp_local.cli.parser import Arguments
    from mcp_local.identity.model import VerifiedToken
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
        session = DeclaredSession(settings)
        status = session.status()
        why = status.problem
        error = SignInNeeded(why.message, hint=why.hint) if why else None
        return Report(status, TokenSource.CACHE, settings, policy, error, session.current())
    store = open_store(settings, context.environ)
    nobody = Status(
        Phase.SIGNED_OUT,
        signed_in=False,
        storage=store.storage,
        development=settings.development,
    )
    report = Report(nobody, TokenSource.CACHE, settings, policy)
    try:
        token, source = _kept(settings, store) if offline else _acquired(settings, context, store)
    except McpLocalError as error:
        return replace(report, error=error)
    return replace(report, status=_signed_in(nobody, token), source=source, token=token)


def require_token(report: Report) -> VerifiedToken:
    """Return the token of the person who is signed in.

    Raises:
        McpLocalError: nobody is; the same error that ``whoami`` tells.
    """
    if report.token is None:
        raise report.error or _nobody()
    return report.token


def _nobody() -> SignInNeeded:
    return SignInNeeded("Nobody is signed in.", hint="Sign in: `mcp-local login`.")


def _kept(settings: Settings, store: Store) -> tuple[VerifiedToken, TokenSource]:
    record = load_record(store)
    if record is None:
        raise _nobody()
    return verify_record(record, settings, time.time()), TokenSource.CACHE


def _acquired(
    settings: Settings, context: Context, store: Store
) -> tuple[VerifiedToken, TokenSource]:
    with open_broker(settings, context, store) as broker:
        before = broker.current()
        token = broker.acquire()
    same = before is not None and before.token == token.token
    return token, TokenSource.CACHE if same else TokenSource.NETWORK


def _signed_in(nobody: Status, token: VerifiedToken) -> Status:
    who = token.identity
    return replace(
        nobody,
        phase=Phase.SIGNED_IN,
        signed_in=True,
        name=who.name,
        username=who.username,
        object_id=who.object_id,
        tenant_id=who.tenant_id,
        roles=tuple(sorted(who.roles)),
        scopes=tuple(sorted(who.scopes)),
        expires_at=float(who.expires_at),
        usable_until=token.valid_until,
    )
